//! The values of the parameters, without AWS.

mod constraint;
mod known;
mod policy;
mod possible;
mod rules;
mod valid;

use super::context::Parameters;
use crate::runner::Entry;

/// The checks of the group `parameters`.
pub(super) const CHECKS: &[Entry<Parameters>] = &[
    known::ENTRY,
    valid::ENTRY,
    rules::ENTRY,
    policy::VALID_ENTRY,
    policy::WARNINGS_ENTRY,
    possible::ENTRY,
];
