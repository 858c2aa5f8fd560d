//! CloudWatch: sends data, and says what could not be sent.
//!
//! IAM: cloudwatch:PutMetricData on *

use std::time::{Duration, Instant};

use aws::{Breaker, CallError, Deadline, Failure, Timeouts, retry};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use telemetry::{Excerpt, error_chain};

use crate::aggregate::Datum;
use crate::batches::batches;
use crate::series::Unit;

/// Kept for answering once there is no time to send any more.
const MARGIN: Duration = Duration::from_millis(250);
/// More refused requests than these in one delivery are not worth looking for the bad data in: one
/// bad datum among a thousand costs eleven.
const REFUSALS: u32 = 200;

/// What was sent, and what was not.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests that were made, whatever came of them; the SDK's retries are not counted.
    pub requests: u32,
    /// Data that CloudWatch has taken.
    pub sent: usize,
    /// Data that CloudWatch will never take.
    pub refused: usize,
    /// Data that may be taken another time.
    pub unsent: usize,
    /// The numbers of the records that the refused data come from, in order.
    pub refused_records: Vec<u32>,
    /// Refused data of the publisher's own, which come from no record.
    pub refused_own: usize,
    /// The numbers of the records that the sent data come from, in order. Empty if nothing was
    /// refused.
    pub sent_records: Vec<u32>,
    /// The numbers of the records that the unsent data come from, in order.
    pub unsent_records: Vec<u32>,
    /// Why the first of them were not sent.
    pub cause: Option<String>,
}

/// What a request's failure means for what it held.
enum Refusal {
    /// Something in it is bad.
    Data(String),
    /// Nothing is let through, whatever it holds.
    Everything(String),
    /// It may be taken another time.
    Now(String),
}

/// `PutMetricData` into one namespace.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    breaker: Breaker,
}

impl CloudWatch {
    /// `client` retries by itself what may be sent again. A reply that was lost can count twice:
    /// the operation has no token that would tell.
    #[must_use]
    pub const fn new(client: Client, namespace: String) -> Self {
        Self {
            client,
            namespace,
            breaker: Breaker::new("monitoring"),
        }
    }

    /// Sends data in as few requests as CloudWatch takes, until shortly before the deadline. Where
    /// a request is refused for what it holds, its halves are sent, down to the datum that is to
    /// blame.
    pub async fn publish(&self, data: Vec<Datum>, deadline: Deadline) -> Outcome {
        let mut outcome = Outcome::default();
        let mut waiting = batches(data);
        waiting.reverse();
        let mut refusals = 0;
        let mut sent = Vec::new();

        while let Some(mut batch) = waiting.pop() {
            match self.put(&batch, deadline, &mut outcome.requests).await {
                Ok(()) => sent.extend(batch),
                Err(Refusal::Data(_)) if batch.len() > 1 && refusals < REFUSALS => {
                    refusals += 1;
                    let second = batch.split_off(batch.len() / 2);
                    waiting.extend([second, batch]);
                }
                Err(Refusal::Data(problem)) => outcome.refuse(&batch, &problem),
                Err(Refusal::Now(problem)) => outcome.keep(&batch, problem),
                Err(Refusal::Everything(problem)) => {
                    outcome.keep(&batch, problem.clone());
                    waiting
                        .drain(..)
                        .for_each(|batch| outcome.keep(&batch, problem.clone()));
                }
            }
        }

        outcome.sent = sent.len();
        if outcome.refused > 0 {
            outcome
                .sent_records
                .extend(sent.iter().flat_map(|datum| &datum.aggregate.records));
        }
        for records in [
            &mut outcome.refused_records,
            &mut outcome.sent_records,
            &mut outcome.unsent_records,
        ] {
            records.sort_unstable();
            records.dedup();
        }
        outcome
    }

    async fn put(
        &self,
        batch: &[Datum],
        deadline: Deadline,
        requests: &mut u32,
    ) -> Result<(), Refusal> {
        let now = Instant::now();
        let remaining = deadline.remaining(now).saturating_sub(MARGIN);
        let timeouts = Timeouts::within(remaining, retry::MAX_ATTEMPTS)
            .ok_or_else(|| Refusal::Everything("no time was left to send it".to_owned()))?;
        let permit = self
            .breaker
            .permit(now)
            .map_err(|error: CallError| Refusal::Everything(error.to_string()))?;
        *requests += 1;
        let request = self.client.put_metric_data().namespace(&self.namespace);
        let request = request.set_metric_data(Some(batch.iter().map(metric_datum).collect()));
        let config = aws_sdk_cloudwatch::config::Builder::new().timeout_config(timeouts.sdk());
        let outcome = request.customize().config_override(config).send().await;
        permit.settle(aws::verdict(&outcome), Instant::now());
        outcome.map(|_| ()).map_err(|error| refusal(&error))
    }
}

impl Outcome {
    /// How many records, and data of the publisher's own, CloudWatch refused.
    pub(crate) fn refused_count(&self) -> u64 {
        u64::try_from(self.refused_records.len() + self.refused_own).unwrap_or(u64::MAX)
    }

    fn refuse(&mut self, batch: &[Datum], problem: &str) {
        let series = batch.first().map(|datum| datum.series.to_string());
        tracing::error!(
            reason = "fault",
            problem,
            series,
            data = batch.len(),
            "CloudWatch refused data for good"
        );

        self.refused += batch.len();
        self.refused_own += batch
            .iter()
            .filter(|datum| datum.aggregate.records.is_empty())
            .count();
        self.refused_records
            .extend(batch.iter().flat_map(|datum| &datum.aggregate.records));
    }

    fn keep(&mut self, batch: &[Datum], problem: String) {
        self.unsent += batch.len();
        self.unsent_records
            .extend(batch.iter().flat_map(|datum| &datum.aggregate.records));
        self.cause.get_or_insert(problem);
    }
}

fn refusal(error: &SdkError<PutMetricDataError, HttpResponse>) -> Refusal {
    let status = error
        .raw_response()
        .map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let problem = match error.as_service_error() {
        Some(_) => format!(
            "PutMetricData: {code} ({status}): {}",
            Excerpt(error.message().unwrap_or_default())
        ),
        None => format!("PutMetricData: {}", error_chain(error)),
    };
    match status {
        400 | 413
            if code.starts_with("InvalidParameter")
                || code.starts_with("MissingRequired")
                || status == 413 =>
        {
            Refusal::Data(problem)
        }
        _ if Failure::of_sdk(error).client_error => Refusal::Everything(problem),
        _ => Refusal::Now(problem),
    }
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimension = |(name, value)| Dimension::builder().name(name).value(value).build();
    #[expect(
        clippy::cast_precision_loss,
        reason = "CloudWatch takes counts as doubles"
    )]
    let (values, counts) = datum
        .aggregate
        .values
        .values()
        .map(|(value, count)| (value, count as f64))
        .unzip();
    let unit = match datum.series.metric.unit() {
        Unit::Count => StandardUnit::Count,
        Unit::Milliseconds => StandardUnit::Milliseconds,
    };
    MetricDatum::builder()
        .metric_name(datum.series.metric.name())
        .set_dimensions(Some(datum.series.dimensions().map(dimension).collect()))
        .timestamp(DateTime::from_secs(datum.minute))
        .set_values(Some(values))
        .set_counts(Some(counts))
        .unit(unit)
        .build()
}
