//! The grants of a caller: to list them, and to revoke one.

use std::sync::Arc;

use aws::Deadline;
use limits::{Caller, GrantId, GrantList, GrantOrder, GrantRefusal, ListedGrant, Nanos};
use limits::{Plan, Quota, Window};
use registry::AuditTrail;

/// The grants of a caller in the present windows of its plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallerGrants {
    /// At most 50 grants per window, the newest first.
    pub grants: Vec<QuotaGrant>,
    /// The number of earlier grants of these windows.
    pub unlisted: u64,
}

/// A grant of a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaGrant {
    /// The name of the quota.
    pub quota: Arc<str>,
    /// The window in which the calls were granted.
    pub window: Window,
    /// The grant.
    pub grant: ListedGrant,
}

/// A grant to revoke.
#[derive(Clone, Copy, Debug)]
pub struct RevokeRequest<'c> {
    /// The caller. If callers share the plan, their grants are the same.
    pub caller: &'c Caller,
    /// The plan of the quota.
    pub plan: &'c Plan,
    /// The id of the grant.
    pub id: GrantId,
    /// Records the revocation in its transaction, if there is one.
    pub trail: Option<&'c dyn AuditTrail>,
    /// When the grant must be revoked, including all reads and writes.
    pub deadline: Deadline,
}

/// A revoked grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedGrant {
    /// The name of the quota.
    pub quota: Arc<str>,
    /// The number of calls that were left of the grant, and taken back.
    pub calls: u64,
    /// True if the grant was revoked earlier. `calls` is the number of that time.
    pub repeated: bool,
}

/// The present window of a quota and its grants.
#[derive(Debug)]
pub(crate) struct QuotaGrants<'p> {
    pub(crate) quota: &'p Quota,
    pub(crate) window: Window,
    pub(crate) list: GrantList,
}

/// The next step of a revocation.
#[derive(Debug)]
pub(crate) enum RevokeStep<'p> {
    /// The calls of this order are taken back, as far as they are left.
    Cut(GrantOrder<'p>),
    /// The grant was revoked earlier.
    Done(RevokedGrant),
}

impl CallerGrants {
    /// Returns the grants of these windows.
    pub(crate) fn new(windows: &[QuotaGrants<'_>]) -> Self {
        let of_window = |window: &QuotaGrants<'_>| {
            let (quota, present) = (Arc::clone(&window.quota.name), window.window);
            let grants = window.list.grants().to_vec().into_iter();
            grants.map(move |grant| QuotaGrant {
                quota: Arc::clone(&quota),
                window: present,
                grant,
            })
        };
        let mut grants: Vec<_> = windows.iter().flat_map(of_window).collect();
        grants.sort_by_key(|listed| std::cmp::Reverse((listed.grant.at, listed.grant.id)));
        Self {
            grants,
            unlisted: windows.iter().map(|window| window.list.unlisted()).sum(),
        }
    }
}

impl RevokedGrant {
    /// Returns the outcome of `order`, which took back so many calls.
    pub(crate) fn new(order: &GrantOrder<'_>, calls: u64) -> Self {
        Self {
            quota: Arc::clone(&order.quota.name),
            calls,
            repeated: false,
        }
    }
}

/// Returns the present windows of a plan's quotas. `None` if `now` is outside the calendar.
pub(crate) fn present_windows(plan: &Plan, now: Nanos) -> Option<Vec<(&Quota, Window)>> {
    let window = |quota| Some((quota, Quota::window(quota, now)?));
    plan.quotas.iter().map(window).collect()
}

impl<'c> RevokeRequest<'c> {
    /// Returns the next step, given the grants of the present windows.
    pub(crate) fn step(&self, windows: &[QuotaGrants<'c>]) -> Result<RevokeStep<'c>, GrantRefusal> {
        let found = windows
            .iter()
            .find_map(|window| Some((window, window.list.get(self.id)?)));
        let (window, grant) = found.ok_or(GrantRefusal::UnknownGrant)?;
        let quota = Arc::clone(&window.quota.name);
        if let Some(revocation) = grant.revocation {
            return Ok(RevokeStep::Done(RevokedGrant {
                quota,
                calls: revocation.calls,
                repeated: true,
            }));
        }
        if grant.amount < 0 {
            return Err(GrantRefusal::Removal);
        }

        Ok(RevokeStep::Cut(GrantOrder {
            plan: self.plan,
            quota: window.quota,
            window: window.window,
            amount: -grant.amount,
            id: None,
        }))
    }
}
