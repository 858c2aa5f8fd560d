//! The series of the day, shared by all instances: one item of `USAGE_TABLE` per day.
//!
//! | attribute | content |
//! |---|---|
//! | `id` | `series#`, the namespace, `#` and the day (UTC): `series#CustomApp/NetworkMetrics#2026-11-22` |
//! | `v` | the schema version: 1 |
//! | `ids` | a number set: [`Series::id`] of every admitted series |
//! | `ttl` | when the item expires, in seconds since 1970: two days after the start of the day |
//!
//! IAM: dynamodb:GetItem, dynamodb:UpdateItem on UsageTable series#*

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws::{Deadline, Timeouts, retry};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;
use telemetry::error_chain;

use crate::aggregate::Aggregator;
use crate::series::Series;
use crate::series_cap::SeriesCap;

/// After this many conflicts with other instances, this instance admits series alone.
const MAX_ATTEMPTS: u32 = 4;
/// The time limit of a reservation, because metrics are not worth a longer delay.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(2);
const DAY_S: i64 = 86_400;

/// The series of the day that all instances share.
#[derive(Debug)]
pub struct SeriesRegistry {
    client: Client,
    table: String,
    namespace: String,
    cap: Mutex<SeriesCap>,
}

/// The result of a reservation, with all series that are admitted now.
enum Reservation {
    /// The requested series were added.
    Complete(Vec<u64>),
    /// The requested series do not fit.
    Refused(Vec<u64>),
}

impl SeriesRegistry {
    /// Creates a registry for at most `max_series` series per day. `client` may retry, because adding a
    /// series is idempotent.
    #[must_use]
    pub fn new(client: Client, table: String, namespace: String, max_series: usize) -> Self {
        Self {
            client,
            table,
            namespace,
            cap: Mutex::new(SeriesCap::new(max_series)),
        }
    }

    /// Counts series beyond the maximum as `other`, the least frequent ones first. Returns their
    /// number.
    ///
    /// Calls DynamoDB only for series that are new to this instance on a day, and not once the
    /// maximum is reached. If the call fails, this instance admits series alone and logs a warning.
    pub async fn admit(&self, sums: &mut Aggregator, now: Timestamp, deadline: Deadline) -> usize {
        let day = SeriesCap::day_of(now.as_second());
        self.cap().begin(day);
        let ids = by_observations(sums);
        for attempt in 0..=MAX_ATTEMPTS {
            let candidates = self.cap().candidates(&ids);
            if candidates.is_empty() {
                break;
            }
            let reservation = if attempt < MAX_ATTEMPTS {
                self.reserve(day, &candidates, deadline).await
            } else {
                Ok(None)
            };
            match reservation {
                Ok(Some(Reservation::Complete(ids) | Reservation::Refused(ids))) => {
                    self.cap().learn(day, ids)
                }
                Ok(None) => {
                    self.admit_alone(day, candidates, "too many conflicts with other instances")
                }
                Err(problem) => self.admit_alone(day, candidates, &problem),
            }
        }
        let cap = self.cap().clone();
        sums.overflow(|series| cap.admits(series.id()))
    }

    fn admit_alone(&self, day: i64, candidates: Vec<u64>, problem: &str) {
        tracing::warn!(
            problem,
            series = candidates.len(),
            "this instance admits series without the registry"
        );
        self.cap().learn(day, candidates);
    }

    async fn reserve(
        &self,
        day: i64,
        ids: &[u64],
        deadline: Deadline,
    ) -> Result<Option<Reservation>, String> {
        let now = Instant::now();
        let remaining = deadline.at_most(now, REGISTRY_TIMEOUT).remaining(now);
        let timeouts = Timeouts::within(remaining, retry::MAX_ATTEMPTS)
            .ok_or("no time was left to call DynamoDB")?;
        let Some(room) = self.cap().room_for(ids.len()) else {
            return Ok(None);
        };
        let number = |number: String| AttributeValue::N(number);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", AttributeValue::S(self.item_id(day)))
            .update_expression("SET v = :one, #ttl = :ttl ADD ids :ids")
            .condition_expression("attribute_not_exists(ids) OR size(ids) <= :room")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number("1".to_owned()))
            .expression_attribute_values(":ttl", number(((day + 2) * DAY_S).to_string()))
            .expression_attribute_values(
                ":ids",
                AttributeValue::Ns(ids.iter().map(ToString::to_string).collect()),
            )
            .expression_attribute_values(":room", number(room.to_string()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let config = aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts.sdk());
        match request.customize().config_override(config).send().await {
            Ok(output) => Ok(Some(Reservation::Complete(read(output.attributes)))),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => {
                    self.refused(day, error.into_service_error(), timeouts)
                        .await
                }
                _ => Err(error_chain(&error)),
            },
        }
    }

    /// Returns the admitted series after a refusal, from the error or else from the item.
    async fn refused(
        &self,
        day: i64,
        error: aws_sdk_dynamodb::operation::update_item::UpdateItemError,
        timeouts: Timeouts,
    ) -> Result<Option<Reservation>, String> {
        use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
        if let UpdateItemError::ConditionalCheckFailedException(refused) = error
            && let Some(item) = refused.item
        {
            return Ok(Some(Reservation::Refused(read(Some(item)))));
        }
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let request = request.key("id", AttributeValue::S(self.item_id(day)));
        let config = aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts.sdk());
        let output = request.customize().config_override(config).send().await;

        output
            .map(|output| Some(Reservation::Refused(read(output.item))))
            .map_err(|error| error_chain(&error))
    }

    fn item_id(&self, day: i64) -> String {
        let date = Timestamp::from_second(day * DAY_S)
            .unwrap_or_default()
            .strftime("%F");
        format!("series#{}#{date}", self.namespace)
    }

    fn cap(&self) -> MutexGuard<'_, SeriesCap> {
        self.cap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the ids of all series, the most frequent ones first.
fn by_observations(sums: &Aggregator) -> Vec<u64> {
    let mut counts: HashMap<&Series, u64> = HashMap::new();
    for (series, aggregate) in sums.iter().filter(|(series, _)| !series.is_overflow()) {
        *counts.entry(series).or_default() += aggregate.values.count();
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts
        .sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
    counts.into_iter().map(|(series, _)| series.id()).collect()
}

fn read(item: Option<HashMap<String, AttributeValue>>) -> Vec<u64> {
    let ids = item.and_then(|mut item| item.remove("ids"));
    let ids = ids
        .and_then(|ids| ids.as_ns().ok().cloned())
        .unwrap_or_default();
    ids.iter().filter_map(|id| id.parse().ok()).collect()
}
