//! The table of the state: one item per target group in the usage table.
//!
//! | attribute | content |
//! |---|---|
//! | `id` | the partition key: `sync#` and the group's ARN |
//! | `v` | the schema version: 1 |
//! | `version` | incremented by each write, which is conditional on the version that was read |
//! | `doc` | [`State`] as JSON |
//! | `ttl` | when the item expires, in seconds since 1970: half a year after the last renewal |
//!
//! The expiry deletes the states of groups that are no longer followed.
//!
//! IAM: dynamodb:GetItem, dynamodb:PutItem on UsageTable sync#*

use std::collections::HashMap;

use aws::Deadline;
use aws::retry::MAX_ATTEMPTS;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Config;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use telemetry::shorten;

use crate::error::{SyncError, call_timeouts};
use crate::state::State;

const ID: &str = "id";
const SCHEMA: &str = "v";
const VERSION: &str = "version";
const DOCUMENT: &str = "doc";
const EXPIRY: &str = "ttl";
/// The time to live of an item.
const TTL_S: i64 = 180 * 86_400;
/// A run renews an item whose remaining time to live is shorter.
const MIN_TTL_S: i64 = 150 * 86_400;
/// Far more than the number of writes to an item. One more is still a valid number.
const MAX_VERSION: u64 = i64::MAX as u64;
/// The schema version that this release reads and writes.
const SCHEMA_VERSION: &str = "1";

#[derive(Clone, Debug)]
pub(crate) struct StateTable {
    client: Client,
    table: String,
}

/// A state as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredState {
    pub(crate) state: State,
    /// 0 if there is no item.
    pub(crate) version: u64,
    /// When the item expires, in seconds since 1970.
    expires_s: Option<i64>,
}

impl StoredState {
    /// Returns whether the item must be written even if its state is the same, to put off its
    /// expiry.
    pub(crate) fn needs_renewal(&self, now_ms: i64) -> bool {
        let renew_before = (now_ms / 1_000).saturating_add(MIN_TTL_S);
        self.version > 0 && self.expires_s.is_none_or(|expires| expires < renew_before)
    }
}

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The state was written, with this version.
    Written(u64),
    /// Another run has written the state since it was read.
    Conflict,
}

impl StateTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Returns the state of a group, or an empty one if there is no item.
    ///
    /// # Errors
    /// [`SyncError`] if the item cannot be read or is invalid. It is never taken for a missing one.
    pub(crate) async fn read(
        &self,
        arn: &str,
        deadline: Deadline,
    ) -> Result<StoredState, SyncError> {
        const OPERATION: &str = "GetItem";
        let config =
            Config::builder().timeout_config(call_timeouts(OPERATION, deadline, MAX_ATTEMPTS)?);
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(id(arn)))
            .consistent_read(true);

        let output = call
            .customize()
            .config_override(config)
            .send()
            .await
            .map_err(|error| SyncError::of_table(OPERATION, &self.table, &error))?;

        match output.item {
            Some(item) => stored_state(&item).map_err(|reason| SyncError::InvalidState {
                id: id(arn),
                reason,
            }),
            None => Ok(StoredState::default()),
        }
    }

    /// Writes a state if the item still has the version that was read, and puts off its expiry.
    pub(crate) async fn write(
        &self,
        arn: &str,
        state: &State,
        read_version: u64,
        now_ms: i64,
        deadline: Deadline,
    ) -> Result<WriteOutcome, SyncError> {
        const OPERATION: &str = "PutItem";
        let config =
            Config::builder().timeout_config(call_timeouts(OPERATION, deadline, MAX_ATTEMPTS)?);
        let document = serde_json::to_string(state).map_err(|error| SyncError::InvalidState {
            id: id(arn),
            reason: error.to_string(),
        })?;
        let number = |number: u64| AttributeValue::N(number.to_string());
        let expiry = (now_ms / 1_000).saturating_add(TTL_S);

        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(ID, AttributeValue::S(id(arn)))
            .item(SCHEMA, AttributeValue::N(SCHEMA_VERSION.to_owned()))
            .item(VERSION, number(read_version + 1))
            .item(DOCUMENT, AttributeValue::S(document))
            .item(EXPIRY, AttributeValue::N(expiry.to_string()));
        let call = match read_version {
            0 => call
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", ID),
            _ => call
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":read", number(read_version)),
        };

        match call.customize().config_override(config).send().await {
            Ok(_) => Ok(WriteOutcome::Written(read_version + 1)),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(WriteOutcome::Conflict)
            }
            Err(error) => Err(SyncError::of_table(OPERATION, &self.table, &error)),
        }
    }
}

fn id(arn: &str) -> String {
    format!("sync#{arn}")
}

/// Parses an item.
///
/// # Errors
/// A message about the first invalid attribute.
fn stored_state(item: &HashMap<String, AttributeValue>) -> Result<StoredState, String> {
    let number = |name: &str| item.get(name)?.as_n().ok().map(String::as_str);
    if number(SCHEMA) != Some(SCHEMA_VERSION) {
        let schema = number(SCHEMA).unwrap_or("none");
        return Err(format!(
            "unknown schema version {schema}, expected {SCHEMA_VERSION}"
        ));
    }

    let version = number(VERSION)
        .and_then(|text| text.parse().ok())
        .filter(|version| (1..=MAX_VERSION).contains(version))
        .ok_or_else(|| format!("invalid version, expected an integer from 1 to {MAX_VERSION}"))?;
    let document = item
        .get(DOCUMENT)
        .and_then(|value| value.as_s().ok())
        .ok_or("missing document")?;
    let state = serde_json::from_str(document).map_err(|error| shorten(error.to_string()))?;

    Ok(StoredState {
        state,
        version,
        expires_s: number(EXPIRY).and_then(|text| text.parse().ok()),
    })
}
