//! Bounds of plans that several files use.

/// The largest quota: the largest integer of a structured field (RFC 9651). JSON numbers are exact
/// up to it.
pub const MAX_LIMIT: u64 = 999_999_999_999_999;
/// The maximum number of quotas in a plan.
pub const MAX_QUOTAS: usize = 4;
