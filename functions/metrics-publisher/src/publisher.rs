//! Handles one event, from its source to the response.

use std::sync::Arc;
use std::time::Instant;

use aws::{AwsCalls, CallError, Deadline, Retries, Timeouts, client};
use environment::SettingError;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use telemetry::{RecordLog, RequestScope, contain_panic, on_current_span};

use crate::claims::Claims;
use crate::cloudwatch::CloudWatch;
use crate::config::Config;
use crate::delivery_id::DeliveryId;
use crate::eventbridge::{EventBridge, UnsentEvents};
use crate::intake::{Intake, IntakeError};
use crate::prober::Prober;
use crate::queue::MissingMessageId;
use crate::series_registry::SeriesRegistry;
use crate::source::{Source, UnknownSource};
use crate::time::Window;

mod messages;
mod once;
mod publishing;
mod response;

/// The function and its clients. Between events, it keeps only the series of the day.
#[derive(Debug)]
pub struct Publisher {
    cloudwatch: CloudWatch,
    registry: SeriesRegistry,
    prober: Prober,
    probe_services: Vec<String>,
    /// `None` if threshold events are off.
    eventbridge: Option<EventBridge>,
    /// `None` if deliveries may be counted more than once.
    claims: Option<Claims>,
}

/// The circumstances of an event.
#[derive(Clone, Copy, Debug)]
pub struct EventContext<'i> {
    /// Lambda's id of the invocation, the same when Lambda repeats an asynchronous one.
    pub request_id: Option<&'i str>,
    /// The present time.
    pub now: Timestamp,
    /// The deadline.
    pub deadline: Deadline,
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
    /// Some threshold events could not be sent. No data of the delivery were sent, because they
    /// would count twice when it is repeated.
    #[error(transparent)]
    UnsentEvents(#[from] UnsentEvents),
    /// A delivery could not be claimed, so nothing of it was sent.
    #[error("the delivery could not be claimed: {0}")]
    Unclaimed(String),
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
            Failure::Unclaimed(_) => "Unclaimed",
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

/// Creates a publisher with the settings from `lookup`, and opens its connections. Records of its
/// own calls go to `records`.
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

    let retries = if config.publish_once {
        Retries::Off
    } else {
        Retries::Standard
    };
    let cloudwatch = client!(aws, aws_sdk_cloudwatch, "monitoring", retries);
    let dynamodb = client!(aws, aws_sdk_dynamodb, "dynamodb", Retries::Standard);
    let prober = Prober::new(aws.endpoints().clone());
    let mut publisher = Publisher::new(&config, cloudwatch, dynamodb.clone(), prober);

    if config.publish_once {
        publisher = publisher.with_claims(Claims::new(dynamodb, config.usage_table));
    }
    if config.threshold_events {
        let eventbridge = client!(aws, aws_sdk_eventbridge, "events", Retries::Standard);
        publisher = publisher.with_threshold_events(EventBridge::new(eventbridge));
    }
    Ok(publisher)
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
            claims: None,
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

    /// Returns the publisher, which counts each delivery at most once. The SDK's client of
    /// CloudWatch must not retry.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self {
            cloudwatch: self.cloudwatch.at_most_once(),
            claims: Some(claims),
            ..self
        }
    }

    /// Handles an event, given as JSON, before the deadline.
    ///
    /// # Errors
    /// Those of [`Self::handle_in_context`].
    pub async fn handle(&self, event: &str, deadline: Deadline) -> Result<Value, Failure> {
        self.handle_at(event, Timestamp::now(), deadline).await
    }

    /// Handles an event as at a given time.
    ///
    /// # Errors
    /// Those of [`Self::handle_in_context`].
    pub async fn handle_at(
        &self,
        event: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Value, Failure> {
        let context = EventContext {
            request_id: None,
            now,
            deadline,
        };
        self.handle_in_context(event, context).await
    }

    /// Handles an event, given as JSON, in its circumstances.
    ///
    /// # Errors
    /// [`Failure`] if the event is invalid, or data could not be sent. For a queue, the response
    /// lists the failed messages instead.
    pub async fn handle_in_context(
        &self,
        event: &str,
        context: EventContext<'_>,
    ) -> Result<Value, Failure> {
        let mut intake =
            Intake::new(Window::at(context.now)).with_threshold_events(self.eventbridge.is_some());
        let id = match Source::from_event(event)? {
            Source::Record(record) => {
                intake.record(0, record);
                context.request_id.and_then(DeliveryId::invocation)
            }
            Source::Records(list) => {
                intake.records(list)?;
                context.request_id.and_then(DeliveryId::invocation)
            }
            Source::Logs(data) => Some(intake.subscription(data)?),
            Source::Queue(messages) => return self.queue(messages, intake, context).await,
            Source::Schedule => return self.probe(intake, context).await,
        };

        let events = self.publish_events(&mut intake, context.deadline).await?;
        match (&self.claims, id) {
            (Some(claims), Some(id)) => {
                self.publish_once(claims, &id, intake, events, context)
                    .await
            }
            _ => {
                let outcome = self.publish(&mut intake, context).await.complete()?;
                Ok(response::report(&intake, &outcome, events, 0))
            }
        }
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

    async fn probe(&self, mut intake: Intake, context: EventContext<'_>) -> Result<Value, Failure> {
        let deadline = context.deadline;
        let probed = self.prober.probe(&self.probe_services, deadline).await;
        for endpoint in &probed {
            if let Some(error) = &endpoint.error {
                tracing::warn!(
                    service = endpoint.service,
                    error,
                    "an endpoint is unreachable"
                );
            }
            endpoint.observe(minute(context.now), &mut intake.sums);
        }

        let outcome = self.publish(&mut intake, context).await.complete()?;
        Ok(json!({"probed": probed, "requests": outcome.requests}))
    }
}

/// Handles the event of the invocation with this id, and logs a failure or panic.
///
/// # Errors
/// Those of [`Publisher::handle_in_context`], and [`Failure::Panicked`] after a panic.
pub async fn respond(
    publisher: Arc<Publisher>,
    event: Box<RawValue>,
    request_id: String,
    deadline: Deadline,
) -> Result<Value, Failure> {
    let scope = RequestScope::current();
    let work = async move {
        let context = EventContext {
            request_id: Some(&request_id),
            now: Timestamp::now(),
            deadline,
        };
        let result = publisher.handle_in_context(event.get(), context).await;
        result.inspect_err(|_| on_current_span(|span| span.fail("fault")))
    };
    let response = contain_panic(scope.serve("metrics-publisher", work)).await;
    let response = response.unwrap_or(Err(Failure::Panicked));

    response.inspect_err(
        |error| tracing::error!(reason = "fault", %error, "failed to publish an event"),
    )
}

/// Returns the start of the current minute, in seconds since 1970.
fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60) * 60
}
