//! The API whose configuration is checked. Each list is read once per run.

use admin_client::{AdminClient, AdminResponse, path};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::aws::Unread;
use crate::stack::Stack;

/// The plans, keys and policies of an API.
pub struct Configuration {
    client: AdminClient,
    stack: Option<Stack>,
    reached: OnceCell<Result<Vec<Value>, Unread>>,
}

impl Configuration {
    /// Returns the configuration of an API. Nothing is read. `stack` is the stack that the API
    /// belongs to, if it is known.
    #[must_use]
    pub fn new(client: AdminClient, stack: Option<Stack>) -> Self {
        Self {
            client,
            stack,
            reached: OnceCell::new(),
        }
    }

    /// Returns the target for messages.
    pub(super) fn target(&self) -> &str {
        self.client.target()
    }

    /// Returns the stack, if the API is known to belong to one.
    pub(super) const fn stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    /// Returns the first page of the plans, with which every run shows that the API responds.
    pub(super) async fn first_plans(&self) -> Result<Vec<Value>, Unread> {
        let read = async {
            let mut pages = self.client.pages(&path(&["plans"]));
            let page = pages.next().await?;
            Ok(page.unwrap_or_default())
        };
        self.reached.get_or_init(|| read).await.clone()
    }

    /// Reads a document of the API.
    pub(super) async fn get(&self, path: &str) -> Result<AdminResponse, Unread> {
        Ok(self.client.get(path).await?)
    }
}
