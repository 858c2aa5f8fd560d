//! Sends threshold events to EventBridge.
//!
//! IAM if ThresholdEvents is set: events:PutEvents on DefaultEventBus

use std::time::{Duration, Instant};

use aws::{Breaker, Deadline, Timeouts, retry};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::http::HttpResponse;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use telemetry::{Excerpt, error_chain};

use crate::threshold::ThresholdEvent;

/// The source of the events.
pub const SOURCE: &str = "tollgate";
/// The type of the events.
pub const DETAIL_TYPE: &str = "Tollgate Quota Threshold";
/// The maximum number of events per request (PutEvents: 10 entries).
pub const MAX_REQUEST_EVENTS: usize = 10;

/// The time that is left for the metrics of the same delivery and for the response.
const RESPONSE_MARGIN: Duration = Duration::from_secs(1);

/// The reason why events were not sent. They may have been sent in part.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unsent} of {all} threshold events were not sent: {cause}")]
pub struct UnsentEvents {
    /// The number of events that EventBridge did not accept.
    pub unsent: usize,
    /// The number of all events.
    pub all: usize,
    /// The reason for the first one.
    pub cause: String,
}

/// A client of `PutEvents` for the default event bus.
#[derive(Debug)]
pub struct EventBridge {
    client: Client,
    breaker: Breaker,
}

impl EventBridge {
    /// Creates a client. `client` repeats failed requests by itself. An event can be accepted twice
    /// if a response is lost, and then has the same id in its detail.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            breaker: Breaker::new("events"),
        }
    }

    /// Sends events until shortly before the deadline, and returns their number. Events that
    /// EventBridge refuses in an accepted request are repeated, without the other ones.
    ///
    /// # Errors
    /// [`UnsentEvents`] if an event was not accepted.
    pub async fn publish(
        &self,
        events: &[ThresholdEvent],
        deadline: Deadline,
    ) -> Result<usize, UnsentEvents> {
        let (mut unsent, mut first_cause) = (0, None);

        for batch in events.chunks(MAX_REQUEST_EVENTS) {
            if let Err((count, cause)) = self.publish_batch(batch, deadline).await {
                unsent += count;
                first_cause.get_or_insert(cause);
            }
        }

        match first_cause {
            None => Ok(events.len()),
            Some(cause) => Err(UnsentEvents {
                unsent,
                all: events.len(),
                cause,
            }),
        }
    }

    /// Sends at most ten events.
    ///
    /// # Errors
    /// The number of events that were not accepted, and the reason for the first one.
    async fn publish_batch(
        &self,
        events: &[ThresholdEvent],
        deadline: Deadline,
    ) -> Result<(), (usize, String)> {
        let mut waiting: Vec<_> = events.iter().collect();
        let mut attempt = 1;

        loop {
            let results = self.put(&waiting, deadline).await;
            let results = results.map_err(|cause| (waiting.len(), cause))?;
            let mut place = 0..;
            waiting.retain(|_| {
                let result = place.next().and_then(|place| results.get(place));
                !result.is_some_and(is_accepted)
            });
            if waiting.is_empty() {
                return Ok(());
            }

            let Some(pause) = retry::pause(attempt, None, time_left(deadline), fastrand::f64())
            else {
                return Err((waiting.len(), refusal(&results)));
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn put(
        &self,
        events: &[&ThresholdEvent],
        deadline: Deadline,
    ) -> Result<Vec<PutEventsResultEntry>, String> {
        let timeouts = Timeouts::within(time_left(deadline), retry::MAX_ATTEMPTS)
            .ok_or_else(|| "no time was left to send events".to_owned())?;
        let entries: Result<Vec<_>, _> = events.iter().map(|event| entry(event)).collect();
        let entries = entries.map_err(|error| error.to_string())?;
        let permit = self
            .breaker
            .permit(Instant::now())
            .map_err(|error| error.to_string())?;

        let request = self.client.put_events().set_entries(Some(entries));
        let config = aws_sdk_eventbridge::config::Builder::new().timeout_config(timeouts.sdk());
        let outcome = request.customize().config_override(config).send().await;
        permit.settle(aws::verdict(&outcome), Instant::now());

        let response = outcome.map_err(|error| explained(&error))?;
        Ok(response.entries.unwrap_or_default())
    }
}

/// Returns an entry for the default event bus.
fn entry(event: &ThresholdEvent) -> serde_json::Result<PutEventsRequestEntry> {
    let entry = PutEventsRequestEntry::builder()
        .source(SOURCE)
        .detail_type(DETAIL_TYPE)
        .detail(serde_json::to_string(&event.detail)?)
        .set_time(event.logged_ms.map(DateTime::from_millis));
    Ok(entry.build())
}

/// Returns the time that is left for requests.
fn time_left(deadline: Deadline) -> Duration {
    let remaining = deadline.remaining(Instant::now());
    remaining.saturating_sub(RESPONSE_MARGIN)
}

fn is_accepted(result: &PutEventsResultEntry) -> bool {
    result.error_code().is_none()
}

/// Returns the reason why EventBridge did not accept an event of a request.
fn refusal(results: &[PutEventsResultEntry]) -> String {
    let refused = results.iter().find(|result| !is_accepted(result));
    let code = refused
        .and_then(PutEventsResultEntry::error_code)
        .unwrap_or("no result");
    let message = refused
        .and_then(PutEventsResultEntry::error_message)
        .unwrap_or_default();
    format!("PutEvents: {code}: {}", Excerpt(message))
}

fn explained(error: &SdkError<PutEventsError, HttpResponse>) -> String {
    match error.as_service_error() {
        Some(_) => format!(
            "PutEvents: {}: {}",
            error.code().unwrap_or("no error code"),
            Excerpt(error.message().unwrap_or_default())
        ),
        None => format!("PutEvents: {}", error_chain(error)),
    }
}
