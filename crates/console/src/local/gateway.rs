//! The local gateway that serves its own console.

use std::sync::{Arc, OnceLock};

use gateway::local::{self, Settings};
use gateway::pages::Pages;
use http::StatusCode;
use jiff::Timestamp;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::activity::Activity;
use super::log_layer;
use crate::check_runs::CheckRuns;
use crate::overview::{Overview, Range};
use crate::policy_text::PolicyText;
use crate::problem::Problem;
use crate::refusals::{RefusalPage, RefusalQuery};
use crate::target::{OverviewSource, PolicyOrigin, RefusalSource, Target, TargetKind};
use crate::{Backend, CONSOLE_PATH, Console};

/// The local gateway that serves its own console, with the data that the console shows.
#[derive(Debug)]
pub struct Local {
    version: String,
    activity: Arc<Activity>,
    settings: OnceLock<Settings>,
    check_runs: CheckRuns,
}

impl Local {
    /// Creates the console's view of a gateway that is not started yet. `version` is that of the
    /// program.
    #[must_use]
    pub fn new(version: &str) -> Arc<Self> {
        Arc::new(Self {
            version: version.to_owned(),
            activity: Arc::new(Activity::new()),
            settings: OnceLock::new(),
            check_runs: CheckRuns::default(),
        })
    }

    /// Ends what the console does in the background. Call it before the gateway stops: a run of checks
    /// deletes its temporary plan and key.
    pub async fn stop(&self) {
        self.check_runs.stop().await;
    }

    pub(crate) const fn check_runs(&self) -> &CheckRuns {
        &self.check_runs
    }

    /// Returns the pages to start the gateway with.
    #[must_use]
    pub fn pages(self: &Arc<Self>) -> Pages {
        let console = Arc::new(Console::new(Backend::local(self)));
        let activity = Arc::clone(&self.activity);

        Pages {
            name: "Console",
            path: CONSOLE_PATH,
            handler: Arc::new(move |request| {
                let console = Arc::clone(&console);
                Box::pin(async move { console.respond(request).await })
            }),
            observer: Some(Arc::new(move |exchange| activity.record(exchange))),
        }
    }

    /// Returns the layer that reads the reasons of refusals from the log of the functions. It has a
    /// filter of its own.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        log_layer::layer(Arc::clone(&self.activity))
    }

    /// Sets the settings of the gateway once it is started.
    pub fn set_settings(&self, settings: Settings) {
        // The first settings stay.
        let _ = self.settings.set(settings);
    }

    /// Returns the description of the gateway.
    pub(crate) fn target(&self) -> Target {
        let settings = self.settings.get();
        Target {
            kind: TargetKind::Local,
            label: "local gateway".to_owned(),
            version: self.version.clone(),
            may_write: true,
            read_only_reason: None,
            key_header: settings.map(|settings| settings.key_header.clone()),
            region: None,
            identity: None,
            stack_version: None,
            overview: OverviewSource::Memory,
            refusals: RefusalSource::Memory,
            policy_source: self.policy_origin(),
            missing: Vec::new(),
        }
    }

    /// Returns the policy in force, without secrets that are written in it.
    pub(crate) fn policy(&self) -> PolicyText {
        let policy = self.settings.get().and_then(|it| it.policy.as_ref());
        PolicyText::new(self.policy_origin(), policy.and_then(|it| it.text.clone()))
    }

    fn policy_origin(&self) -> PolicyOrigin {
        let policy = self.settings.get().and_then(|it| it.policy.as_ref());
        match policy.map(|policy| policy.origin.clone()) {
            Some(local::PolicyOrigin::File(path)) => PolicyOrigin::File(path),
            Some(local::PolicyOrigin::Template(path)) => PolicyOrigin::Template(path),
            Some(local::PolicyOrigin::Table(name)) => PolicyOrigin::Table(name),
            None => PolicyOrigin::Unknown,
        }
    }

    /// Returns the figures of the last 15 minutes.
    ///
    /// # Errors
    /// [`Problem`] for another range.
    pub(crate) fn overview(&self, range: Range) -> Result<Overview, Problem> {
        if range != Range::QuarterHour {
            let detail = "The local gateway keeps the figures of the last 15 minutes. Longer ranges \
                          need a deployed stack, whose metrics are in CloudWatch.";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
        Ok(self.activity.overview(Timestamp::now()))
    }

    /// Returns recent refusals.
    pub(crate) fn refusals(&self, query: &RefusalQuery) -> RefusalPage {
        self.activity.refusal_page(query)
    }
}
