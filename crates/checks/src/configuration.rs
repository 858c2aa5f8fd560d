//! Checks of plans, keys and policies, as the admin API returns them.

use crate::check::Check;

/// Returns the checks.
pub(crate) fn checks() -> impl Iterator<Item = &'static Check> {
    std::iter::empty()
}
