//! All checks.

use crate::check::Check;
use crate::{after, before, configuration, requests};

/// Returns all checks, in the order of the output.
pub fn all() -> impl Iterator<Item = &'static Check> {
    before::checks()
        .chain(after::checks())
        .chain(configuration::checks())
        .chain(requests::checks())
}
