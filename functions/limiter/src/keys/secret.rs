//! Secrets and ids of keys. A failure of the random number generator is a 500.

use registry::RandomError;

use crate::problem::Problem;

/// Returns a new secret that begins with `prefix` or `tg_`.
///
/// # Errors
/// 500 if the random number generator fails.
pub(crate) fn new_secret(prefix: Option<&str>) -> Result<String, Problem> {
    registry::generate_secret(prefix).map_err(fault)
}

/// Returns a new id of a key.
///
/// # Errors
/// 500 if the random number generator fails.
pub(crate) fn new_key_id() -> Result<String, Problem> {
    registry::generate_key_id().map_err(fault)
}

/// Returns random bytes.
///
/// # Errors
/// 500 if the random number generator fails.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    registry::random_bytes().map_err(fault)
}

fn fault(error: RandomError) -> Problem {
    tracing::error!(reason = "fault", "{error}");
    Problem::logged_fault()
}
