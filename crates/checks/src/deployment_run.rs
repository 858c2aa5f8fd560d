//! One run of the checks of a deployment.

use std::sync::{Arc, Mutex, PoisonError};

use admin_client::{AdminClient, ClientError};
use tokio::time::Instant;

use crate::check::Group;
use crate::configuration::{self, Configuration};
use crate::deployment::Deployment;
use crate::requests::{self, RequestOptions, Requests};
use crate::selection::Selection;
use crate::verdict::{Outcome, Verdict};
use crate::{after, catalogue};

/// The checks of a deployment, which can be made several times.
#[derive(Default)]
pub struct DeploymentRun {
    options: RequestOptions,
    /// The requests of the last run, which may have a temporary plan and key.
    requests: Mutex<Option<Arc<Requests>>>,
}

impl DeploymentRun {
    /// Returns a run. Nothing is sent.
    #[must_use]
    pub const fn new(options: RequestOptions) -> Self {
        Self {
            options,
            requests: Mutex::new(None),
        }
    }

    /// Makes the selected checks until a deadline.
    pub async fn outcomes(
        &self,
        deployment: &Deployment,
        selection: &Selection,
        deadline: Instant,
    ) -> Vec<Outcome> {
        let (of_stack, of_api) = tokio::join!(
            of_stack(deployment, selection, deadline),
            self.of_api(deployment, selection, deadline),
        );
        [of_stack, of_api].concat()
    }

    /// Returns the name of the temporary plan and key, if there are any.
    #[must_use]
    pub fn temporary(&self) -> Option<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.as_ref()?.temporary()
    }

    /// Deletes the temporary plan and key of a run that was interrupted.
    ///
    /// # Errors
    /// [`ClientError`] if they cannot be deleted.
    pub async fn clean_up(&self) -> Result<(), ClientError> {
        let requests = {
            let known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            known.clone()
        };
        match requests {
            Some(requests) => requests::clean_up(&requests).await,
            None => Ok(()),
        }
    }

    /// Makes the checks of the configuration, and then those by requests. Their temporary plan would
    /// otherwise be a part of the configuration.
    async fn of_api(
        &self,
        deployment: &Deployment,
        selection: &Selection,
        deadline: Instant,
    ) -> Vec<Outcome> {
        let client = match &deployment.client {
            Ok(client) => client,
            Err(problem) => return without_api(problem, selection),
        };

        let mut outcomes = Vec::new();
        if selection.includes_any_of(Group::Configuration) {
            let context = Configuration::new(client.clone(), deployment.stack.clone());
            outcomes = configuration::run(&context, selection, deadline).await;
        }
        if selection.includes_any_of(Group::Requests) {
            let context = self.requests(client, deployment);
            outcomes.extend(requests::run(&context, selection, deadline).await);
        }
        outcomes
    }

    /// Returns the context of checks by requests, and remembers it for [`Self::clean_up`].
    fn requests(&self, client: &AdminClient, deployment: &Deployment) -> Arc<Requests> {
        let stack = deployment.stack.clone();
        let context = Arc::new(Requests::new(client.clone(), self.options.clone(), stack));
        let mut known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(Arc::clone(&context));
        context
    }
}

/// Makes the checks that read what was deployed.
async fn of_stack(
    deployment: &Deployment,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    match &deployment.stack {
        Some(stack) if selection.includes_any_of_groups(&Group::OF_STACK) => {
            after::run(stack, selection, deadline).await
        }
        _ => Vec::new(),
    }
}

/// Returns an error for each check of an API that the stack does not have.
fn without_api(problem: &str, selection: &Selection) -> Vec<Outcome> {
    catalogue::all()
        .filter(|check| Group::OF_API.contains(&check.group) && selection.includes(check))
        .map(|check| Outcome {
            check,
            verdict: Verdict::error(problem),
        })
        .collect()
}
