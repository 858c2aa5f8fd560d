//! Which series have a place today, known to all instances: one item of `USAGE_TABLE` a day.
//!
//! | attribute | holds |
//! |---|---|
//! | `id` | `series#`, the namespace, `#` and the day (UTC): `series#CustomApp/NetworkMetrics#2026-11-22` |
//! | `v` | the form: 1 |
//! | `ids` | a set of numbers: [`Series::id`] of every series that has a place |
//! | `ttl` | when DynamoDB may delete it, in seconds since 1970: two days after the day's beginning |
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

/// Another instance was quicker this often: then this one decides alone until it can ask again.
const TRIES: u32 = 4;
/// Metrics are not worth waiting longer.
const PATIENCE: Duration = Duration::from_secs(2);
const DAY_S: i64 = 86_400;

/// The places for series that all instances share.
#[derive(Debug)]
pub struct SeriesRegistry {
    client: Client,
    table: String,
    namespace: String,
    cap: Mutex<SeriesCap>,
}

/// What an attempt to take places came to: the series that have one now.
enum Taken {
    All(Vec<u64>),
    Fewer(Vec<u64>),
}

impl SeriesRegistry {
    /// Places for `most` series a day. `client` may retry: taking a place twice is taking it once.
    #[must_use]
    pub fn new(client: Client, table: String, namespace: String, most: usize) -> Self {
        Self {
            client,
            table,
            namespace,
            cap: Mutex::new(SeriesCap::new(most)),
        }
    }

    /// Counts series as `other` that have no place and find none, the least observed ones first.
    /// How many.
    ///
    /// Asks DynamoDB only where this instance meets a series for the first time on a day, and no
    /// more once the day's places are taken. Where it gives no answer, this instance decides alone
    /// and says so in the log.
    pub async fn admit(&self, sums: &mut Aggregator, now: Timestamp, deadline: Deadline) -> usize {
        let day = SeriesCap::day_of(now.as_second());
        self.cap().begin(day);
        let ids = by_observations(sums);
        for attempt in 0..=TRIES {
            let candidates = self.cap().candidates(&ids);
            if candidates.is_empty() {
                break;
            }
            let taken = if attempt < TRIES {
                self.take(day, &candidates, deadline).await
            } else {
                Ok(None)
            };
            match taken {
                Ok(Some(Taken::All(ids) | Taken::Fewer(ids))) => self.cap().learn(day, ids),
                Ok(None) => self.alone(day, candidates, "other instances are always quicker"),
                Err(problem) => self.alone(day, candidates, &problem),
            }
        }
        let cap = self.cap().clone();
        sums.overflow(|series| cap.admits(series.id()))
    }

    fn alone(&self, day: i64, candidates: Vec<u64>, problem: &str) {
        tracing::warn!(
            problem,
            series = candidates.len(),
            "places for series are given by this instance alone"
        );
        self.cap().learn(day, candidates);
    }

    async fn take(
        &self,
        day: i64,
        ids: &[u64],
        deadline: Deadline,
    ) -> Result<Option<Taken>, String> {
        let now = Instant::now();
        let left = deadline.at_most(now, PATIENCE).remaining(now);
        let timeouts =
            Timeouts::within(left, retry::MAX_ATTEMPTS).ok_or("no time was left to ask")?;
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
            Ok(output) => Ok(Some(Taken::All(read(output.attributes)))),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => {
                    self.fewer(day, error.into_service_error(), timeouts).await
                }
                _ => Err(error_chain(&error)),
            },
        }
    }

    /// There is no room for all of them: who is there already? The refusal says so, or else the
    /// item.
    async fn fewer(
        &self,
        day: i64,
        error: aws_sdk_dynamodb::operation::update_item::UpdateItemError,
        timeouts: Timeouts,
    ) -> Result<Option<Taken>, String> {
        use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
        if let UpdateItemError::ConditionalCheckFailedException(refused) = error
            && let Some(item) = refused.item
        {
            return Ok(Some(Taken::Fewer(read(Some(item)))));
        }
        let request = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let request = request.key("id", AttributeValue::S(self.item_id(day)));
        let config = aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts.sdk());
        let answer = request.customize().config_override(config).send().await;
        answer
            .map(|output| Some(Taken::Fewer(read(output.item))))
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

/// Each series once, the most observed ones first.
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
