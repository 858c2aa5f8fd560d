//! alb-sync: a Network Load Balancer whose targets follow a name.
//!
//! - trigger: any event, from an EventBridge schedule every minute; `{"dry_run": true}` changes
//!   nothing
//! - reads: the names of `SYNC_TARGETS` from DNS, their target groups (DescribeTargetHealth, and
//!   DescribeTargetGroups
//!   once), one item of `USAGE_TABLE` a group
//! - writes: registers and deregisters ip targets; the item, where something has changed; one log
//!   line and one line
//!   of gauges a group
//! - on failure: doubt changes nothing. A name that cannot be resolved, a group that cannot be
//!   described, a state
//!   that cannot be read or written each end that group alone; the run then ends in an error that
//!   carries the
//!   answer. Only what was registered here, or shown by a name, is ever taken out
//!
//! IAM of Lambda's own calls: sqs:SendMessage on ScheduleDeadLetters

mod absence;
mod admissible;
mod answer;
mod apply;
mod config;
mod coverage;
mod error;
mod event;
mod gauges;
mod group;
mod log;
mod pace;
mod reconcile;
mod resolver;
mod sampling;
mod state;
mod state_table;
mod sync_targets;
mod target;
mod target_groups;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Retries, Timeouts};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use telemetry::{RecordLog, RequestScope};
use tokio::task::JoinSet;

pub use answer::{Answer, NotReconciled, Observed, Outcome};
pub use config::Config;
pub use error::SyncError;
pub use event::InvalidEvent;
pub use reconcile::{Changes, Joining, Seen, Settings, Sighting, reconcile};
pub use resolver::{Family, ResolveError, Resolver};
pub use sampling::{Answer as DnsAnswer, Evidence, Resolution, Sampling};
pub use state::{Record, State};
pub use sync_targets::{Answers, Group, Source, Zone};
pub use target::{Health, Reported, Target};

use group::Run;
use resolver::Resolutions;
use state_table::StateTable;
use target_groups::{GroupDescription, TargetGroups};

/// The function with what it was set up with. Runs may overlap.
#[derive(Debug)]
pub struct AlbSync {
    config: Config,
    resolver: Arc<Resolver>,
    target_groups: TargetGroups,
    states: StateTable,
    /// By ARN: a group takes one kind of addresses for life.
    descriptions: Mutex<HashMap<String, Arc<GroupDescription>>>,
    records: RecordLog,
}

/// Why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting of the calls to AWS.
    #[error(transparent)]
    Calls(#[from] CallError),
    /// No name servers.
    #[error("DNS_SERVERS: is not set, and the system's are not known: {0}")]
    Servers(String),
}

/// Why a run has no answer that is good throughout.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The event asks for something that is not understood. Nothing was changed.
    #[error(transparent)]
    Event(#[from] InvalidEvent),
    /// A group could not be reconciled.
    #[error(transparent)]
    NotReconciled(#[from] NotReconciled),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Event(error) => error.into(),
            Failure::NotReconciled(error) => error.into(),
        }
    }
}

impl AlbSync {
    /// Sets AWS clients up through `lookup`, with connections opened ahead; records and gauges go
    /// to `records`.
    ///
    /// # Errors
    /// [`OpenError`] for a setting that cannot be.
    pub async fn open(
        config: Config,
        lookup: impl Fn(&str) -> Option<String>,
        records: RecordLog,
    ) -> Result<Self, OpenError> {
        let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records.clone())).await?;
        let soon = Deadline::after(Instant::now(), Timeouts::default().connect);
        Box::pin(aws.connect_ahead(&["elasticloadbalancing", "dynamodb"], soon)).await;
        let elb = aws::client!(
            aws,
            aws_sdk_elasticloadbalancingv2,
            "elasticloadbalancing",
            Retries::Standard
        );
        let dynamodb = aws::client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
        Self::with_clients(config, elb, dynamodb, records)
    }

    /// The same over clients that are there.
    ///
    /// # Errors
    /// [`OpenError::Servers`].
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
            descriptions: Mutex::default(),
            records,
            config,
        })
    }

    /// The settings that it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Reconciles every group by the deadline, side by side. The event `{"dry_run": true}` changes
    /// nothing, and neither does any event where `DRY_RUN` is set.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn handle(
        self: Arc<Self>,
        event: &Value,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let dry_run = event::asks_for_dry_run(event)?;
        Ok(self.handle_at(Timestamp::now(), dry_run, deadline).await?)
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_at(
        self: Arc<Self>,
        now: Timestamp,
        dry_run: bool,
        deadline: Deadline,
    ) -> Result<Answer, NotReconciled> {
        let dry_run = dry_run || self.config.dry_run;
        let until = deadline
            .at_most(Instant::now(), self.config.dns_timeout)
            .instant();
        let names = Arc::new(Resolutions::new(Arc::clone(&self.resolver), until));
        let now = now.as_millisecond();
        let mut running = JoinSet::new();
        for index in 0..self.config.groups.len() {
            let (sync, names, scope) = (
                Arc::clone(&self),
                Arc::clone(&names),
                RequestScope::current(),
            );
            running.spawn(scope.serve(async move {
                let run = Run {
                    group: sync.config.groups.get(index)?,
                    sync: &sync,
                    names,
                    deadline,
                    now,
                    dry_run,
                };
                Some((index, run.outcome().await))
            }));
        }
        let panicked = |group: &Group| Outcome {
            target_group_arn: group.arn.clone(),
            error: Some(SyncError::Panicked.to_string()),
            ..Outcome::default()
        };
        let mut targets: Vec<_> = self.config.groups.iter().map(panicked).collect();
        while let Some(ended) = running.join_next().await {
            if let Ok(Some((index, outcome))) = ended
                && let Some(place) = targets.get_mut(index)
            {
                *place = outcome;
            }
        }
        self.tell(&targets, dry_run, now);
        Answer { targets, dry_run }.or_error()
    }

    fn tell(&self, outcomes: &[Outcome], dry_run: bool, now: i64) {
        for outcome in outcomes {
            log::outcome(outcome, dry_run);
            self.records
                .line(&gauges::line(outcome, &self.config.namespace, now));
        }
    }

    fn description(&self, arn: &str) -> Option<Arc<GroupDescription>> {
        self.descriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(arn)
            .cloned()
    }

    fn remember_description(&self, arn: &str, description: &Arc<GroupDescription>) {
        let mut descriptions = self
            .descriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        descriptions.insert(arn.to_owned(), Arc::clone(description));
    }
}
