//! The key that a usage report is about: one that exists, or what is left of a deleted one.

use std::sync::Arc;

use jiff::Timestamp;
use usage::{AdminError, Plan, Refusal};

use crate::Shared;
use crate::keys::WHAT;
use crate::problem::{Problem, refused};

/// The key that a report is about.
pub(crate) struct Subject {
    pub(crate) key_id: String,
    /// The key's name, if it has one.
    pub(crate) name: Option<String>,
    /// `None` if nothing but usage may be left of the key.
    pub(crate) plan_name: Option<String>,
    /// `None` if the plan was deleted.
    pub(crate) plan: Option<Arc<Plan>>,
    pub(crate) deleted_at: Option<Timestamp>,
}

impl Subject {
    /// Finds a key, or what is left of a deleted one.
    pub(crate) async fn find(shared: &Shared, key_id: String) -> Result<Self, Problem> {
        let (name, plan_name, deleted_at) = match shared.admin().key(&key_id).await {
            Ok(stored) => (stored.document.name, stored.document.key.plan, None),
            Err(AdminError::Refused(Refusal::NotFound)) => {
                let deleted = shared
                    .admin()
                    .deleted_key(&key_id)
                    .await
                    .map_err(|error| refused(error, WHAT))?;
                match deleted {
                    Some(deleted) => (deleted.name, deleted.plan, Some(deleted.deleted_at)),
                    None => {
                        return Ok(Self {
                            key_id,
                            name: None,
                            plan_name: None,
                            plan: None,
                            deleted_at: None,
                        });
                    }
                }
            }
            Err(error) => return Err(refused(error, WHAT)),
        };

        let plan = match read_plan(shared, &plan_name).await {
            Ok(plan) => Some(plan?),
            Err(AdminError::Refused(Refusal::NotFound)) => None,
            Err(error) => return Err(refused(error, "plan of this key")),
        };
        Ok(Self {
            key_id,
            name,
            plan_name: Some(plan_name),
            plan,
            deleted_at,
        })
    }
}

/// The plan that a key's calls are charged on.
///
/// # Errors
/// 404 if the key or its plan does not exist.
pub(crate) async fn plan_of(shared: &Shared, key_id: &str) -> Result<Arc<Plan>, Problem> {
    let stored = shared
        .admin()
        .key(key_id)
        .await
        .map_err(|error| refused(error, WHAT))?;
    let plan = read_plan(shared, &stored.document.key.plan).await;
    plan.map_err(|error| refused(error, "plan of this key"))?
}

async fn read_plan(shared: &Shared, name: &str) -> Result<Result<Arc<Plan>, Problem>, AdminError> {
    let document = shared.admin().plan(name).await?.document;
    Ok(Plan::from_stored(name, document)
        .map(Arc::new)
        .map_err(|error| Problem::failure(&error)))
}
