//! Durations in log lines and records.

use std::time::Duration;

/// Returns the duration in milliseconds, rounded to three decimal places.
///
/// ```
/// let duration = std::time::Duration::from_nanos(1_234_567);
/// assert_eq!(telemetry::milliseconds(duration), 1.235);
/// ```
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
