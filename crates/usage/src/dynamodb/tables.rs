//! The two tables, made where there are none: for a local server only. Deployed ones are the template's.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use tokio::time::{Instant, sleep};

use crate::{DynamoDbConfig, StoreError};

use super::registry::{self, call};
use super::usage_item;

const ACTIVE_WITHIN: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Makes each table that is not there, and waits until it can be used.
pub(super) async fn create(client: &Client, config: &DynamoDbConfig) -> Result<(), StoreError> {
    create_table(client, &config.registry_table, &registry::KEY).await?;
    create_table(client, &config.usage_table, &[usage_item::KEY]).await
}

async fn create_table(client: &Client, table: &str, keys: &[&str]) -> Result<(), StoreError> {
    if is_active(client, table).await?.is_none() {
        let failed = |error| call("CreateTable", error);
        let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for (key, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
            let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind);
            let definition = AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
            request = request
                .key_schema(element.build().map_err(|error| call("CreateTable", error))?)
                .attribute_definitions(definition.build().map_err(|error| call("CreateTable", error))?);
        }
        match request.send().await {
            // Somebody else was quicker.
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => {}
            outcome => drop(outcome.map_err(failed)?),
        }
    }
    wait_until_active(client, table).await
}

async fn wait_until_active(client: &Client, table: &str) -> Result<(), StoreError> {
    let end = Instant::now() + ACTIVE_WITHIN;
    while is_active(client, table).await? != Some(true) {
        if Instant::now() >= end {
            return Err(call("CreateTable", format!("{table} is not active after {ACTIVE_WITHIN:?}")));
        }
        sleep(ASK_EVERY).await;
    }
    Ok(())
}

/// `None` where there is no such table.
async fn is_active(client: &Client, table: &str) -> Result<Option<bool>, StoreError> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(Some(output.table.and_then(|table| table.table_status) == Some(TableStatus::Active))),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(call("DescribeTable", error)),
    }
}
