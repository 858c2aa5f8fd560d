//! Puts the parts of an overview together.

use jiff::Timestamp;

use super::api_gateway::{GatewayFigures, Percentiles};
use super::counts::StepCounts;
use super::publisher::PublishedFigures;
use super::refused_counts::RefusedCounts;
use super::window::Window;
use crate::missing::Missing;
use crate::overview::{Figures, Overview, Point, Range, Unknown};

/// The parts of an overview that were read.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) published: Option<PublishedFigures>,
    pub(super) gateway: Option<GatewayFigures>,
    pub(super) refused: Option<RefusedCounts>,
    pub(super) missing: Vec<Missing>,
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

    /// Returns the parts that no source has.
    fn unknown(&self) -> Vec<Unknown> {
        let parts = [
            (Unknown::Traffic, self.traffic().is_none()),
            (Unknown::Decisions, self.published.is_none()),
            (Unknown::Breakers, self.published.is_none()),
        ];
        let unknown = parts.into_iter().filter(|(_, is_unknown)| *is_unknown);
        unknown.map(|(part, _)| part).collect()
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

    /// Returns the overview of all parts.
    pub(super) fn into_overview(self, range: Range, window: &Window, now: Timestamp) -> Overview {
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
        let unknown = self.unknown();
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
            unknown,
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
