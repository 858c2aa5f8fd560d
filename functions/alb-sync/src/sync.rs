//! The function: reconciles all groups in parallel.

use std::sync::Arc;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Retries, Timeouts};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use sync_targets::Group;
use telemetry::{RecordLog, RequestScope};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::error::SyncError;
use crate::event::{self, InvalidEvent};
use crate::group::GroupRun;
use crate::outcome::{Outcome, Report, RunError};
use crate::resolver::{Resolutions, Resolver};
use crate::state_table::StateTable;
use crate::target_groups::TargetGroups;
use crate::{gauges, log};

/// The function and its clients. Runs may overlap.
#[derive(Debug)]
pub struct AlbSync {
    config: Config,
    resolver: Arc<Resolver>,
    target_groups: TargetGroups,
    states: StateTable,
    records: RecordLog,
}

/// The reason why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting of the AWS clients is invalid.
    #[error(transparent)]
    Calls(#[from] CallError),
    /// No name servers are known.
    #[error("DNS_SERVERS is not set, and the system's name servers are unknown: {0}")]
    Servers(String),
}

/// The reason why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The event is invalid. Nothing was changed.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    /// At least one group could not be reconciled.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Event(error) => error.into(),
            Failure::Run(error) => error.into(),
        }
    }
}

impl AlbSync {
    /// Creates AWS clients with the settings from `lookup`, and opens their connections. Call
    /// records and gauges go to `records`.
    ///
    /// # Errors
    /// [`OpenError`] if a setting is invalid or no name servers are known.
    pub async fn open(
        config: Config,
        lookup: impl Fn(&str) -> Option<String>,
        records: RecordLog,
    ) -> Result<Self, OpenError> {
        let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records.clone())).await?;
        let connect_deadline = Deadline::after(Instant::now(), Timeouts::default().connect);
        Box::pin(aws.connect_ahead(&["elasticloadbalancing", "dynamodb"], connect_deadline)).await;

        let elb = aws::client!(
            aws,
            aws_sdk_elasticloadbalancingv2,
            "elasticloadbalancing",
            Retries::Standard
        );
        let dynamodb = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);

        Self::with_clients(config, elb, dynamodb, records)
    }

    /// Creates the function with existing AWS clients.
    ///
    /// # Errors
    /// [`OpenError::Servers`] if no name servers are known.
    pub fn with_clients(
        config: Config,
        elb: aws_sdk_elasticloadbalancingv2::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        records: RecordLog,
    ) -> Result<Self, OpenError> {
        let resolver =
            Resolver::new(&config.dns_servers, config.max_lookups).map_err(OpenError::Servers)?;

        Ok(Self {
            resolver: Arc::new(resolver),
            target_groups: TargetGroups::new(elb),
            states: StateTable::new(dynamodb, config.usage_table.clone()),
            records,
            config,
        })
    }

    /// Returns the settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Reconciles all groups before the deadline, in parallel. Nothing is changed if the event is
    /// `{"dry_run": true}` or `DRY_RUN` is set.
    ///
    /// # Errors
    /// [`Failure`] if the event is invalid or a group could not be reconciled.
    pub async fn handle(
        self: Arc<Self>,
        event: &Value,
        deadline: Deadline,
    ) -> Result<Report, Failure> {
        let dry_run = event::asks_for_dry_run(event)?;

        Ok(self.handle_at(Timestamp::now(), dry_run, deadline).await?)
    }

    /// Reconciles all groups as at a given time.
    ///
    /// # Errors
    /// [`RunError`] if a group could not be reconciled.
    #[doc(hidden)]
    pub async fn handle_at(
        self: Arc<Self>,
        now: Timestamp,
        dry_run: bool,
        deadline: Deadline,
    ) -> Result<Report, RunError> {
        let dry_run = dry_run || self.config.dry_run;
        let now = now.as_millisecond();

        let targets = Arc::clone(&self).outcomes(now, dry_run, deadline).await;

        for outcome in &targets {
            log::outcome(outcome, dry_run);
            self.records
                .write_line(&gauges::gauge_line(outcome, &self.config.namespace, now));
        }
        // A run is about a minute apart from the next one, so each writes its own call records.
        self.records.flush();

        Report { targets, dry_run }.into_result()
    }

    /// Returns the outcomes of all groups, in their order. A group whose task panics has an error.
    async fn outcomes(
        self: Arc<Self>,
        now: i64,
        dry_run: bool,
        deadline: Deadline,
    ) -> Vec<Outcome> {
        let dns_deadline = deadline
            .at_most(Instant::now(), self.config.dns_timeout)
            .instant();
        let names = Arc::new(Resolutions::new(Arc::clone(&self.resolver), dns_deadline));

        let mut tasks = JoinSet::new();
        for index in 0..self.config.groups.len() {
            let (sync, names) = (Arc::clone(&self), Arc::clone(&names));
            let scope = RequestScope::current();
            tasks.spawn(scope.carry_into(async move {
                let run = GroupRun {
                    group: sync.config.groups.get(index)?,
                    settings: &sync.config.settings,
                    target_groups: &sync.target_groups,
                    states: &sync.states,
                    names,
                    deadline,
                    now,
                    dry_run,
                };
                Some((index, run.outcome().await))
            }));
        }

        let mut outcomes: Vec<_> = self.config.groups.iter().map(panicked).collect();
        while let Some(finished) = tasks.join_next().await {
            if let Ok(Some((index, outcome))) = finished
                && let Some(slot) = outcomes.get_mut(index)
            {
                *slot = outcome;
            }
        }
        outcomes
    }
}

fn panicked(group: &Group) -> Outcome {
    Outcome {
        target_group_arn: group.arn.clone(),
        error: Some(SyncError::Panicked.to_string()),
        ..Outcome::default()
    }
}
