//! Sends data to CloudWatch, and reports which data could not be sent.
//!
//! IAM: cloudwatch:PutMetricData on *

use std::time::{Duration, Instant};

use aws::{Breaker, CallError, Deadline, Failure, Fate, Timeouts, retry, was_not_applied};
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
    /// The number of data that surely were not accepted, and may be later.
    pub unsent: usize,
    /// The number of data that may have been accepted. 0 unless data are sent at most once.
    pub uncertain: usize,
    /// The numbers of the records with refused data, in order.
    pub refused_records: Vec<u32>,
    /// The number of refused data that the publisher measured itself.
    pub refused_own: usize,
    /// The numbers of the records with sent data, in order. Empty if nothing was refused, unless
    /// data are sent at most once.
    pub sent_records: Vec<u32>,
    /// The numbers of the records with data that may have been accepted, in order.
    pub uncertain_records: Vec<u32>,
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
    /// The request may have been applied, and must not be repeated.
    Uncertain(String),
}

/// A client of `PutMetricData` for one namespace.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    namespace: String,
    breaker: Breaker,
    is_at_most_once: bool,
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
            is_at_most_once: false,
        }
    }

    /// Returns the client, which repeats a request only if it surely was not applied. The client of
    /// the SDK must not retry.
    #[must_use]
    pub fn at_most_once(self) -> Self {
        Self {
            is_at_most_once: true,
            ..self
        }
    }

    /// Sends data in as few requests as possible, until shortly before the deadline. If a request
    /// is refused because of its data, its halves are sent, down to the invalid datum.
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
                Err(Refusal::Uncertain(problem)) => outcome.doubt(&batch, problem),
                Err(Refusal::AllRequests(problem)) => {
                    outcome.keep(&batch, problem.clone());
                    waiting
                        .drain(..)
                        .for_each(|batch| outcome.keep(&batch, problem.clone()));
                }
            }
        }

        outcome.sent = sent.len();
        if outcome.refused > 0 || self.is_at_most_once {
            outcome
                .sent_records
                .extend(sent.iter().flat_map(|datum| &datum.aggregate.records));
        }
        for records in [
            &mut outcome.refused_records,
            &mut outcome.sent_records,
            &mut outcome.unsent_records,
            &mut outcome.uncertain_records,
        ] {
            records.sort_unstable();
            records.dedup();
        }
        outcome
    }

    /// Sends a request. Without the retries of the SDK, it repeats the request as long as it surely
    /// was not applied.
    async fn put(
        &self,
        batch: &[Datum],
        deadline: Deadline,
        requests: &mut u32,
    ) -> Result<(), Refusal> {
        let no_time = || Refusal::AllRequests("no time was left to send data".to_owned());
        self.timeouts(deadline).ok_or_else(no_time)?;
        let permit = self
            .breaker
            .permit(Instant::now())
            .map_err(|error: CallError| Refusal::AllRequests(error.to_string()))?;
        *requests += 1;

        let mut attempt = 1;
        let sent = loop {
            let timeouts = self.timeouts(deadline).ok_or_else(no_time)?;
            let sent = self.put_once(batch, timeouts).await;
            let may_repeat = self.is_at_most_once && sent.as_ref().is_err_and(may_succeed_later);
            let pause = retry::pause(attempt, None, time_left(deadline), fastrand::f64());
            match pause.filter(|_| may_repeat) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => break sent,
            }
            attempt += 1;
        };
        permit.settle(aws::verdict(&sent), Instant::now());
        sent.map_err(|error| refusal(&error, self.is_at_most_once))
    }

    /// Returns the timeouts of a request. `None` if no time is left.
    fn timeouts(&self, deadline: Deadline) -> Option<Timeouts> {
        let attempts = if self.is_at_most_once {
            1
        } else {
            retry::MAX_ATTEMPTS
        };
        Timeouts::within(time_left(deadline), attempts)
    }

    async fn put_once(
        &self,
        batch: &[Datum],
        timeouts: Timeouts,
    ) -> Result<(), SdkError<PutMetricDataError, HttpResponse>> {
        let request = self.client.put_metric_data().namespace(&self.namespace);
        let request = request.set_metric_data(Some(batch.iter().map(metric_datum).collect()));
        let config = aws_sdk_cloudwatch::config::Builder::new().timeout_config(timeouts.sdk());

        let sent = request.customize().config_override(config).send().await;
        sent.map(|_| ())
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

    fn doubt(&mut self, batch: &[Datum], problem: String) {
        self.uncertain += batch.len();
        self.uncertain_records
            .extend(batch.iter().flat_map(|datum| &datum.aggregate.records));
        self.cause.get_or_insert(problem);
    }

    fn keep(&mut self, batch: &[Datum], problem: String) {
        self.unsent += batch.len();
        self.unsent_records
            .extend(batch.iter().flat_map(|datum| &datum.aggregate.records));
        self.cause.get_or_insert(problem);
    }
}

/// Returns the time for requests, which ends shortly before the deadline.
fn time_left(deadline: Deadline) -> Duration {
    deadline
        .remaining(Instant::now())
        .saturating_sub(RESPONSE_MARGIN)
}

/// Returns whether a request surely was not applied, and may be if it is repeated.
fn may_succeed_later(error: &SdkError<PutMetricDataError, HttpResponse>) -> bool {
    let failure = Failure::of_sdk(error);
    failure.retryable && failure.fate == Fate::NotApplied
}

fn refusal(error: &SdkError<PutMetricDataError, HttpResponse>, is_at_most_once: bool) -> Refusal {
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
        _ if is_at_most_once && !was_not_applied(error) => Refusal::Uncertain(problem),
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
