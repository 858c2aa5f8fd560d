//! The values of the parameters, without AWS.

mod compositions;
mod compositions_possible;
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
mod services_resolve;
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
    compositions::VALID_ENTRY,
    compositions::WARNINGS_ENTRY,
    compositions_possible::ENTRY,
    services_resolve::ENTRY,
    sync::ENTRY,
    regions_agree::ENTRY,
    domain::ENTRY,
    names::ENTRY,
    production::ENTRY,
];
