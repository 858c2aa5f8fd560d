//! The stack itself, schedules, queues, metrics and alarms.

mod alarm;
mod alarms_notify;
mod alarms_quiet;
mod alarms_watch;
mod dashboard;
mod health_request;
mod leftovers;
mod metric;
mod metrics_fresh;
mod queue;
mod queue_policy;
mod queues_empty;
mod rule;
mod schedule;
mod schedules_enabled;
mod schedules_fired;
mod stack_complete;
mod sync_succeeded;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `monitoring`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    stack_complete::ENTRY,
    schedules_enabled::ENTRY,
    schedules_fired::ENTRY,
    sync_succeeded::ENTRY,
    health_request::ENTRY,
    queues_empty::ENTRY,
    queue_policy::ENTRY,
    metrics_fresh::ENTRY,
    alarms_quiet::ENTRY,
    alarms_notify::ENTRY,
    alarms_watch::ENTRY,
    dashboard::ENTRY,
    leftovers::ENTRY,
];
