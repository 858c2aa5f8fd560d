//! One run: opens the target, and makes the checks of each group.

use std::time::Duration;

use admin_client::ClientError;
use checks::before::Parameters;
use checks::requests::RequestOptions;
use checks::{Deployment, DeploymentRun, Group, Outcome, Report, Selection, before};
use tokio::time::{Instant, timeout_at};

use super::CheckOptions;
use super::scope::Scope;
use super::target;
use crate::commands::CommandError;

/// The time for one run.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);

/// The checks of a command line, which can be made several times.
pub(super) struct Run<'o> {
    options: &'o CheckOptions,
    scope: Scope,
    deployment: DeploymentRun,
}

impl<'o> Run<'o> {
    /// Returns the run of a command line. Nothing is sent.
    pub(super) fn new(options: &'o CheckOptions, scope: Scope) -> Self {
        let requests = RequestOptions {
            path: options.path.clone(),
            echo: options.echo.clone(),
            composition: options.composition.clone(),
            key_header: options.key_header.clone(),
        };
        Self {
            options,
            scope,
            deployment: DeploymentRun::new(requests),
        }
    }

    /// Makes the selected checks within 120 s.
    ///
    /// # Errors
    /// [`CommandError`] if the target cannot be found or read.
    pub(super) async fn once(&self, selection: &Selection) -> Result<Report, CommandError> {
        let deadline = Instant::now() + RUN_TIMEOUT;
        let opened = timeout_at(deadline, self.open(selection)).await;
        let (parameters, target) =
            opened.map_err(|_| CommandError::usage("the target was not read in time"))??;
        let has_account = parameters.as_ref().is_some_and(Parameters::has_account);
        let of_file_selection = if has_account {
            selection.clone()
        } else {
            selection.without(Group::Account)
        };

        let (of_file, of_deployment) = tokio::join!(
            of_file(parameters.as_ref(), &of_file_selection, deadline),
            of_deployment(&self.deployment, target.as_ref(), selection, deadline),
        );
        let outcomes = [of_file, of_deployment].concat();
        Ok(Report::new(self.label(target.as_ref()), outcomes))
    }

    /// Returns the name of the temporary plan and key, if there are any.
    pub(super) fn temporary(&self) -> Option<String> {
        self.deployment.temporary()
    }

    /// Deletes the temporary plan and key of a run that was interrupted.
    ///
    /// # Errors
    /// [`ClientError`] if they cannot be deleted.
    pub(super) async fn clean_up(&self) -> Result<(), ClientError> {
        self.deployment.clean_up().await
    }

    async fn open(
        &self,
        selection: &Selection,
    ) -> Result<(Option<Parameters>, Option<Deployment>), CommandError> {
        let parameters = match &self.options.parameters {
            Some(file) if selection.includes_any_of_groups(&Group::OF_FILE) => {
                let needs_account = selection.includes_any_of(Group::Account);
                Some(target::parameters(file, self.options, &self.scope, needs_account).await?)
            }
            _ => None,
        };
        let needs_target = self.scope.has_api
            && (selection.includes_any_of_groups(&Group::OF_STACK)
                || selection.includes_any_of_groups(&Group::OF_API));
        let target = if needs_target {
            Some(target::open(self.options).await?)
        } else {
            None
        };
        Ok((parameters, target))
    }

    /// Returns the target for the report.
    fn label(&self, target: Option<&Deployment>) -> String {
        let file = self.options.parameters.as_ref();
        let file = file.map(|path| path.display().to_string());
        let api = target.map(Deployment::label);
        let parts: Vec<String> = file.into_iter().chain(api).collect();
        parts.join(", ")
    }
}

/// Makes the checks of the parameter file.
async fn of_file(
    parameters: Option<&Parameters>,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    match parameters {
        Some(parameters) => before::run(parameters, selection, deadline).await,
        None => Vec::new(),
    }
}

/// Makes the checks of the API and its stack.
async fn of_deployment(
    run: &DeploymentRun,
    target: Option<&Deployment>,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    match target {
        Some(target) => run.outcomes(target, selection, deadline).await,
        None => Vec::new(),
    }
}
