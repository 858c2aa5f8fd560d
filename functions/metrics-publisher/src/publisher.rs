//! One event, from its source to what is answered.

use environment::SettingError;
use std::sync::Arc;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Retries, Timeouts, client};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use telemetry::RecordLog;

use crate::aggregate::Aggregator;
use crate::cloudwatch::{CloudWatch, Outcome};
use crate::config::Config;
use crate::endpoint::Prober;
use crate::intake::{Intake, IntakeError};
use crate::queue::{Batch, NoMessageId};
use crate::series::{Metric, Series};
use crate::series_registry::SeriesRegistry;
use crate::source::{Source, UnknownSource};
use crate::time::Window;

/// The number of reasons in the log. The answer names more.
const MAX_LOGGED_REASONS: usize = 3;

/// The publisher with what it was set up with. Nothing of one event is left when the next one
/// comes, but for the series that are known to have a place.
#[derive(Debug)]
pub struct Publisher {
    cloudwatch: CloudWatch,
    registry: SeriesRegistry,
    prober: Prober,
    probe_services: Vec<String>,
}

/// Why an event has to come again, or never can.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Of no source that is known.
    #[error(transparent)]
    Source(#[from] UnknownSource),
    /// Of a source that is known, and not of its shape.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// Not all could be sent.
    #[error("{unsent} of {all} data were not sent: {cause}")]
    Unsent {
        /// How many may be sent another time.
        unsent: usize,
        /// How many there were.
        all: usize,
        /// Why.
        cause: String,
    },
    /// A message that has to come again cannot be named.
    #[error(transparent)]
    NoMessageId(#[from] NoMessageId),
    /// A mistake of ours.
    #[error("panicked")]
    Panicked,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Source(_) | Failure::Intake(_) => "InvalidEvent",
            Failure::Unsent { .. } => "Unsent",
            Failure::NoMessageId(_) => "NoMessageId",
            Failure::Panicked => "Panicked",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}

/// Why there is no publisher.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting of its own.
    #[error(transparent)]
    Config(#[from] SettingError),
    /// A setting of the calls to AWS.
    #[error(transparent)]
    Calls(#[from] CallError),
}

/// Sets the publisher up with the settings that `lookup` gives, and opens its connections. Records
/// of its own calls go to `records`.
///
/// # Errors
/// [`OpenError`] for the first setting that cannot be.
pub async fn open(
    lookup: impl Fn(&str) -> Option<String>,
    records: RecordLog,
) -> Result<Publisher, OpenError> {
    let config = Config::from_lookup(&lookup)?;
    let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records)).await?;
    let connecting = Deadline::after(Instant::now(), Timeouts::default().connect);
    Box::pin(aws.connect_ahead(&["monitoring"], connecting)).await;
    let cloudwatch = client!(aws, aws_sdk_cloudwatch, "monitoring", Retries::Standard);
    let dynamodb = client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
    Ok(Publisher::new(
        &config,
        cloudwatch,
        dynamodb,
        Prober::new(aws.endpoints().clone()),
    ))
}

impl Publisher {
    /// A publisher over these clients.
    #[must_use]
    pub fn new(
        config: &Config,
        cloudwatch: aws_sdk_cloudwatch::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        prober: Prober,
    ) -> Self {
        let (namespace, table) = (config.namespace.clone(), config.usage_table.clone());
        Self {
            cloudwatch: CloudWatch::new(cloudwatch, namespace.clone()),
            registry: SeriesRegistry::new(dynamodb, table, namespace, config.max_series),
            prober,
            probe_services: config.probe_services.clone(),
        }
    }

