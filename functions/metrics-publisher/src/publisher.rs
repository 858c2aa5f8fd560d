//! Handles one event, from its source to the response.

use environment::SettingError;
use std::sync::Arc;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Retries, Timeouts, client};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use telemetry::{RecordLog, RequestScope, contain_panic, on_current_span};

use crate::aggregate::{Aggregator, UnknownErrorTypes};
use crate::cloudwatch::{CloudWatch, Outcome};
use crate::config::Config;
use crate::eventbridge::{EventBridge, UnsentEvents};
use crate::intake::{Intake, IntakeError};
use crate::prober::Prober;
use crate::queue::{Batch, MissingMessageId};
use crate::series::{Metric, Series};
use crate::series_registry::SeriesRegistry;
use crate::source::{Source, UnknownSource};
use crate::time::Window;

/// The maximum number of rejection reasons in the log. The response lists more.
const MAX_LOGGED_REASONS: usize = 3;

/// The function and its clients. Between events, it keeps only the series of the day.
#[derive(Debug)]
pub struct Publisher {
    cloudwatch: CloudWatch,
    registry: SeriesRegistry,
    prober: Prober,
    probe_services: Vec<String>,
    /// `None` if threshold events are off.
    eventbridge: Option<EventBridge>,
}

/// The reason why an event failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The source of the event is unknown.
    #[error(transparent)]
    Source(#[from] UnknownSource),
    /// The event does not have the form of its source.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// Some data could not be sent.
    #[error("{unsent} of {all} data were not sent: {cause}")]
    Unsent {
        /// The number of data that a retry may send.
        unsent: usize,
        /// The number of all data.
        all: usize,
        /// The reason.
        cause: String,
    },
    /// Some threshold events could not be sent. No data of the delivery were sent, because they would
    /// count twice when it is repeated.
    #[error(transparent)]
    UnsentEvents(#[from] UnsentEvents),
    /// A failed message has no id.
    #[error(transparent)]
    MissingMessageId(#[from] MissingMessageId),
    /// The publisher panicked.
    #[error("panicked")]
    Panicked,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match &failure {
            Failure::Source(_) | Failure::Intake(_) => "InvalidEvent",
            Failure::Unsent { .. } | Failure::UnsentEvents(_) => "Unsent",
            Failure::MissingMessageId(_) => "NoMessageId",
            Failure::Panicked => "Panicked",
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: failure.to_string(),
        }
    }
}

/// The reason why the function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting of the publisher is invalid.
    #[error(transparent)]
    Config(#[from] SettingError),
    /// A setting of the AWS clients is invalid.
    #[error(transparent)]
    Calls(#[from] CallError),
}

/// Creates a publisher with the settings from `lookup`, and opens its connections. Records of its own
/// calls go to `records`.
///
/// # Errors
/// [`OpenError`] for the first invalid setting.
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
    let publisher = Publisher::new(
        &config,
        cloudwatch,
        dynamodb,
        Prober::new(aws.endpoints().clone()),
    );
    if !config.threshold_events {
        return Ok(publisher);
    }

    let eventbridge = client!(aws, aws_sdk_eventbridge, "events", Retries::Standard);
    Ok(publisher.with_threshold_events(EventBridge::new(eventbridge)))
}

impl Publisher {
    /// Creates a publisher with existing clients.
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
            eventbridge: None,
        }
    }

    /// Returns the publisher, which sends log lines about thresholds to EventBridge.
    #[must_use]
    pub fn with_threshold_events(self, eventbridge: EventBridge) -> Self {
        Self {
            eventbridge: Some(eventbridge),
            ..self
        }
    }

    /// Handles an event, given as JSON, before the deadline.
    ///
    /// # Errors
    /// [`Failure`] if the event is invalid, or data could not be sent. For a queue, the response
    /// lists the failed messages instead.
    pub async fn handle(&self, event: &str, deadline: Deadline) -> Result<Value, Failure> {
        self.handle_at(event, Timestamp::now(), deadline).await
    }

    /// Handles an event as at a given time.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_at(
        &self,
        event: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let mut intake =
            Intake::new(Window::at(now)).with_threshold_events(self.eventbridge.is_some());
        match Source::from_event(event)? {
            Source::Records(list) => {
                intake.records(list)?;
            }
            Source::Logs(data) => intake.subscription(data)?,
            Source::Queue(messages) => return self.queue(messages, intake, now, deadline).await,
            Source::Schedule => return self.probe(intake, now, deadline).await,
        }

        let (accepted, duplicates, skipped) = (intake.accepted, intake.duplicates, intake.skipped);
        let (rejected, rejected_count) =
            (json!(intake.rejections.listed()), intake.rejections.count());
        let events = self.publish_events(&mut intake, deadline).await?;
        let outcome = self.publish_all(intake, now, deadline).await?;

        let refused = u64::try_from(outcome.refused_records.len()).unwrap_or(accepted);
        Ok(json!({
            "accepted": accepted,
            "rejected": rejected,
            "rejected_count": rejected_count,
            "duplicates": duplicates,
            "skipped": skipped,
            "published": accepted.saturating_sub(refused),
            "refused": refused,
            "requests": outcome.requests,
            "events": events,
        }))
    }

    /// Sends the threshold events of an intake, and returns their number.
    async fn publish_events(
        &self,
        intake: &mut Intake,
        deadline: Deadline,
    ) -> Result<usize, UnsentEvents> {
        let events = intake.take_threshold_events();
        match &self.eventbridge {
            Some(eventbridge) if !events.is_empty() => eventbridge.publish(&events, deadline).await,
            _ => Ok(0),
        }
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
                    "an endpoint is unreachable"
                );
            }
            endpoint.observe(minute(now), &mut intake.sums);
        }

        let outcome = self.publish_all(intake, now, deadline).await?;
        Ok(json!({"probed": probed, "requests": outcome.requests}))
    }

    /// Publishes an intake.
    ///
    /// # Errors
    /// [`Failure::Unsent`] if data could not be sent. Data that CloudWatch refused for good are not an
    /// error.
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
        log_unknown_error_types(intake.sums.unknown_error_types());
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
            .listed()
            .iter()
            .take(MAX_LOGGED_REASONS)
            .map(|one| &*one.reason)
            .collect();
        tracing::info!(
            accepted = intake.accepted,
            rejected,
            duplicates = intake.duplicates,
            skipped = intake.skipped,
            reasons = reasons.join("; "),
            overflowed_series = overflowed,
            requests = outcome.requests,
            sent = outcome.sent,
            refused = outcome.refused,
            refused_records = outcome.refused_records.len(),
            unsent = outcome.unsent,
            "published an event"
        );
        outcome
    }

    /// Counts refused records as rejected, because no other metric contains them. Returns the number
    /// of requests.
    ///
    /// The event does not fail if this fails: its other data have been sent, and would count twice.
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
                "failed to count refused records as rejected"
            );
        }
        outcome.requests
    }
}

/// Handles an event, and logs a failure or panic.
///
/// # Errors
/// As [`Publisher::handle`], and [`Failure::Panicked`] after a panic.
pub async fn respond(
    publisher: Arc<Publisher>,
    event: Box<RawValue>,
    deadline: Deadline,
) -> Result<Value, Failure> {
    let scope = RequestScope::current();
    let work = async move {
        let result = publisher.handle(event.get(), deadline).await;
        result.inspect_err(|_| on_current_span(|span| span.fail("fault")))
    };
    let response = contain_panic(scope.serve("metrics-publisher", work)).await;
    let response = response.unwrap_or(Err(Failure::Panicked));

    response.inspect_err(
        |error| tracing::error!(reason = "fault", %error, "failed to publish an event"),
    )
}

/// Logs one line per delivery, however many calls it has.
fn log_unknown_error_types(unknown: &UnknownErrorTypes) {
    if let Some(error_type) = &unknown.first {
        tracing::info!(
            error_type,
            calls = unknown.calls,
            "counted failed calls with an unknown error type as `unknown`"
        );
    }
}

/// Returns the start of the current minute, in seconds since 1970.
fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60) * 60
}
