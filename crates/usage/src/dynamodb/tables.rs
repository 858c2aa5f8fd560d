//! The two tables, made where there are none: for a local server only. Deployed ones are the
//! template's.
//!
//! IAM: none; nothing that is deployed calls this

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus,
};
use tokio::time::{Instant, sleep};

use crate::{DynamoDbConfig, StoreError};

use super::admin::{BY_ID, BY_PLAN};
use super::admin_item::{KEY_ID, PLAN, SHARD};
use super::registry::{self, call};
use super::usage_item;

const ACTIVE_WITHIN: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The registry's indexes, with their partition and sort keys.
const INDEXES: [(&str, [&str; 2]); 2] = [(BY_ID, [SHARD, KEY_ID]), (BY_PLAN, [PLAN, KEY_ID])];

/// Makes each table that is not there, and waits until it can be used.
pub(super) async fn create(client: &Client, config: &DynamoDbConfig) -> Result<(), StoreError> {
    create_table(client, &config.registry_table, &registry::KEY, &INDEXES).await?;
    create_table(client, &config.usage_table, &[usage_item::KEY], &[]).await
}

async fn create_table(
    client: &Client,
    table: &str,
    keys: &[&str],
    indexes: &[(&str, [&str; 2])],
) -> Result<(), StoreError> {
    if is_active(client, table).await?.is_none() {
        let failed = |error| call("CreateTable", error);
        let build = |error| call("CreateTable", error);
        let mut names: Vec<_> = keys
            .iter()
            .chain(indexes.iter().flat_map(|(_, keys)| keys))
            .copied()
            .collect();
        names.sort_unstable();
        names.dedup();
        let definitions = names.into_iter().map(|name| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        });
        let indexes = indexes.iter().map(|(name, keys)| {
            let keys_only = Projection::builder()
                .projection_type(ProjectionType::KeysOnly)
                .build();
            let index = GlobalSecondaryIndex::builder()
                .index_name(*name)
                .projection(keys_only);
            index.set_key_schema(Some(key_schema(keys)?)).build()
        });
        let indexes = indexes.collect::<Result<Vec<_>, _>>().map_err(build)?;
        let request = client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_key_schema(Some(key_schema(keys).map_err(build)?))
            .set_attribute_definitions(Some(definitions.collect::<Result<_, _>>().map_err(build)?))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes));
        match request.send().await {
            // Somebody else was quicker.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_in_use_exception()) => {}
            outcome => drop(outcome.map_err(failed)?),
        }
    }
    wait_until_active(client, table).await
}

fn key_schema(keys: &[&str]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let kinds = keys.iter().zip([KeyType::Hash, KeyType::Range]);
    kinds
        .map(|(key, kind)| {
            KeySchemaElement::builder()
                .attribute_name(*key)
                .key_type(kind)
                .build()
        })
        .collect()
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), StoreError> {
    let end = Instant::now() + ACTIVE_WITHIN;
    while is_active(client, table).await? != Some(true) {
        if Instant::now() >= end {
            return Err(call(
                "CreateTable",
                format!("{table} is not active after {ACTIVE_WITHIN:?}"),
            ));
        }
        sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// `None` where there is no such table.
async fn is_active(client: &Client, table: &str) -> Result<Option<bool>, StoreError> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(Some(
            output.table.and_then(|table| table.table_status) == Some(TableStatus::Active),
        )),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            Ok(None)
        }
        Err(error) => Err(call("DescribeTable", error)),
    }
}
