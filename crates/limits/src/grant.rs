//! Grants, which add calls to the current window of a quota or take calls away.

use sha2::{Digest, Sha256};

use crate::plan_bounds::MAX_LIMIT;
use crate::{Caller, GrantId, Nanos, Plan, Quota, SECOND, Usage, Window};

/// The time for which the id of a grant is stored: as long as the response to a request with an
/// `Idempotency-Key`.
pub const GRANT_ID_LIFETIME: Nanos = 86_400 * SECOND;

/// The state of a quota's window after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The number of calls used in the window.
    pub used: u64,
    /// The number of calls left in the window, including granted calls.
    pub remaining: u64,
    /// The number of calls that this grant added, below 0 for a cut. A cut takes at most the calls
    /// left.
    pub granted: i64,
    /// The id in the list of grants. `None` if nothing changed, or if the release before made the
    /// grant.
    pub id: Option<GrantId>,
    /// True if the grant was made earlier under the same id. The other fields are those of that time.
    pub repeated: bool,
}

/// A reason why a grant was refused. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// The plan has no quota of this name.
    #[error("the plan has no quota called `{0}`")]
    UnknownQuota(String),
    /// The amount is greater than the largest quota.
    #[error("the amount is out of range, expected -{MAX_LIMIT} to {MAX_LIMIT}")]
    Amount,
    /// With all grants, the quota would be greater than the largest integer in `RateLimit`, which
    /// has 15 digits (RFC 9651).
    #[error("the quota with all grants of this period would exceed {MAX_LIMIT} calls")]
    Ceiling,
    /// Another grant was made under the same id.
    #[error("the id was used for another grant")]
    Repeated,
    /// The grant to revoke is not listed in a present window.
    #[error("the present windows have no grant with this id")]
    UnknownGrant,
    /// The grant to revoke removed calls.
    #[error("this grant removed calls, and only added calls can be revoked")]
    Removal,
}

/// An order to make a grant.
#[derive(Clone, Copy, Debug)]
pub struct GrantOrder<'p> {
    /// The plan of the quota.
    pub plan: &'p Plan,
    /// The quota that changes.
    pub quota: &'p Quota,
    /// The current window of the quota, the only one that changes.
    pub window: Window,
    /// The number of calls to grant, or below 0 the number to cut.
    pub amount: i64,
    /// The id, with which the grant is made only once. It has 15 digits, because every byte of an
    /// attribute is billed.
    pub id: Option<u64>,
}

impl<'p> GrantOrder<'p> {
    /// Returns the order of a grant in the window that contains `now`. `None` if `now` is outside the
    /// calendar.
    ///
    /// # Errors
    /// [`GrantRefusal`] if the plan has no such quota or the amount is out of range.
    pub fn new(
        plan: &'p Plan,
        quota: &str,
        amount: i64,
        id: Option<&str>,
        now: Nanos,
    ) -> Result<Option<Self>, GrantRefusal> {
        if amount.unsigned_abs() > MAX_LIMIT {
            return Err(GrantRefusal::Amount);
        }

        let found = plan.quotas.iter().find(|known| *known.name == *quota);
        let quota = found.ok_or_else(|| GrantRefusal::UnknownQuota(quota.to_owned()))?;
        let id = id.map(|id| hash_of(&[id]) % (MAX_LIMIT + 1));

        Ok(quota.window(now).map(|window| Self {
            plan,
            quota,
            window,
            amount,
            id,
        }))
    }

    /// Returns the amount that is possible: a cut takes at most the calls left.
    ///
    /// # Errors
    /// [`GrantRefusal::Ceiling`] if the quota with all grants would be too large.
    pub fn possible(&self, usage: &Usage) -> Result<i64, GrantRefusal> {
        let sum = Nanos::from(self.quota.limit)
            + Nanos::from(usage.granted(self.window.id))
            + Nanos::from(self.amount);
        if self.amount > 0 && sum > Nanos::from(MAX_LIMIT) {
            return Err(GrantRefusal::Ceiling);
        }

        Ok(self.amount.max(-self.left(usage)))
    }

    /// True if the grant must mark the thresholds that were logged: see [`Self::mark`].
    pub fn needs_mark(&self) -> bool {
        self.amount > 0 && !self.quota.warn_at.is_empty()
    }

    /// Returns the calls up to which thresholds count as logged after the grant. A grant raises the
    /// thresholds. Those that the caller has reached were logged at a lower number of calls and are
    /// not logged again. Those that it has not reached any more are. `None` if nothing changes.
    pub fn mark(&self, usage: &Usage) -> Option<u64> {
        let marked = usage.marked(self.window.id);
        let is_logged = self
            .quota
            .reached(&self.window, usage, marked)
            .next()
            .is_none();
        let used = usage.used(self.window.id);

        (self.needs_mark() && is_logged && used > marked).then_some(used)
    }

    /// Returns a hash of the order, which distinguishes it from other orders with the same id.
    pub fn request(&self, caller: &Caller) -> u64 {
        hash_of(&[
            &caller.to_string(),
            &self.quota.name,
            &self.amount.to_string(),
        ])
    }

    /// Returns the grant of `amount` calls, with the state of the window after it. `usage` is the
    /// state before it.
    pub fn made(&self, usage: &Usage, amount: i64, id: GrantId) -> Grant {
        let mut after = usage.clone();
        after.adjust(self.window.id, self.window.end, -amount, amount);
        Grant {
            id: (amount != 0).then_some(id),
            ..self.standing(&after, amount, false)
        }
    }

    /// Returns the grant, with the state of the window in `usage`.
    pub fn standing(&self, usage: &Usage, granted: i64, repeated: bool) -> Grant {
        let remaining = u64::try_from(self.left(usage)).unwrap_or(0);

        Grant {
            used: usage.used(self.window.id),
            remaining,
            granted,
            id: None,
            repeated,
        }
    }

    fn left(&self, usage: &Usage) -> i64 {
        let limit = i64::try_from(self.quota.limit).unwrap_or(i64::MAX);
        limit.saturating_sub(usage.count(self.window.id)).max(0)
    }
}

/// Returns a hash of texts, each preceded by its length.
fn hash_of(texts: &[&str]) -> u64 {
    let hash = texts.iter().fold(Sha256::new(), |hash, text| {
        hash.chain_update((text.len() as u64).to_be_bytes())
            .chain_update(text)
    });

    hash.finalize()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
