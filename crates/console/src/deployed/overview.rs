//! The figures of a deployed stack.

use std::time::Duration;

use checks::aws::{Account, Unread};
use jiff::Timestamp;

use super::api_gateway::{self, GatewayFigures, Percentiles};
use super::counts::StepCounts;
use super::publisher::{self, PublishedFigures};
use super::refused_counts::{self, MAX_WINDOW_S, RefusedCounts};
use super::stack::StackSettings;
use super::window::Window;
use crate::missing::Missing;
use crate::overview::{Figures, Overview, Point, Range};

/// The time for one part of the figures.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Reads the figures of a stack. What cannot be read is named in the result.
pub(crate) async fn read(
    account: &Account,
    stack: &StackSettings,
    range: Range,
    now: Timestamp,
) -> Overview {
    let window = Window::of(range, now);
    let (published, gateway, refused) = tokio::join!(
        in_time(
            read_published(account, stack, &window, now),
            "the metrics of the stack"
        ),
        in_time(
            read_gateway(account, stack, &window),
            "the metrics of API Gateway"
        ),
        in_time(read_refused(account, stack, &window), "401 and 403"),
    );

    let mut missing = Vec::new();
    let parts = Parts {
        published: found(published, &mut missing),
        gateway: found(gateway, &mut missing),
        refused: found(refused, &mut missing),
        missing,
    };
    parts.into_overview(range, &window, now)
}

/// Returns a part, or what is missing if AWS does not respond in time.
async fn in_time<T>(
    part: impl Future<Output = Result<T, Missing>>,
    what: &str,
) -> Result<T, Missing> {
    let read = tokio::time::timeout(TIMEOUT, part).await;
    read.unwrap_or_else(|_| {
        Err(Missing {
            what: what.to_owned(),
            reason: format!("no response of AWS within {} s", TIMEOUT.as_secs()),
        })
    })
}

/// Returns the overview of an API whose stack is not known.
pub(crate) fn nothing(range: Range, now: Timestamp, missing: Missing) -> Overview {
    let parts = Parts::default();
    let overview = parts.into_overview(range, &Window::of(range, now), now);
    Overview {
        points: Vec::new(),
        missing: vec![missing],
        ..overview
    }
}

async fn read_published(
    account: &Account,
    stack: &StackSettings,
    window: &Window,
    now: Timestamp,
) -> Result<PublishedFigures, Missing> {
    let missing = |reason: String| Missing {
        what: "decisions by plan, throttled requests and circuit breakers".to_owned(),
        reason,
    };
    if !stack.publishes_metrics() {
        let reason = "the stack publishes no metrics of its own, which `PublishMetrics=true` does";
        return Err(missing(reason.to_owned()));
    }
    let namespace = stack.metrics_namespace();
    let read = publisher::read(account, &namespace, window, now).await;
    read.map_err(|unread| missing(unread.to_string()))
}

async fn read_gateway(
    account: &Account,
    stack: &StackSettings,
    window: &Window,
) -> Result<GatewayFigures, Missing> {
    let missing = |reason: String| Missing {
        what: "latency".to_owned(),
        reason,
    };
    let Some(api) = stack.api() else {
        let reason = "the stack has no output `ApiId`, so its API is not known";
        return Err(missing(reason.to_owned()));
    };
    let read = api_gateway::read(account, api, window).await;
    read.map_err(|unread| missing(unread.to_string()))
}

async fn read_refused(
    account: &Account,
    stack: &StackSettings,
    window: &Window,
) -> Result<RefusedCounts, Missing> {
    let missing = |reason: &str| Missing {
        what: "401 and 403".to_owned(),
        reason: reason.to_owned(),
    };
    if window.length_s() > MAX_WINDOW_S {
        return Err(missing(
            "metrics only have classes of statuses, and the access log is searched for at most 3 hours",
        ));
    }
    let Some(group) = stack.output("AccessLogGroup") else {
        return Err(missing(
            "metrics only have classes of statuses, and the stack has no access log",
        ));
    };
    let read = refused_counts::read(account, group, window).await;
    let read = read.map_err(|unread: Unread| missing(&unread.to_string()))?;
    read.ok_or_else(|| missing("the access log has more refused requests than are counted"))
}

