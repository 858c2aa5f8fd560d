//! Runs of `tollgate check` for the page: at most one at a time.

mod catalogue;
mod request;
mod run;
mod target;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use crate::problem::Problem;

pub(crate) use catalogue::catalogue;
pub(crate) use request::CheckRequest;
pub(crate) use run::RunStatus;
pub(crate) use target::CheckTarget;

use run::CheckRun;

/// The time in which a run is ended and its temporary plan and key are deleted.
const END_TIMEOUT: Duration = Duration::from_secs(25);

/// The run in progress, or else the last one.
#[derive(Debug, Default)]
pub(crate) struct CheckRuns {
    latest: Mutex<Option<Arc<CheckRun>>>,
    count: AtomicU64,
}

/// The id of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunId {
    /// Null if there was no run yet.
    id: Option<String>,
}

impl CheckRuns {
    /// Begins a run.
    ///
    /// # Errors
    /// 400 or 403 if the request is invalid, 409 if a run is in progress.
    pub(crate) fn start(
        &self,
        target: CheckTarget,
        request: CheckRequest,
    ) -> Result<RunId, Problem> {
        let plan = request.plan(&target)?;

        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(|run| run.is_running()) {
            let detail =
                "Checks are running already. Wait until they are finished, or cancel them.";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{count}", Timestamp::now().as_millisecond());
        *latest = Some(CheckRun::start(id.clone(), target, plan));
        Ok(RunId { id: Some(id) })
    }

    /// Returns the id of the run in progress, or else of the last one.
    pub(crate) fn latest(&self) -> RunId {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        RunId {
            id: latest.as_ref().map(|run| run.id().to_owned()),
        }
    }

    /// Returns the status of a run.
    ///
    /// # Errors
    /// 404 if there is no such run.
    pub(crate) fn status(&self, id: &str) -> Result<RunStatus, Problem> {
        Ok(self.find(id)?.status())
    }

    /// Ends a run, deletes its temporary plan and key, and forgets it.
    ///
    /// # Errors
    /// 404 if there is no such run, 502 if the plan and the key cannot be deleted.
    pub(crate) async fn cancel(&self, id: &str) -> Result<(), Problem> {
        let run = self.find(id)?;
        let ended = tokio::time::timeout(END_TIMEOUT, run.cancel()).await;
        let problem = match ended {
            Ok(problem) => problem,
            Err(_) => Some("The run did not end in time.".to_owned()),
        };
        self.forget(id);

        match problem {
            None => Ok(()),
            Some(problem) => Err(Problem::new(StatusCode::BAD_GATEWAY, problem)),
        }
    }

    /// Ends the run in progress before the program ends. Its temporary plan and key are deleted if the
    /// API responds in time.
    pub(crate) async fn stop(&self) {
        let Some(id) = self.latest().id else {
            return;
        };
        if let Err(problem) = self.cancel(&id).await {
            tracing::warn!(
                problem = problem.detail(),
                "a run of checks was not ended cleanly"
            );
        }
    }

    fn find(&self, id: &str) -> Result<Arc<CheckRun>, Problem> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let run = latest.as_ref().filter(|run| run.id() == id);
        run.map(Arc::clone).ok_or_else(|| {
            let detail = "There is no such run of checks. Only the last one is kept.";
            Problem::new(StatusCode::NOT_FOUND, detail)
        })
    }

    fn forget(&self, id: &str) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_some_and(|run| run.id() == id) {
            *latest = None;
        }
    }
}
