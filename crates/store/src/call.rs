//! One call of a caller, as the store decides on it.

use aws::Deadline;
use limits::{Caller, Demand, Nanos, Plan, RouteLimit};

/// A call to decide on. The store adds the time, read from its own clock for each attempt.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// Who makes the call. If callers share the plan, all of them are charged together.
    pub caller: &'c Caller,
    /// The group of the caller, which is charged instead unless callers share the plan.
    pub group: Option<&'c Caller>,
    /// The plan with the limits.
    pub plan: &'c Plan,
    /// The limit of the plan's route that the request matches, if there is one.
    pub route: Option<&'c RouteLimit>,
    /// The units that the call costs.
    pub cost: u64,
    /// When a decision must be made, including all reads and writes.
    pub deadline: Deadline,
}

impl<'c> Call<'c> {
    /// Returns whose limits are charged.
    #[must_use]
    pub fn charged(&self) -> &'c Caller {
        self.plan.charged(self.group.unwrap_or(self.caller))
    }

    /// Returns what the call takes at `now`. `None` if `now` is outside the calendar.
    pub(crate) fn demand(&self, now: Nanos) -> Option<Demand<'c>> {
        Demand::new(self.plan, self.route, self.cost, now)
    }
}
