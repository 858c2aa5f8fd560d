//! One run of checks, in a task of its own.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use checks::{Deployment, DeploymentRun, Report, progress};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::request::RunPlan;
use super::target::CheckTarget;

/// The time for one run.
const RUN_TIMEOUT: Duration = Duration::from_secs(120);
/// The time to delete the temporary plan and key.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(20);

/// A run that is in progress or finished.
pub(super) struct CheckRun {
    id: String,
    started_at: Timestamp,
    started: Instant,
    total: usize,
    finished: Arc<AtomicUsize>,
    run: DeploymentRun,
    state: Mutex<State>,
    /// True from the request to end the run.
    is_cancelled: watch::Sender<bool>,
    /// True once the run has ended and its temporary plan and key are deleted.
    has_ended: watch::Sender<bool>,
}

#[derive(Debug)]
enum State {
    Running,
    Done { report: Value, elapsed: Duration },
    Failed { problem: String, elapsed: Duration },
}

/// The status of a run, for the page.
#[derive(Debug, Serialize)]
pub(crate) struct RunStatus {
    state: &'static str,
    started_at: Timestamp,
    elapsed_ms: u128,
    finished: usize,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl CheckRun {
    /// Begins a run.
    pub(super) fn start(id: String, target: CheckTarget, plan: RunPlan) -> Arc<Self> {
        let run = Arc::new(Self {
            id,
            started_at: Timestamp::now(),
            started: Instant::now(),
            total: plan.total,
            finished: Arc::default(),
            run: DeploymentRun::new(plan.options.clone()),
            state: Mutex::new(State::Running),
            is_cancelled: watch::Sender::new(false),
            has_ended: watch::Sender::new(false),
        });
        tokio::spawn(Arc::clone(&run).until_end(target, plan));
        run
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn is_running(&self) -> bool {
        !*self.has_ended.borrow()
    }

    /// Returns the status.
    pub(super) fn status(&self) -> RunStatus {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, elapsed, report, error) = match &*state {
            State::Running => ("running", self.started.elapsed(), None, None),
            State::Done { report, elapsed } => ("done", *elapsed, Some(report.clone()), None),
            State::Failed { problem, elapsed } => ("failed", *elapsed, None, Some(problem.clone())),
        };
        RunStatus {
            state: name,
            started_at: self.started_at,
            elapsed_ms: elapsed.as_millis(),
            finished: self.finished.load(Ordering::Relaxed).min(self.total),
            total: self.total,
            report,
            error,
        }
    }

    /// Ends the run, and waits until its temporary plan and key are deleted. Returns the problem if
    /// they cannot be deleted.
    pub(super) async fn cancel(&self) -> Option<String> {
        self.is_cancelled.send_replace(true);
        is_true(&self.has_ended).await;
        self.leftover_problem()
    }

    async fn until_end(self: Arc<Self>, target: CheckTarget, plan: RunPlan) {
        // A run that panics must not stay in progress, so it has a task of its own.
        let mut making = tokio::spawn(Arc::clone(&self).make(target, plan));
        let result = tokio::select! {
            made = &mut making => {
                made.unwrap_or_else(|_| Err("The run ended unexpectedly.".to_owned()))
            }
            () = is_true(&self.is_cancelled) => {
                making.abort();
                // The task no longer sends anything once it has ended.
                let _ = making.await;
                Err("The run was cancelled.".to_owned())
            }
        };

        let problem = self.clean_up().await;
        let elapsed = self.started.elapsed();
        let state = match (result, problem) {
            (Ok(report), None) => State::Done { report, elapsed },
            (Ok(_), Some(problem)) => State::Failed { problem, elapsed },
            (Err(error), problem) => State::Failed {
                problem: [Some(error), problem]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" "),
                elapsed,
            },
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.has_ended.send_replace(true);
    }

    /// Makes the checks and returns the report.
    async fn make(self: Arc<Self>, target: CheckTarget, plan: RunPlan) -> Result<Value, String> {
        let deadline = tokio::time::Instant::now() + RUN_TIMEOUT;
        let opening = Deployment::open(&target.options, None);
        let opened = tokio::time::timeout_at(deadline, opening).await;
        let deployment = opened
            .map_err(|_| "The target was not read in time.".to_owned())?
            .map_err(|error| error.to_string())?;

        let outcomes = self.run.outcomes(&deployment, &plan.selection, deadline);
        let outcomes = progress::counting(Arc::clone(&self.finished), outcomes).await;
        let report = Report::new(deployment.label(), outcomes);
        Ok(report.to_json(&target.version))
    }

    /// Deletes the temporary plan and key of a run that was interrupted. Returns the problem if that
    /// fails.
    async fn clean_up(&self) -> Option<String> {
        self.run.temporary()?;
        match timeout(CLEAN_UP_TIMEOUT, self.run.clean_up()).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => self.leftover_problem(),
        }
    }

    /// Returns the problem with a temporary plan and key that may still exist.
    fn leftover_problem(&self) -> Option<String> {
        let name = self.run.temporary()?;
        Some(format!(
            "The temporary plan and key `{name}` could not be deleted. The key expires 15 minutes after \
             its creation, and a later run deletes both."
        ))
    }
}

/// Waits until a value is true.
async fn is_true(value: &watch::Sender<bool>) {
    // The sender exists while its value is awaited.
    let _ = value.subscribe().wait_for(|value| *value).await;
}

impl fmt::Debug for CheckRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CheckRun({})", self.id)
    }
}
