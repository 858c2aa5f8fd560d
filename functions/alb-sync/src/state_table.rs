//! Where state lives: one item a target group in the usage table, under `sync#` and its ARN.
//!
//! | attribute | holds |
//! |---|---|
//! | `id` | the key |
//! | `v` | the form: 1 |
//! | `version` | one more with each write; a write holds only for the version that was read |
//! | `doc` | [`State`] as JSON |
//! | `ttl` | when the item may be deleted, in seconds since 1970: half a year after a run last saw to it, so that states of
//! groups that are no longer followed do not stay for ever |
//!
//! IAM: dynamodb:GetItem, dynamodb:PutItem on UsageTable sync#*

use aws::Deadline;
use aws::retry::ATTEMPTS;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Config;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use telemetry::excerpt;

use crate::error::{SyncError, within};
use crate::state::State;

const KEY: &str = "id";
const FORM: &str = "v";
const VERSION: &str = "version";
const DOCUMENT: &str = "doc";
const EXPIRY: &str = "ttl";
/// How long a state is kept that no run sees to, and from when on its expiry is put off.
const KEPT_S: i64 = 180 * 86_400;
const PUT_OFF_BELOW_S: i64 = 150 * 86_400;
/// Far more than a group is ever written, and one more is a number still.
const MAX_VERSION: u64 = i64::MAX as u64;
/// The form that this release reads and writes.
const THIS_FORM: &str = "1";

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct StateTable {
    client: Client,
    table: String,
}

/// A state as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) state: State,
    /// 0 where there is no item.
    pub(crate) version: u64,
    /// When the item may be deleted, in seconds since 1970.
    expires_s: Option<i64>,
}

impl Stored {
    /// True if the item has to be written although its state is the same.
    pub(crate) fn is_to_be_kept(&self, now_ms: i64) -> bool {
        let put_off_below = (now_ms / 1_000).saturating_add(PUT_OFF_BELOW_S);
        self.version > 0 && self.expires_s.is_none_or(|expires| expires < put_off_below)
    }
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is there, under this version.
    As(u64),
    /// Another run was quicker.
    Lost,
}

impl StateTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The state of a group; an empty one where there is none. What cannot be read or understood is
    /// an error, and never an empty one.
    pub(crate) async fn read(&self, arn: &str, deadline: Deadline) -> Result<Stored, SyncError> {
        const OPERATION: &str = "GetItem";
        let times = Config::builder().timeout_config(within(OPERATION, deadline, ATTEMPTS)?);
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true);
        let output = call
            .key(KEY, AttributeValue::S(id(arn)))
            .customize()
            .config_override(times)
            .send()
            .await;
        let Some(item) = output
            .map_err(|error| SyncError::of(OPERATION, &error))?
            .item
        else {
            return Ok(Stored::default());
        };
        let corrupt = |reason: String| SyncError::Corrupt {
            id: id(arn),
            reason,
        };
        let number = |name: &str| {
            item.get(name)
                .and_then(|value| value.as_n().ok())
                .map(String::as_str)
        };
        if number(FORM) != Some(THIS_FORM) {
            return Err(corrupt(format!(
                "its form is {:?}, and this release reads {THIS_FORM}",
                number(FORM)
            )));
        }
        let version = number(VERSION)
            .and_then(|text| text.parse().ok())
            .filter(|version| (1..=MAX_VERSION).contains(version));
        let version =
            version.ok_or_else(|| corrupt(format!("it has no version from 1 to {MAX_VERSION}")))?;
        let document = item.get(DOCUMENT).and_then(|value| value.as_s().ok());
        let document = document.ok_or_else(|| corrupt("it has no document".to_owned()))?;
        let state =
            serde_json::from_str(document).map_err(|error| corrupt(excerpt(error.to_string())))?;
        Ok(Stored {
            state,
            version,
            expires_s: number(EXPIRY).and_then(|text| text.parse().ok()),
        })
    }

    /// Writes a state in place of the version that was read, and puts its expiry off.
    pub(crate) async fn write(
        &self,
        arn: &str,
        state: &State,
        read: u64,
        now_ms: i64,
        deadline: Deadline,
    ) -> Result<Written, SyncError> {
        const OPERATION: &str = "PutItem";
        let times = Config::builder().timeout_config(within(OPERATION, deadline, ATTEMPTS)?);
        let document = serde_json::to_string(state).map_err(|error| SyncError::Corrupt {
            id: id(arn),
            reason: error.to_string(),
        })?;
        let number = |number: u64| AttributeValue::N(number.to_string());
        let expiry = AttributeValue::N((now_ms / 1_000).saturating_add(KEPT_S).to_string());
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, AttributeValue::S(id(arn)))
            .item(FORM, AttributeValue::N(THIS_FORM.to_owned()))
            .item(VERSION, number(read + 1))
            .item(DOCUMENT, AttributeValue::S(document))
            .item(EXPIRY, expiry);
        let call = match read {
            0 => call
                .condition_expression("attribute_not_exists(#key)")
                .expression_attribute_names("#key", KEY),
            _ => call
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":read", number(read)),
        };
        match call.customize().config_override(times).send().await {
            Ok(_) => Ok(Written::As(read + 1)),
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Ok(Written::Lost)
            }
            Err(error) => Err(SyncError::of(OPERATION, &error)),
        }
    }
}

fn id(arn: &str) -> String {
    format!("sync#{arn}")
}