/// The parts of an overview that were read.
#[derive(Default)]
struct Parts {
    published: Option<PublishedFigures>,
    gateway: Option<GatewayFigures>,
    refused: Option<RefusedCounts>,
    missing: Vec<Missing>,
}

fn found<T>(part: Result<T, Missing>, all_missing: &mut Vec<Missing>) -> Option<T> {
    match part {
        Ok(part) => Some(part),
        Err(missing) => {
            all_missing.push(missing);
            None
        }
    }
}

impl Parts {
    /// Returns the requests and the server errors.
    fn traffic(&self) -> Option<(&StepCounts, &StepCounts)> {
        let published = self.published.as_ref().and_then(|published| {
            let requests = published.requests.as_ref()?;
            Some((requests, &published.server_errors))
        });
        let gateway = || {
            let gateway = self.gateway.as_ref()?;
            Some((&gateway.requests, &gateway.server_errors))
        };
        published.or_else(gateway)
    }

    /// Returns the responses with 429.
    fn throttled(&self) -> Option<&StepCounts> {
        let refused = || Some(&self.refused.as_ref()?.throttled);
        let published = self.published.as_ref().map(|it| &it.throttled);
        published.or_else(refused)
    }

    /// Returns what the sources do not have.
    fn limits(&self, window: &Window) -> Vec<Missing> {
        let published = self.published.as_ref();
        let unread = published.map_or(0, |published| published.unread_series);
        let has_openings = published.is_some_and(|published| !published.breakers.is_empty());
        let has_gateway_counts =
            published.is_none_or(|it| it.requests.is_none()) && self.gateway.is_some();
        let lacks_total = self
            .gateway
            .as_ref()
            .is_some_and(|it| it.total_latency.is_none());
        let days = window.length_s() / 86_400;

        let limits = [
            (self.traffic().is_none()).then(|| {
                let reason =
                    "neither the metrics of the stack nor those of API Gateway can be read";
                ("requests", reason.to_owned())
            }),
            has_gateway_counts.then(|| {
                let reason = "API Gateway also counts requests for `/_tollgate/`, such as those of \
                              administrators";
                ("requests of clients alone", reason.to_owned())
            }),
            (unread > 0).then(|| ("some routes", format!("{unread} more series are not read"))),
            has_openings.then(|| {
                let reason = "CloudWatch counts how often a circuit breaker opened, not when it \
                              closed. It is shown as open for 5 minutes";
                ("state of circuit breakers", reason.to_owned())
            }),
            lacks_total.then(|| {
                let reason = format!("CloudWatch has percentiles of one day, not of {days} days");
                ("latency of the whole range", reason)
            }),
        ];
        let limits = limits.into_iter().flatten();
        limits
            .map(|(what, reason)| Missing {
                what: what.to_owned(),
                reason,
            })
            .collect()
    }

    fn into_overview(self, range: Range, window: &Window, now: Timestamp) -> Overview {
        let points = (0..window.len()).map(|step| Point {
            at: window.start(step),
            figures: self.figures(
                |counts| counts.of(step),
                self.gateway
                    .as_ref()
                    .and_then(|it| it.latency.get(step).copied()),
            ),
        });
        let points: Vec<_> = points.collect();
        let total_latency = self.gateway.as_ref().and_then(|it| it.total_latency);
        let totals = self.figures(StepCounts::total, total_latency);
        let missing = [self.limits(window), self.missing].concat();
        let published = self.published.unwrap_or_default();

        Overview {
            range,
            step_s: window.step_s,
            from: window.from,
            to: window.to,
            updated_at: now,
            counted_since: None,
            points,
            totals,
            decisions: published.decisions,
            breakers: published.breakers,
            missing,
        }
    }

    /// Returns the figures of a step or of all steps.
    fn figures(&self, of: impl Fn(&StepCounts) -> u64, latency: Option<Percentiles>) -> Figures {
        let [p50_ms, p95_ms, p99_ms] = latency.unwrap_or_default();
        let traffic = self.traffic();
        let refused = self.refused.as_ref();
        Figures {
            requests: traffic.map_or(0, |(requests, _)| of(requests)),
            throttled: self.throttled().map(&of),
            unauthorized: refused.map(|refused| of(&refused.unauthorized)),
            forbidden: refused.map(|refused| of(&refused.forbidden)),
            server_errors: traffic.map_or(0, |(_, errors)| of(errors)),
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}
