//! The stack itself, schedules, queues, metrics and alarms.

mod stack_complete;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `monitoring`.
pub(super) const CHECKS: &[Entry<Stack>] = &[stack_complete::ENTRY];
