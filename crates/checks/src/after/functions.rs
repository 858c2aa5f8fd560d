//! Functions, settings and tables.

mod active;
mod alias;
pub(super) mod comparison;
mod concurrency;
mod environment;
mod errors;
mod event_sources;
mod function;
mod invokers;
mod layers;
mod logs;
mod metrics;
mod roles;
mod secrets;
mod settings_version;
mod startup;
mod tables;
mod vpc;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `functions`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    active::ENTRY,
    alias::ENTRY,
    environment::ENTRY,
    settings_version::ENTRY,
    roles::ENTRY,
    invokers::ENTRY,
    vpc::ENTRY,
    layers::ENTRY,
    concurrency::ENTRY,
    event_sources::ENTRY,
    tables::ENTRY,
    startup::ENTRY,
    errors::ENTRY,
    logs::ENTRY,
    secrets::ENTRY,
];
