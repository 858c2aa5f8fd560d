//! Finds the caller and the plan that a decision is about.

use std::net::IpAddr;
use std::sync::Arc;

use aws::Deadline;
use limits::{Caller, Plan};
use outcome::Reason;
use registry::RegistryError;
use registry::{ApiKey, KeyHash, KeyStatus};

use super::request::DecisionRequest;
use super::response::DecisionResponse;
use crate::Shared;
use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};

/// The caller that is charged, and the plan.
pub(super) struct Subject {
    pub(super) caller: Caller,
    /// The group of the key, which is charged instead of the key.
    pub(super) group: Option<Caller>,
    pub(super) plan: Arc<Plan>,
    pub(super) key_id: Option<String>,
    pub(super) user_id: Option<String>,
}

/// The result of a lookup.
pub(super) enum Lookup<T> {
    /// What was looked up exists.
    Found(T),
    /// The request is decided without a charge.
    Decided(Box<DecisionResponse>),
}

/// A caller whose plan was not looked up yet.
struct Candidate {
    caller: Caller,
    group: Option<Caller>,
    plan_name: String,
    key_id: Option<String>,
    user_id: Option<String>,
}

/// Finds the caller and the plan of a request.
///
/// # Errors
/// 422 if a subject's plan does not exist, or the store's failure.
pub(super) async fn find(
    shared: &Shared,
    asked: &DecisionRequest,
    deadline: Deadline,
) -> Result<Lookup<Subject>, Problem> {
    let blocks = shared.store.blocks(deadline).await?;
    let now = shared.now();
    let source = asked.source_address();
    if source.is_some_and(|address| blocks.address(address, now).is_some()) {
        return Ok(denied(Reason::Blocked, None));
    }

    let candidate = match (&asked.key, &asked.key_id) {
        (Some(key), _) => find_key(shared, key, source, deadline).await?,
        (None, Some(key_id)) => find_key_by_id(shared, key_id, source).await?,
        (None, None) => Lookup::Found(subject(asked)),
    };
    let candidate = match candidate {
        Lookup::Found(candidate) => candidate,
        Lookup::Decided(response) => return Ok(Lookup::Decided(response)),
    };

    let is_issuer_blocked = asked
        .issuer
        .as_deref()
        .is_some_and(|issuer| blocks.issuer(issuer, now).is_some());
    if is_issuer_blocked || blocks.caller(&candidate.caller, now).is_some() {
        return Ok(denied(Reason::Blocked, candidate.key_id.as_deref()));
    }

    let plan_name = candidate.plan_name;
    match shared.store.plan(&plan_name, deadline).await {
        Ok(Some(plan)) if !plan.enabled => {
            Ok(denied(Reason::PlanDisabled, candidate.key_id.as_deref()))
        }
        Ok(Some(plan)) => Ok(Lookup::Found(Subject {
            caller: candidate.caller,
            group: candidate.group,
            plan,
            key_id: candidate.key_id,
            user_id: candidate.user_id,
        })),
        Ok(None) => match &candidate.key_id {
            Some(key_id) => Ok(denied(Reason::UnknownPlan, Some(key_id))),
            None => {
                let detail = format!("the plan `{plan_name}` does not exist");
                Err(Problem::invalid_body(vec![Mistake::at("/plan", detail)]))
            }
        },
        // The authorizer decides the same, because the plan's `on_store_failure` is not known.
        Err(error) if matches!(error.root(), RegistryError::Unavailable { .. }) => {
            Ok(Lookup::Decided(Box::new(DecisionResponse::unavailable(1))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Finds the key of a secret.
async fn find_key(
    shared: &Shared,
    secret: &str,
    source: Option<IpAddr>,
    deadline: Deadline,
) -> Result<Lookup<Candidate>, Problem> {
    let Ok(hash) = KeyHash::of(secret) else {
        return Ok(denied(Reason::MalformedCredentials, None));
    };
    let Some(key) = shared.store.key(&hash, deadline).await? else {
        return Ok(denied(Reason::UnknownKey, None));
    };

    Ok(candidate(shared, &key, key.allows_address(source)))
}

/// Finds a key by its id. Its networks are only checked if the address of the client is known.
///
/// # Errors
/// 404 if the key does not exist, or the store's failure.
async fn find_key_by_id(
    shared: &Shared,
    key_id: &str,
    source: Option<IpAddr>,
) -> Result<Lookup<Candidate>, Problem> {
    let stored = shared.admin().key(key_id).await;
    let stored = stored.map_err(|error| Problem::of_read(error, RESOURCE))?;

    let key = &stored.document.key;
    let is_address_allowed = source.is_none() || key.allows_address(source);
    Ok(candidate(shared, key, is_address_allowed))
}

/// Returns the caller and the plan of a key, if the key can be used now.
fn candidate(shared: &Shared, key: &ApiKey, is_address_allowed: bool) -> Lookup<Candidate> {
    match key.standing(shared.now().as_nanosecond()) {
        KeyStatus::Disabled => denied(Reason::KeyDisabled, Some(&key.key_id)),
        KeyStatus::Expired => denied(Reason::KeyExpired, Some(&key.key_id)),
        KeyStatus::NotYetValid => denied(Reason::KeyNotYetValid, Some(&key.key_id)),
        KeyStatus::Good if !is_address_allowed => {
            denied(Reason::AddressNotAllowed, Some(&key.key_id))
        }
        KeyStatus::Good => Lookup::Found(Candidate {
            caller: Caller::Key(key.key_id.clone()),
            group: key.group_caller(),
            plan_name: key.plan.clone(),
            key_id: Some(key.key_id.clone()),
            user_id: key.subject.clone(),
        }),
    }
}

fn subject(asked: &DecisionRequest) -> Candidate {
    let issuer = asked.issuer.as_deref().unwrap_or_default();
    let subject = asked.subject.as_deref().unwrap_or_default();
    Candidate {
        caller: Caller::from_subject(issuer, subject),
        group: None,
        plan_name: asked.plan.clone().unwrap_or_default(),
        key_id: None,
        user_id: None,
    }
}

fn denied<T>(reason: Reason, key_id: Option<&str>) -> Lookup<T> {
    Lookup::Decided(Box::new(DecisionResponse::denied(reason, key_id)))
}
