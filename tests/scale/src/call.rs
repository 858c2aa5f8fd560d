//! The part of an authorizer's call that needs the store: key, plan, blocks and charge.

use aws::Deadline;
use limits::{Caller, Decision, Verdict};
use registry::{KeyHash, RegistryError};
use store::{Call, DynamoDbStore};

/// The response of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call passes and is charged.
    Allowed,
    /// 429 by a limit of the plan.
    Limited,
    /// 429, because the item of the caller, or its partition, is throttled.
    HotItem,
    /// The call passes uncounted, by `on_store_failure`.
    Degraded,
    /// 503, by `on_store_failure` or because the plan cannot be read.
    Unavailable,
    /// 500, because the key or the blocks cannot be read.
    Failed,
}

impl Outcome {
    /// The number of outcomes.
    pub const COUNT: usize = 6;

    fn of(decision: &Decision) -> Self {
        match &decision.verdict {
            Verdict::Allowed if decision.degraded => Self::Degraded,
            Verdict::Allowed => Self::Allowed,
            Verdict::Throttled { violated, .. } if violated.is_empty() => Self::HotItem,
            Verdict::Throttled { .. } | Verdict::Impossible => Self::Limited,
            Verdict::Unavailable { .. } => Self::Unavailable,
        }
    }
}

/// Decides on a call with an API key, as the authorizer does.
pub async fn decide(store: &DynamoDbStore, hash: &KeyHash, deadline: Deadline) -> Outcome {
    match charge(store, hash, deadline).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::Failed,
    }
}

async fn charge(
    store: &DynamoDbStore,
    hash: &KeyHash,
    deadline: Deadline,
) -> Result<Outcome, RegistryError> {
    drop(store.blocks(deadline).await?);
    let Some(key) = store.key(hash, deadline).await? else {
        return Ok(Outcome::Failed);
    };
    let Ok(Some(plan)) = store.plan(&key.plan, deadline).await else {
        return Ok(Outcome::Unavailable);
    };

    let call = Call {
        caller: &Caller::Key(key.key_id.clone()),
        group: None,
        plan: &plan,
        route: None,
        cost: 1,
        deadline,
    };
    let decision = store.charge(&call).await;
    Ok(decision.map_or(Outcome::Unavailable, |decision| Outcome::of(&decision)))
}
