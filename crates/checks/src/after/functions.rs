//! Functions, settings and tables.

mod active;
mod alias;
mod comparison;
mod environment;
mod function;
mod layers;
mod roles;
mod settings_version;
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
    vpc::ENTRY,
    layers::ENTRY,
];
