//! The values of the parameters, without AWS.

mod constraint;
mod domain;
mod issuers;
mod known;
mod names;
mod policy;
mod possible;
mod production;
mod regions_agree;
mod rules;
mod secrets;
mod sync;
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
    issuers::ENTRY,
    secrets::ENTRY,
    sync::ENTRY,
    regions_agree::ENTRY,
    domain::ENTRY,
    names::ENTRY,
    production::ENTRY,
];
