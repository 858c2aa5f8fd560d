//! The log of thresholds that callers reach. The event is part of the interface: a subscription of
//! the log hands it on.

use jiff::Timestamp;
use limits::{Caller, Nanos, Plan, QuotaThreshold};
use telemetry::QUOTA_TARGET;

/// Logs the thresholds that a charge of `caller` has reached.
pub(crate) fn log_thresholds(caller: &Caller, plan: &Plan, thresholds: &[QuotaThreshold]) {
    for threshold in thresholds {
        let ends = !threshold.window.is_endless();
        let instant = |nanos: Nanos| {
            let instant = Timestamp::from_nanosecond(nanos).ok().filter(|_| ends);
            instant.map(|instant| instant.to_string())
        };

        tracing::info!(
            target: QUOTA_TARGET,
            event = "quota_threshold",
            id = threshold.id(caller),
            caller = caller.to_string(),
            plan = plan.name,
            quota = &*threshold.quota,
            threshold = threshold.share.to_string(),
            used = threshold.used,
            limit = threshold.limit,
            window_start = instant(threshold.window.start),
            window_end = instant(threshold.window.end),
            "quota threshold reached"
        );
    }
}
