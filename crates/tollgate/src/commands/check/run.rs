//! One run: opens the target, and makes the checks of each group.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin_client::ClientError;
use checks::before::Parameters;
use checks::configuration::Configuration;
use checks::requests::{RequestOptions, Requests};
use checks::{
    Group, Outcome, Report, Selection, Verdict, after, before, catalogue, configuration, requests,
};
use tokio::time::{Instant, timeout_at};

use super::CheckOptions;
use super::scope::{AFTER, BEFORE, OF_API, Scope};
use super::target::{self, Target};
use crate::commands::CommandError;

/// The time for one run.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);

/// The checks of a command line, which can be made several times.
pub(super) struct Run<'o> {
    options: &'o CheckOptions,
    scope: Scope,
    /// The requests of the last run, which may have a temporary plan and key.
    requests: Mutex<Option<Arc<Requests>>>,
}

impl<'o> Run<'o> {
    /// Returns the run of a command line. Nothing is sent.
    pub(super) const fn new(options: &'o CheckOptions, scope: Scope) -> Self {
        Self {
            options,
            scope,
            requests: Mutex::new(None),
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

        let (of_file, of_stack, of_api) = tokio::join!(
            of_file(parameters.as_ref(), &of_file_selection, deadline),
            of_stack(target.as_ref(), selection, deadline),
            self.of_api(target.as_ref(), selection, deadline),
        );
        let mut outcomes = [of_file, of_stack, of_api].concat();
        sort(&mut outcomes);
        Ok(Report {
            target: self.label(target.as_ref()),
            outcomes,
        })
    }

    /// Returns the name of the temporary plan and key, if there are any.
    pub(super) fn temporary(&self) -> Option<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.as_ref()?.temporary()
    }

    /// Deletes the temporary plan and key of a run that was interrupted.
    ///
    /// # Errors
    /// [`ClientError`] if they cannot be deleted.
    pub(super) async fn clean_up(&self) -> Result<(), ClientError> {
        let requests = self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match requests {
            Some(requests) => requests::clean_up(&requests).await,
            None => Ok(()),
        }
    }

    async fn open(
        &self,
        selection: &Selection,
    ) -> Result<(Option<Parameters>, Option<Target>), CommandError> {
        let parameters = match &self.options.parameters {
            Some(file) if selects_any(selection, &BEFORE) => {
                let needs_account = selection.includes_any_of(Group::Account);
                Some(target::parameters(file, self.options, &self.scope, needs_account).await?)
            }
            _ => None,
        };
        let needs_target = self.scope.has_api
            && (selects_any(selection, &AFTER) || selects_any(selection, &OF_API));
        let target = if needs_target {
            Some(Target::open(self.options, &self.scope).await?)
        } else {
            None
        };
        Ok((parameters, target))
    }

    /// Makes the checks of the configuration, and then those by requests. Their temporary plan would
    /// otherwise be a part of the configuration.
    async fn of_api(
        &self,
        target: Option<&Target>,
        selection: &Selection,
        deadline: Instant,
    ) -> Vec<Outcome> {
        let Some(target) = target else {
            return Vec::new();
        };
        let client = match &target.client {
            Ok(client) => client,
            Err(problem) => return without_api(problem, selection),
        };

        let mut outcomes = Vec::new();
        if selection.includes_any_of(Group::Configuration) {
            let context = Configuration::new(client.clone(), target.stack.clone());
            outcomes = configuration::run(&context, selection, deadline).await;
        }
        if selection.includes_any_of(Group::Requests) {
            let options = RequestOptions {
                path: self.options.path.clone(),
                echo: self.options.echo.clone(),
                key_header: self.options.key_header.clone(),
            };
            let context = Requests::new(client.clone(), options, target.stack.clone());
            let context = Arc::new(context);
            self.remember(Arc::clone(&context));
            outcomes.extend(requests::run(&context, selection, deadline).await);
        }
        outcomes
    }

    fn remember(&self, requests: Arc<Requests>) {
        let mut known = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(requests);
    }

    /// Returns the target for the report.
    fn label(&self, target: Option<&Target>) -> String {
        let file = self.options.parameters.as_ref();
        let file = file.map(|path| path.display().to_string());
        let api = target.map(|target| match (&target.client, &self.scope.stack) {
            (Ok(client), _) => client.target().to_owned(),
            (Err(_), stack) => format!("stack {}", stack.as_deref().unwrap_or_default()),
        });
        let parts: Vec<String> = file.into_iter().chain(api).collect();
        parts.join(", ")
    }
}

/// True if a check of one of the groups is selected.
fn selects_any(selection: &Selection, groups: &[Group]) -> bool {
    groups.iter().any(|group| selection.includes_any_of(*group))
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

/// Makes the checks that read what was deployed.
async fn of_stack(
    target: Option<&Target>,
    selection: &Selection,
    deadline: Instant,
) -> Vec<Outcome> {
    match target.and_then(|target| target.stack.as_ref()) {
        Some(stack) if selects_any(selection, &AFTER) => {
            after::run(stack, selection, deadline).await
        }
        _ => Vec::new(),
    }
}

/// Returns an error for each check of an API that the stack does not have.
fn without_api(problem: &str, selection: &Selection) -> Vec<Outcome> {
    catalogue::all()
        .filter(|check| OF_API.contains(&check.group) && selection.includes(check))
        .map(|check| Outcome {
            check,
            verdict: Verdict::error(problem),
        })
        .collect()
}

/// Sorts outcomes as the catalogue.
fn sort(outcomes: &mut [Outcome]) {
    outcomes.sort_by_cached_key(|outcome| catalogue::all().position(|one| one == outcome.check));
}
