//! Reads the log of the functions in the process of the local gateway.

use std::fmt::{self, Debug};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::activity::Activity;
use super::breakers::Change;
use crate::decision_line::{DecisionLine, MESSAGE};

/// The module of the authorizer that logs decisions.
const DECISIONS: &str = "authorizer::response";
/// The module that logs changes of circuit breakers.
const BREAKERS: &str = "aws::breaker";

/// Hands the lines about refusals and circuit breakers to the activity.
struct LogLayer(Arc<Activity>);

/// Returns the layer with a filter of its own, which does not depend on the level of the log.
///
/// The authorizer logs only refusals by default, so that admitted requests cost nothing here. With
/// `LOG_DECISIONS=all`, only the first fields of their lines are read.
pub(super) fn layer<S>(activity: Arc<Activity>) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let is_read = |metadata: &Metadata<'_>| {
        metadata.is_event()
            && *metadata.level() <= Level::INFO
            && [DECISIONS, BREAKERS].contains(&metadata.target())
    };
    LogLayer(activity).with_filter(filter_fn(is_read).with_max_level_hint(Level::INFO))
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == BREAKERS {
            let mut fields = BreakerFields::default();
            event.record(&mut fields);
            self.0.breaker_changed(fields.0);
            return;
        }

        let mut fields = DecisionFields::default();
        event.record(&mut fields);
        if fields.is_decision && fields.line.is_refusal() {
            self.0.decided(fields.line);
        }
    }
}

/// The fields of an event about a decision. An admitted request is recognized before its other
/// fields are copied.
#[derive(Default)]
struct DecisionFields {
    is_decision: bool,
    line: DecisionLine,
}

impl Visit for DecisionFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.line.is_refusal() {
            self.line.set(field.name(), value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.is_decision = equals(value, MESSAGE);
        }
    }
}

/// The fields of an event about a circuit breaker.
#[derive(Default)]
struct BreakerFields(Change);

impl Visit for BreakerFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "breaker" {
            value.clone_into(&mut self.0.service);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "from" => self.0.from = format!("{value:?}"),
            "to" => self.0.to = format!("{value:?}"),
            _ => {}
        }
    }
}

/// True if a value is displayed as this text. It allocates nothing.
fn equals(value: &dyn Debug, text: &str) -> bool {
    struct Rest<'t>(Option<&'t str>);
    impl fmt::Write for Rest<'_> {
        fn write_str(&mut self, written: &str) -> fmt::Result {
            self.0 = self.0.and_then(|rest| rest.strip_prefix(written));
            Ok(())
        }
    }

    let mut rest = Rest(Some(text));
    let written = fmt::write(&mut rest, format_args!("{value:?}"));
    written.is_ok() && rest.0 == Some("")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::local::tests::refused;
    use crate::overview::BreakerState;

    fn activity_of(work: impl FnOnce()) -> Arc<Activity> {
        let activity = Arc::new(Activity::new());
        let log = tracing_subscriber::registry().with(layer(Arc::clone(&activity)));
        tracing::subscriber::with_default(log, work);
        activity
    }

    fn reasons(activity: &Activity) -> Vec<String> {
        let (refusals, _) = activity.refusals();
        refusals.iter().map(|it| it.reason.clone()).collect()
    }

    #[test]
    fn only_refusals_are_read() {
        let activity = activity_of(|| {
            let log = |id: &str, decision: &str, reason: &str| {
                tracing::info!(target: DECISIONS, request_id = id, decision, reason, "decided");
            };
            log("r-1", "-", "unknown_key");
            log("r-2", "allowed", "ok");
            log("r-3", "degraded", "store_unavailable");
            log("r-4", "throttled", "rate_exceeded");
            tracing::info!(target: DECISIONS, request_id = "r-5", reason = "x", "started");
            tracing::info!(target: "authorizer", request_id = "r-6", reason = "x", "decided");
        });

        for number in 1..=6 {
            activity.record(&refused(&format!("r-{number}"), 401));
        }
        let expected = [
            "unknown",
            "unknown",
            "rate_exceeded",
            "unknown",
            "unknown",
            "unknown_key",
        ];
        assert_eq!(reasons(&activity), expected);
    }

    #[test]
    fn changes_of_breakers_are_read() {
        let breaker = aws::Breaker::new("usage");
        let now = std::time::Instant::now();
        let activity = activity_of(|| {
            for _ in 0..aws::breaker::CONSECUTIVE_FAILURES {
                breaker
                    .permit(now)
                    .unwrap()
                    .settle(aws::Verdict::Failure, now);
            }
        });

        let overview = activity.overview(Timestamp::now());
        assert_eq!(overview.breakers[0].service, "usage");
        assert_eq!(overview.breakers[0].state, BreakerState::Open);
    }
}
