//! Grants: what moves the remainder of a quota's present window.

use sha2::{Digest, Sha256};

use crate::plan_bounds::MAX_LIMIT;
use crate::{Caller, Nanos, Plan, Quota, SECOND, Usage, Window};

/// The time for which a grant's id is remembered: as long as the response to a request with an
/// `Idempotency-Key`.
pub const GRANT_ID_LIFETIME: Nanos = 86_400 * SECOND;

/// How a quota's window stands after a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Calls used in the window.
    pub used: u64,
    /// Calls left in it: the quota's limit less what was used, and what was granted.
    pub remaining: u64,
    /// What this grant moved: less than was asked for where a cut found less left.
    pub granted: i64,
    /// Whether it was made before, under the same id; then all of this is as it was then.
    pub repeated: bool,
}

/// A reason why a grant is not made. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// The plan has none of that name.
    #[error("the plan has no quota called `{0}`")]
    UnknownQuota(String),
    /// More than a quota can hold.
    #[error("a grant moves {MAX_LIMIT} calls at most, up or down")]
    Amount,
    /// With what was granted before it would be more than the largest quota, and than `RateLimit`
    /// can tell: RFC 9651 has integers of 15 digits.
    #[error("with what was granted in this period the quota would be above {MAX_LIMIT} calls")]
    Ceiling,
    /// Another grant was made under the same id.
    #[error("another grant was made under this id")]
    Repeated,
}

/// A grant to be made.
#[derive(Clone, Copy, Debug)]
pub struct GrantOrder<'p> {
    /// The quota that changes.
    pub quota: &'p Quota,
    /// The current window of the quota, the only one that changes.
    pub window: Window,
    /// Above 0 to give, below to cut.
    pub amount: i64,
    /// Names it, so that it is made once. 15 digits, because an attribute's bytes are paid for.
    pub id: Option<u64>,
}

impl<'p> GrantOrder<'p> {
    /// Returns `None` if `now` is outside the calendar.
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
        let id = id.map(|id| number(&[id]) % (MAX_LIMIT + 1));

        Ok(quota.window(now).map(|window| Self {
            quota,
            window,
            amount,
            id,
        }))
    }

    /// How much of it can be moved: a cut takes no more than is left.
    ///
    /// # Errors
    /// [`GrantRefusal::Ceiling`].
    pub fn possible(&self, usage: &Usage) -> Result<i64, GrantRefusal> {
        let sum = Nanos::from(self.quota.limit)
            + Nanos::from(usage.granted(self.window.id))
            + Nanos::from(self.amount);
        if self.amount > 0 && sum > Nanos::from(MAX_LIMIT) {
            return Err(GrantRefusal::Ceiling);
        }
        Ok(self.amount.max(-self.left(usage)))
    }

    /// Tells it from every other that has the same name.
    pub fn request(&self, caller: &Caller) -> u64 {
        number(&[
            &caller.to_string(),
            &self.quota.name,
            &self.amount.to_string(),
        ])
    }

    /// How the window stands.
    pub fn standing(&self, usage: &Usage, granted: i64, repeated: bool) -> Grant {
        let remaining = u64::try_from(self.left(usage)).unwrap_or(0);
        Grant {
            used: usage.used(self.window.id),
            remaining,
            granted,
            repeated,
        }
    }

    fn left(&self, usage: &Usage) -> i64 {
        let limit = i64::try_from(self.quota.limit).unwrap_or(i64::MAX);
        limit.saturating_sub(usage.count(self.window.id)).max(0)
    }
}

/// Numbers texts, each behind its length.
fn number(texts: &[&str]) -> u64 {
    let hash = texts.iter().fold(Sha256::new(), |hash, text| {
        hash.chain_update((text.len() as u64).to_be_bytes())
            .chain_update(text)
    });
    hash.finalize()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
