//! The figures of a deployed stack.

use std::time::Duration;

use checks::aws::{Account, Unread};
use jiff::Timestamp;

use super::api_gateway::{self, GatewayFigures};
use super::parts::Parts;
use super::publisher::{self, PublishedFigures};
use super::refused_counts::{self, MAX_WINDOW_S, RefusedCounts};
use super::stack::StackSettings;
use super::window::Window;
use crate::missing::Missing;
use crate::overview::{Overview, Range};

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

fn found<T>(part: Result<T, Missing>, all_missing: &mut Vec<Missing>) -> Option<T> {
    match part {
        Ok(part) => Some(part),
        Err(missing) => {
            all_missing.push(missing);
            None
        }
    }
}
