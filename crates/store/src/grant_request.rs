//! One grant, as the store makes it.

use aws::Deadline;
use limits::{Caller, GrantId, GrantOrder, GrantRefusal, Nanos, Plan};
use registry::{AuditRecord, AuditTrail, Change};

/// A change of the remaining calls of a quota in its present window.
#[derive(Clone, Copy, Debug)]
pub struct GrantRequest<'c> {
    /// The caller. If callers share the plan, the calls are granted to all of them together.
    pub caller: &'c Caller,
    /// The plan of the quota.
    pub plan: &'c Plan,
    /// The name of the quota.
    pub quota: &'c str,
    /// The number of calls to add, or below 0 to remove.
    pub amount: i64,
    /// The id, with which the grant is made only once within a day.
    pub id: Option<&'c str>,
    /// Records the grant in its transaction, if there is one.
    pub trail: Option<&'c dyn AuditTrail>,
    /// When the grant must be made, including all reads and writes.
    pub deadline: Deadline,
}

impl<'c> GrantRequest<'c> {
    /// Returns the order of the grant at `now`: see [`GrantOrder::new`].
    pub(crate) fn order(&self, now: Nanos) -> Result<Option<GrantOrder<'c>>, GrantRefusal> {
        GrantOrder::new(self.plan, self.quota, self.amount, self.id, now)
    }
}

/// Returns the record of a change by `amount` calls, if there is a trail.
pub(crate) fn record_of_calls(
    trail: Option<&dyn AuditTrail>,
    quota: &str,
    amount: i64,
    id: GrantId,
) -> Option<AuditRecord> {
    let grant_id = &*id.to_string();
    trail?.record(&Change::Calls {
        quota,
        amount,
        grant_id,
    })
}