    /// Handles one event, given as JSON, by the deadline.
    ///
    /// # Errors
    /// [`Failure`] for an event that cannot be read, and for data that could not be sent; but
    /// messages of a queue are answered one by one.
    pub async fn handle(&self, event: &str, deadline: Deadline) -> Result<Value, Failure> {
        self.handle_at(event, Timestamp::now(), deadline).await
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_at(
        &self,
        event: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let mut intake = Intake::new(Window::at(now));
        match Source::of(event)? {
            Source::Records(list) => {
                intake.records(list)?;
            }
            Source::Logs(data) => intake.subscription(data)?,
            Source::Queue(messages) => return self.queue(messages, intake, now, deadline).await,
            Source::Schedule => return self.probe(intake, now, deadline).await,
        }

        let (accepted, duplicates) = (intake.accepted, intake.duplicates);
        let (rejected, rejected_count) =
            (json!(intake.rejections.named()), intake.rejections.count());
        let outcome = self.publish_all(intake, now, deadline).await?;

        let refused = u64::try_from(outcome.refused_records.len()).unwrap_or(accepted);
        Ok(json!({
            "accepted": accepted,
            "rejected": rejected,
            "rejected_count": rejected_count,
            "duplicates": duplicates,
            "published": accepted.saturating_sub(refused),
            "refused": refused,
            "requests": outcome.requests,
        }))
    }

    async fn queue(
        &self,
        messages: &str,
        mut intake: Intake,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let mut batch = Batch::read(messages, &mut intake)?;
        let outcome = self.publish(intake, now, deadline).await;
        batch.fail(&outcome.unsent_records);
        batch.refuse(&outcome.refused_records, &outcome.sent_records);
        let failures: Vec<_> = batch
            .failures()?
            .into_iter()
            .map(|id| json!({"itemIdentifier": id}))
            .collect();
        Ok(json!({ "batchItemFailures": failures }))
    }

    async fn probe(
        &self,
        mut intake: Intake,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let probed = self.prober.probe(&self.probe_services, deadline).await;
        for endpoint in &probed {
            if let Some(error) = &endpoint.error {
                tracing::warn!(
                    service = endpoint.service,
                    error,
                    "an endpoint is not reachable"
                );
            }
            endpoint.observe(minute(now), &mut intake.sums);
        }

        let outcome = self.publish_all(intake, now, deadline).await?;
        Ok(json!({"probed": probed, "requests": outcome.requests}))
    }

    /// Sends everything that CloudWatch does not refuse for good.
    async fn publish_all(
        &self,
        intake: Intake,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Outcome, Failure> {
        let mut outcome = self.publish(intake, now, deadline).await;
        match outcome.cause.take() {
            None => Ok(outcome),
            Some(cause) => {
                let all = outcome.sent + outcome.refused + outcome.unsent;
                Err(Failure::Unsent {
                    unsent: outcome.unsent,
                    all,
                    cause,
                })
            }
        }
    }

    async fn publish(&self, mut intake: Intake, now: Timestamp, deadline: Deadline) -> Outcome {
        let overflowed = self.registry.admit(&mut intake.sums, now, deadline).await;
        let rejected = intake.rejections.count();
        for (metric, count) in [
            (Metric::RejectedRecords, rejected),
            (
                Metric::OverflowedSeries,
                u64::try_from(overflowed).unwrap_or(u64::MAX),
            ),
        ] {
            if count > 0 {
                intake
                    .sums
                    .add_own(minute(now), Series::new(metric, []), 1.0, count);
            }
        }
        if intake.sums.is_empty() {
            return Outcome::default();
        }

        let mut outcome = self
            .cloudwatch
            .publish(intake.sums.into_data(), deadline)
            .await;
        outcome.requests += self
            .report_refused(outcome.refused_count(), now, deadline)
            .await;

        let reasons: Vec<_> = intake
            .rejections
            .named()
            .iter()
            .take(MAX_LOGGED_REASONS)
            .map(|one| &*one.reason)
            .collect();
        tracing::info!(
            accepted = intake.accepted,
            rejected,
            duplicates = intake.duplicates,
            reasons = reasons.join("; "),
            overflowed_series = overflowed,
            requests = outcome.requests,
            sent = outcome.sent,
            refused = outcome.refused,
            refused_records = outcome.refused_records.len(),
            unsent = outcome.unsent,
            "published"
        );
        outcome
    }

    /// Counts what CloudWatch refused as rejected, because it is in no other metric. Returns the
    /// number of requests.
    ///
    /// The event does not come again if this fails: its other data have been sent, and would count
    /// twice.
    async fn report_refused(&self, count: u64, now: Timestamp, deadline: Deadline) -> u32 {
        if count == 0 {
            return 0;
        }
        let mut sums = Aggregator::default();
        sums.add_own(
            minute(now),
            Series::new(Metric::RejectedRecords, []),
            1.0,
            count,
        );

        let outcome = self.cloudwatch.publish(sums.into_data(), deadline).await;
        if let Some(problem) = outcome.cause {
            tracing::error!(
                reason = "fault",
                problem,
                count,
                "refused records were not counted as rejected"
            );
        }
        outcome.requests
    }
}

/// Handles an event, logs why it could not be, and survives a panic.
///
/// # Errors
/// As [`Publisher::handle`], and [`Failure::Panicked`].
pub async fn answer(
    publisher: Arc<Publisher>,
    event: Box<RawValue>,
    deadline: Deadline,
) -> Result<Value, Failure> {
    let answer =
        telemetry::contain_panic(async move { publisher.handle(event.get(), deadline).await })
            .await;
    let answer = answer.unwrap_or(Err(Failure::Panicked));
    answer.inspect_err(
        |error| tracing::error!(reason = "fault", %error, "the event was not published"),
    )
}

/// The minute of an instant, in seconds since 1970.
fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60) * 60
}
