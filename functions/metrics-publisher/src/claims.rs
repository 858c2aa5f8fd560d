//! Claims of deliveries, so that none is counted twice: one item of `USAGE_TABLE` per delivery,
//! with `PUBLISH_ONCE`.
//!
//! | attribute | content |
//! |---|---|
//! | `id` | `delivery#`, the kind of delivery, `#` and its id, see [`DeliveryId`] |
//! | `v` | the schema version: 1 |
//! | `by` | a random string of the attempt that claimed the delivery |
//! | `at` | when the delivery was claimed, in seconds since 1970 |
//! | `ttl` | when the item expires, in seconds since 1970: 14 days later |
//!
//! A delivery is claimed before its metrics are sent. If surely none of them was counted, the claim
//! is released, and the delivery is repeated. In all other cases the claim stays.
//!
//! IAM if PublishMetrics is once: dynamodb:PutItem, dynamodb:DeleteItem on UsageTable delivery#*

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws::{Deadline, Timeouts, retry};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use telemetry::error_chain;

use crate::delivery_id::DeliveryId;

/// SQS keeps a message for at most 14 days, and CloudWatch refuses older data.
const RETENTION_S: i64 = 14 * 86_400;
/// Another attempt may still be working on a delivery that was claimed more recently. The
/// function's timeout is 30 seconds.
const BUSY_S: i64 = 60;
/// The maximum number of concurrent requests. The template's batches have up to 1,000 messages.
const MAX_CONCURRENT: usize = 32;
/// The time limit for the claims of a batch, which leaves time to send its metrics. The messages of
/// further claims are delivered again.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(12);
/// The time limit for the releases of a batch.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(4);

/// The result of claiming a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// This attempt has claimed the delivery.
    Claimed,
    /// An earlier attempt has claimed it. It was counted, or may have been.
    Repeated {
        /// True if the earlier attempt may still be working on it.
        is_recent: bool,
    },
    /// The delivery could not be claimed.
    Failed(String),
}

/// The claims of one table.
#[derive(Clone, Debug)]
pub struct Claims {
    client: Client,
    table: String,
}

/// One attempt to process deliveries. Its claims can be repeated after a lost response.
#[derive(Debug)]
pub(crate) struct Attempt<'c> {
    claims: &'c Claims,
    by: String,
    now_s: i64,
}

impl Claims {
    /// Creates claims in a table. `client` may retry, because a claim is idempotent for its
    /// attempt.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    pub(crate) fn begin(&self, now: Timestamp) -> Attempt<'_> {
        Attempt {
            claims: self,
            by: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
            now_s: now.as_second(),
        }
    }
}

impl Attempt<'_> {
    /// Claims deliveries, and returns the results in their order.
    pub(crate) async fn claim(&self, ids: &[DeliveryId], deadline: Deadline) -> Vec<Claim> {
        let deadline = deadline.at_most(Instant::now(), CLAIM_TIMEOUT);
        let ids = ids.to_vec();
        let claims = stream::iter(ids).map(|id| self.claim_one(id, deadline));
        claims.buffered(MAX_CONCURRENT).collect().await
    }

    /// Releases claims of this attempt. Failures are logged: the deliveries are then not counted.
    pub(crate) async fn release(&self, ids: &[DeliveryId], deadline: Deadline) {
        let deadline = deadline.at_most(Instant::now(), RELEASE_TIMEOUT);
        let ids = ids.to_vec();
        let releases = stream::iter(ids).map(|id| async move {
            if let Err(problem) = self.release_one(&id, deadline).await {
                tracing::error!(
                    reason = "fault",
                    problem,
                    delivery = id.as_str(),
                    "failed to release a delivery, which will not be counted"
                );
            }
        });
        releases.buffered(MAX_CONCURRENT).collect::<()>().await;
    }

    async fn claim_one(&self, id: DeliveryId, deadline: Deadline) -> Claim {
        let Some(config) = config(deadline) else {
            return Claim::Failed("no time was left to claim the delivery".to_owned());
        };
        let number = |number: i64| AttributeValue::N(number.to_string());
        let request = self
            .claims
            .client
            .put_item()
            .table_name(&self.claims.table)
            .item("id", AttributeValue::S(id.as_str().to_owned()))
            .item("v", number(1))
            .item("by", AttributeValue::S(self.by.clone()))
            .item("at", number(self.now_s))
            .item("ttl", number(self.now_s + RETENTION_S))
            .condition_expression("attribute_not_exists(id) OR #by = :by OR #ttl < :now")
            .expression_attribute_names("#by", "by")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":by", AttributeValue::S(self.by.clone()))
            .expression_attribute_values(":now", number(self.now_s))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);

        match request.customize().config_override(config).send().await {
            Ok(_) => Claim::Claimed,
            Err(error) => self.refused(error),
        }
    }

    fn refused(&self, error: SdkError<PutItemError, impl std::fmt::Debug + 'static>) -> Claim {
        let refusal = error.as_service_error();
        let Some(PutItemError::ConditionalCheckFailedException(refusal)) = refusal else {
            return Claim::Failed(error_chain(&error));
        };

        let claimed_s = refusal.item.as_ref().and_then(claimed_at);
        let is_recent = claimed_s.is_some_and(|claimed_s| self.now_s - claimed_s < BUSY_S);
        Claim::Repeated { is_recent }
    }

    async fn release_one(&self, id: &DeliveryId, deadline: Deadline) -> Result<(), String> {
        let config = config(deadline).ok_or("no time was left")?;
        let request = self
            .claims
            .client
            .delete_item()
            .table_name(&self.claims.table)
            .key("id", AttributeValue::S(id.as_str().to_owned()))
            .condition_expression("attribute_not_exists(id) OR #by = :by")
            .expression_attribute_names("#by", "by")
            .expression_attribute_values(":by", AttributeValue::S(self.by.clone()));

        let sent = request.customize().config_override(config).send().await;
        sent.map(|_| ()).map_err(|error| error_chain(&error))
    }
}

/// Returns the configuration of a call. `None` if no time is left.
fn config(deadline: Deadline) -> Option<aws_sdk_dynamodb::config::Builder> {
    let remaining = deadline.remaining(Instant::now());
    let timeouts = Timeouts::within(remaining, retry::MAX_ATTEMPTS)?;
    Some(aws_sdk_dynamodb::config::Builder::new().timeout_config(timeouts.sdk()))
}

fn claimed_at(item: &HashMap<String, AttributeValue>) -> Option<i64> {
    item.get("at")?.as_n().ok()?.parse().ok()
}
