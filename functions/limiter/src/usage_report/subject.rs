//! The key that a usage report is about: an existing or a deleted one.

use std::sync::Arc;

use jiff::Timestamp;
use limits::{Caller, Plan};
use registry::{AdminError, KeyRecord, Refusal};

use crate::Shared;
use crate::keys::RESOURCE;
use crate::problem::Problem;

const PLAN_OF_KEY: &str = "plan of this key";

/// The key that a report is about.
pub(crate) struct Subject {
    pub(crate) key_id: String,
    /// The name of the key. `None` if it has none.
    pub(crate) name: Option<String>,
    /// `None` if only the usage of the key may be left.
    pub(crate) plan_name: Option<String>,
    /// `None` if the plan was deleted.
    pub(crate) plan: Option<Arc<Plan>>,
    /// The group that is charged instead of the key.
    pub(crate) group: Option<Caller>,
    /// `None` if the key exists.
    pub(crate) deleted_at: Option<Timestamp>,
}

impl Subject {
    /// Finds an existing or deleted key.
    ///
    /// # Errors
    /// The store's failure. A key without any record is not an error: its usage may be left.
    pub(crate) async fn find(shared: &Shared, key_id: String) -> Result<Self, Problem> {
        let admin = shared.admin();
        let (name, plan_name, group, deleted_at) = match admin.key(&key_id).await {
            Ok(stored) => {
                let KeyRecord { key, name, .. } = stored.document;
                (name, key.plan, key.group, None)
            }
            Err(AdminError::Refused(Refusal::NotFound)) => {
                let deleted = admin
                    .deleted_key(&key_id)
                    .await
                    .map_err(|error| Problem::of_read(error, RESOURCE))?;
                match deleted {
                    Some(key) => (key.name, key.plan, key.group, Some(key.deleted_at)),
                    None => return Ok(Self::unknown(key_id)),
                }
            }
            Err(error) => return Err(Problem::of_read(error, RESOURCE)),
        };

        let plan = match read_plan(shared, &plan_name).await {
            Ok(plan) => Some(plan?),
            Err(AdminError::Refused(Refusal::NotFound)) => None,
            Err(error) => return Err(Problem::of_read(error, PLAN_OF_KEY)),
        };
        Ok(Self {
            key_id,
            name,
            plan_name: Some(plan_name),
            plan,
            group: group.map(|name| Caller::Group(name.into())),
            deleted_at,
        })
    }

    /// True if the quotas are those of several callers.
    pub(crate) fn shares_limits(&self) -> bool {
        let plan = self.plan.as_ref();
        self.group.is_some() || plan.is_some_and(|plan| plan.shared.is_some())
    }

    fn unknown(key_id: String) -> Self {
        Self {
            key_id,
            name: None,
            plan_name: None,
            plan: None,
            group: None,
            deleted_at: None,
        }
    }
}

/// Returns the caller whose limits an existing key is charged to, and its plan: the key or its
/// group.
///
/// # Errors
/// 404 if the key or its plan does not exist, or the store's failure.
pub(crate) async fn limits_of(
    shared: &Shared,
    key_id: &str,
) -> Result<(Caller, Arc<Plan>), Problem> {
    let stored = shared
        .admin()
        .key(key_id)
        .await
        .map_err(|error| Problem::of_read(error, RESOURCE))?;
    let key = &stored.document.key;
    let plan = read_plan(shared, &key.plan).await;
    let plan = plan.map_err(|error| Problem::of_read(error, PLAN_OF_KEY))??;

    let group = key.group_caller();
    Ok((
        group.unwrap_or_else(|| Caller::Key(key_id.to_owned())),
        plan,
    ))
}

async fn read_plan(shared: &Shared, name: &str) -> Result<Result<Arc<Plan>, Problem>, AdminError> {
    let document = shared.admin().plan(name).await?.document;
    let plan = Plan::from_stored(name, document).map(Arc::new);
    Ok(plan.map_err(|error| Problem::fault(&error)))
}
