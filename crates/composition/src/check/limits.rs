//! The limits of documents.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::CompositionError;

/// The most routes of a document.
pub(crate) const MAX_ROUTES: usize = 50;
/// The most services of a document.
pub(crate) const MAX_SERVICES: usize = 20;
/// The most parts of a route.
pub(crate) const MAX_PARTS: usize = 12;
/// The most stages of a route.
pub(crate) const MAX_STAGES: usize = 4;
/// The most headers of a route.
pub(crate) const MAX_HEADERS: usize = 20;
/// The most entries of `versions` of a route.
pub(crate) const MAX_VERSIONS: usize = 20;
/// The most changes of an entry of `versions`.
pub(crate) const MAX_CHANGES: usize = 50;
/// The most names in the path of a changed field.
pub(crate) const MAX_PATH_NAMES: usize = 8;
/// The timeout of a part in milliseconds.
pub(crate) const PART_TIMEOUT_MS: RangeInclusive<u64> = 50..=6_000;
/// The timeout of a part without `timeout_ms`, in milliseconds.
pub(crate) const DEFAULT_PART_TIMEOUT_MS: u64 = 2_000;
/// The timeout of a route in milliseconds. API Gateway waits for 30 seconds.
pub(crate) const ROUTE_TIMEOUT_MS: RangeInclusive<u64> = 50..=20_000;
/// The timeout of a route without `timeout_ms`, in milliseconds.
pub(crate) const DEFAULT_ROUTE_TIMEOUT_MS: u64 = 5_000;
/// The calls that one process makes to a service at the same time.
pub(crate) const CONCURRENT_CALLS: RangeInclusive<u64> = 1..=1_000;
/// The calls to a service without `max_concurrent_calls`.
pub(crate) const DEFAULT_CONCURRENT_CALLS: u64 = 32;

/// Returns a number, or its default.
///
/// # Errors
/// [`CompositionError`] if the number is out of range.
pub(super) fn in_range(
    value: Option<u64>,
    default: u64,
    range: RangeInclusive<u64>,
    pointer: impl FnOnce() -> String,
) -> Result<u64, CompositionError> {
    let value = value.unwrap_or(default);
    if range.contains(&value) {
        return Ok(value);
    }
    let problem = format!(
        "{value} is out of range, expected {} to {}",
        range.start(),
        range.end()
    );
    Err(CompositionError::new(pointer(), problem))
}

/// Returns a duration in milliseconds, or its default.
///
/// # Errors
/// [`CompositionError`] if the number is out of range.
pub(super) fn timeout(
    value: Option<u64>,
    default: u64,
    range: RangeInclusive<u64>,
    pointer: impl FnOnce() -> String,
) -> Result<Duration, CompositionError> {
    in_range(value, default, range, pointer).map(Duration::from_millis)
}

/// Checks the number of items at `pointer`.
///
/// # Errors
/// [`CompositionError`] if there are too many.
pub(super) fn at_most(
    count: usize,
    most: usize,
    kind: &str,
    pointer: impl FnOnce() -> String,
) -> Result<(), CompositionError> {
    if count <= most {
        return Ok(());
    }
    let problem = format!("{count} {kind} are too many, expected at most {most}");
    Err(CompositionError::new(pointer(), problem))
}
