//! Functions, settings and tables.

mod active;
mod comparison;
mod function;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `functions`.
pub(super) const CHECKS: &[Entry<Stack>] = &[active::ENTRY];
