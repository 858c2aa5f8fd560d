//! Grants: what moves the remainder of a quota's present window.

use sha2::{Digest, Sha256};

use crate::plan::MAX_LIMIT;
use crate::{Caller, Nanos, Plan, Quota, SECOND, StoreError, Usage, Window};

/// How long a grant's name is its own: as long as an answer is kept for whoever repeats a request.
pub(crate) const KEPT: Nanos = 86_400 * SECOND;

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

/// Why a grant cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
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
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A grant to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GrantOrder<'p> {
    pub(crate) quota: &'p Quota,
    pub(crate) window: Window,
    /// Above 0 to give, below to cut.
    pub(crate) amount: i64,
    /// Names it, so that it is made once. 15 digits, because an attribute's bytes are paid for.
    pub(crate) id: Option<u64>,
}

impl<'p> GrantOrder<'p> {
    /// # Errors
    /// [`GrantError`] for a quota that there is not, or an amount out of range.
    pub(crate) fn new(
        plan: &'p Plan,
        quota: &str,
        amount: i64,
        id: Option<&str>,
        now: Nanos,
    ) -> Result<Self, GrantError> {
        if amount.unsigned_abs() > MAX_LIMIT {
            return Err(GrantError::Amount);
        }
        let found = plan.quotas.iter().find(|known| *known.name == *quota);
        let quota = found.ok_or_else(|| GrantError::UnknownQuota(quota.to_owned()))?;
        let window = quota.window(now).ok_or(StoreError::Clock)?;
        Ok(Self {
            quota,
            window,
            amount,
            id: id.map(|id| number(&[id]) % (MAX_LIMIT + 1)),
        })
    }

    /// How much of it can be moved: a cut takes no more than is left.
    ///
    /// # Errors
    /// [`GrantError::Ceiling`].
    pub(crate) fn possible(&self, usage: &Usage) -> Result<i64, GrantError> {
        let sum = Nanos::from(self.quota.limit)
            + Nanos::from(usage.granted(self.window.id))
            + Nanos::from(self.amount);
        if self.amount > 0 && sum > Nanos::from(MAX_LIMIT) {
            return Err(GrantError::Ceiling);
        }
        Ok(self.amount.max(-self.left(usage)))
    }

    /// Tells it from every other that has the same name.
    pub(crate) fn request(&self, caller: &Caller) -> u64 {
        number(&[
            &caller.to_string(),
            &self.quota.name,
            &self.amount.to_string(),
        ])
    }

    /// How the window stands.
    pub(crate) fn standing(&self, usage: &Usage, granted: i64, repeated: bool) -> Grant {
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
