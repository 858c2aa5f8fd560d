//! Sends data to CloudWatch, and reports which data could not be sent.
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
use crate::batches::request_batches;

/// The time that is left for the response after the last request.
const RESPONSE_MARGIN: Duration = Duration::from_millis(250);
/// The maximum number of refused requests per delivery that are searched for invalid data. Finding
/// one datum among a thousand takes eleven.
const MAX_REFUSED_REQUESTS: u32 = 200;

/// The result of sending data.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of requests, including failed ones, without the SDK's retries.
    pub requests: u32,
    /// The number of data that CloudWatch accepted.
    pub sent: usize,
    /// The number of data that CloudWatch refused for good.
    pub refused: usize,
    /// The number of data that may be accepted later.
    pub unsent: usize,
    /// The numbers of the records with refused data, in order.
    pub refused_records: Vec<u32>,
    /// The number of refused data that the publisher measured itself.
    pub refused_own: usize,
    /// The numbers of the records with sent data, in order. Empty if nothing was refused.
    pub sent_records: Vec<u32>,
    /// The numbers of the records with unsent data, in order.
    pub unsent_records: Vec<u32>,
    /// The reason why the first data were not sent.
    pub cause: Option<String>,
}

/// The meaning of a failed request for its data.
enum Refusal {
    /// At least one datum is invalid.
    InvalidData(String),
    /// No request would succeed, whatever its data.
    AllRequests(String),
    /// The request may succeed later.
    Temporary(String),
}

/// A client of `PutMetricData` for one namespace.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    breaker: Breaker,
}

impl CloudWatch {
    /// Creates a client. `client` retries by itself. After a lost response, a retry can count data
    /// twice, because the operation has no idempotency token.
    #[must_use]
    pub fn new(client: Client, namespace: String) -> Self {
        Self {
            client,
            namespace,
            breaker: Breaker::new("monitoring"),
        }
    }

    /// Sends data in as few requests as possible, until shortly before the deadline. If a request is
    /// refused because of its data, its halves are sent, down to the invalid datum.
    pub async fn publish(&self, data: Vec<Datum>, deadline: Deadline) -> Outcome {
        let mut outcome = Outcome::default();
        let mut waiting = request_batches(data);
        waiting.reverse();
        let mut refusals = 0;
        let mut sent = Vec::new();

        while let Some(mut batch) = waiting.pop() {
            match self.put(&batch, deadline, &mut outcome.requests).await {
                Ok(()) => sent.extend(batch),
                Err(Refusal::InvalidData(_))
                    if batch.len() > 1 && refusals < MAX_REFUSED_REQUESTS =>
                {
                    refusals += 1;
                    let second = batch.split_off(batch.len() / 2);
                    waiting.extend([second, batch]);
                }
                Err(Refusal::InvalidData(problem)) => outcome.refuse(&batch, &problem),
                Err(Refusal::Temporary(problem)) => outcome.keep(&batch, problem),
                Err(Refusal::AllRequests(problem)) => {
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
        let remaining = deadline.remaining(now).saturating_sub(RESPONSE_MARGIN);
        let timeouts = Timeouts::within(remaining, retry::MAX_ATTEMPTS)
            .ok_or_else(|| Refusal::AllRequests("no time was left to send data".to_owned()))?;
        let permit = self
            .breaker
            .permit(now)
            .map_err(|error: CallError| Refusal::AllRequests(error.to_string()))?;
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
    /// Returns the number of refused records, and of refused data without a record.
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
            "CloudWatch refused data"
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
            Refusal::InvalidData(problem)
        }
        _ if Failure::of_sdk(error).client_error => Refusal::AllRequests(problem),
        _ => Refusal::Temporary(problem),
    }
}

fn metric_datum(datum: &Datum) -> MetricDatum {
    let dimension = |(name, value)| Dimension::builder().name(name).value(value).build();
    #[expect(
        clippy::cast_precision_loss,
        reason = "CloudWatch represents counts as doubles"
    )]
    let (values, counts) = datum
        .aggregate
        .values
        .values()
        .map(|(value, count)| (value, count as f64))
        .unzip();
    MetricDatum::builder()
        .metric_name(datum.series.name())
        .set_dimensions(Some(datum.series.dimensions().map(dimension).collect()))
        .timestamp(DateTime::from_secs(datum.minute))
        .set_values(Some(values))
        .set_counts(Some(counts))
        .unit(StandardUnit::from(datum.series.unit()))
        .build()
}
