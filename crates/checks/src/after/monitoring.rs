//! The stack itself, schedules, queues, metrics and alarms.

mod metric;
mod rule;
mod schedule;
mod schedules_enabled;
mod schedules_fired;
mod stack_complete;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `monitoring`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    stack_complete::ENTRY,
    schedules_enabled::ENTRY,
    schedules_fired::ENTRY,
];
