//! The API whose configuration is checked. Each list is read once per run.

use std::time::Duration;

use admin_client::{AdminClient, ApiPath, path};
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::documents::{self, List, Plans, Policies};
use crate::aws::Unread;
use crate::stack::Stack;
use crate::verdict::Verdict;

/// The most keys that are read. Larger lists would take longer than a run.
const MAX_KEYS: usize = 10_000;
/// The most plans or policies that are read.
const MAX_DOCUMENTS: usize = 2_000;
/// The number of items per page, the largest that the API allows.
const PAGE_ITEMS: &str = "100";
/// The time for a request that is not signed.
const CALL_TIMEOUT: Duration = Duration::from_secs(35);

/// The plans, keys and policies of an API.
pub struct Configuration {
    client: AdminClient,
    stack: Option<Stack>,
    now: Timestamp,
    reached: OnceCell<Result<(), Unread>>,
    plans: OnceCell<Result<Plans, Unread>>,
    policies: OnceCell<Result<Policies, Unread>>,
    keys: OnceCell<Result<List, Unread>>,
    /// The path that the identity must not read.
    #[cfg(test)]
    denied: Option<String>,
}

impl Configuration {
    /// Returns the configuration of an API. Nothing is read. `stack` is the stack that the API
    /// belongs to, if it is known.
    #[must_use]
    pub fn new(client: AdminClient, stack: Option<Stack>) -> Self {
        Self {
            client,
            stack,
            now: Timestamp::now(),
            reached: OnceCell::new(),
            plans: OnceCell::new(),
            policies: OnceCell::new(),
            keys: OnceCell::new(),
            #[cfg(test)]
            denied: None,
        }
    }

    /// Denies to read a path, such as `/policies/main`.
    #[cfg(test)]
    pub(super) fn denying(self, path: &str) -> Self {
        Self {
            denied: Some(path.to_owned()),
            ..self
        }
    }

    #[cfg(test)]
    fn check_permission(&self, path: &str) -> Result<(), Unread> {
        if self.denied.as_deref() != path.split('?').next() {
            return Ok(());
        }
        let permission = "execute-api:Invoke on ARN".to_owned();
        Err(Unread::Denied { permission })
    }

    /// Replaces the instant of the check, from which ages are calculated.
    #[cfg(test)]
    pub(super) fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// Returns the instant of the check.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns the target for messages.
    pub(super) fn target(&self) -> &str {
        self.client.target()
    }

    /// Returns the stack, if the API is known to belong to one.
    pub(super) const fn stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    /// Shows that the admin API responds, by its first plan.
    pub(super) async fn reach(&self) -> Result<(), Unread> {
        let read = async {
            let first = path(&["plans"]).query(&[("limit", "1")]);
            #[cfg(test)]
            self.check_permission(&first)?;
            self.client.pages(&first).next().await?;
            Ok(())
        };
        self.reached.get_or_init(|| read).await.clone()
    }

    /// Returns the plans.
    pub(super) async fn plans(&self) -> Result<&Plans, Unread> {
        let read = async { Ok(documents::plans(self.list("plans", MAX_DOCUMENTS).await?)) };
        borrowed(self.plans.get_or_init(|| read).await)
    }

    /// Returns the stored policies and their candidates.
    pub(super) async fn policies(&self) -> Result<&Policies, Unread> {
        let read = async {
            let list = self.list("policies", MAX_DOCUMENTS).await?;
            documents::policies(self, list).await
        };
        borrowed(self.policies.get_or_init(|| read).await)
    }

    /// Returns the keys.
    pub(super) async fn keys(&self) -> Result<&List, Unread> {
        let read = async { self.list("keys", MAX_KEYS).await };
        borrowed(self.keys.get_or_init(|| read).await)
    }

    /// Returns a document, or `None` if it does not exist.
    pub(super) async fn document(&self, path: &ApiPath) -> Result<Option<Value>, Unread> {
        #[cfg(test)]
        self.check_permission(path)?;
        match self.client.get(path).await {
            Ok(response) => Ok(Some(response.json()?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns at most 100 audit records that a query selects, the newest first.
    pub(super) async fn audit(&self, query: &[(&str, &str)]) -> Result<Vec<Value>, Unread> {
        #[cfg(test)]
        self.check_permission("/audit")?;
        let records = path(&["audit"]).query(&[("limit", PAGE_ITEMS)]);
        let page = self.client.pages(&records.query(query)).next().await?;
        Ok(page.unwrap_or_default())
    }

    /// Calls a public route as clients do.
    pub(super) async fn call(&self, path: &str) -> Result<Response<Bytes>, Unread> {
        let request = Request::get(path).body(Bytes::new());
        let request = request.map_err(|error| Unread::Failed(error.to_string()))?;
        Ok(self.client.call(request, CALL_TIMEOUT).await?)
    }

    async fn list(&self, name: &str, most: usize) -> Result<List, Unread> {
        let first = path(&[name]).query(&[("limit", PAGE_ITEMS)]);
        #[cfg(test)]
        self.check_permission(&first)?;
        let mut pages = self.client.pages(&first);
        let mut list = List::default();
        while let Some(items) = pages.next().await? {
            if list.items.len() + items.len() > most {
                list.is_cut = true;
                break;
            }
            list.items.extend(items);
        }
        Ok(list)
    }
}

/// Makes a check, if the admin API responds. `admin-api-reachable` has the reason otherwise.
pub(super) async fn if_reached(
    configuration: &Configuration,
    check: impl Future<Output = Result<Verdict, Unread>>,
) -> Result<Verdict, Unread> {
    match configuration.reach().await {
        Err(Unread::Failed(_) | Unread::NotFound { .. }) => {
            let verdict = Verdict::error("the admin API does not respond as expected");
            Ok(verdict.with_fix("See admin-api-reachable."))
        }
        _ => check.await,
    }
}

fn borrowed<T>(read: &Result<T, Unread>) -> Result<&T, Unread> {
    read.as_ref().map_err(Clone::clone)
}
