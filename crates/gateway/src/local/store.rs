//! The store: embedded, or the tables at `--endpoint`.

use std::collections::BTreeMap;

use aws::{AwsCalls, Timeouts, is_loopback};
use http::Uri;
use registry::Seeds;
use store::{
    DynamoDbConfig, DynamoDbStore, EmbeddedStore, OpenError, Store, StoreConfig, StoreError,
};
use telemetry::RecordLog;

use super::StartError;

/// Settings of AWS clients that a local server requires but does not check.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
];

/// The variables of the region. The first one that is set applies.
const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Opens the embedded store with its seeds, or the tables at an endpoint. If the endpoint is on
/// this machine, missing tables are created and seeded. Elsewhere nothing is written.
pub(super) async fn open(
    endpoint: Option<&Uri>,
    seeds: &Seeds,
    settings: &BTreeMap<String, String>,
    records: RecordLog,
) -> Result<Store, StartError> {
    let Some(endpoint) = endpoint else {
        return Ok(Store::Embedded(EmbeddedStore::new(seeds)?));
    };
    let config = DynamoDbConfig::from_lookup(|name| settings.get(name).cloned())?;
    let lookup = |name: &str| aws_setting(name, endpoint, |name| std::env::var(name).ok());
    if REGION_VARIABLES.iter().all(|name| lookup(name).is_none()) {
        return Err(StartError::Region(endpoint.to_string()));
    }

    if is_loopback(endpoint.host().unwrap_or_default()) {
        // Creating tables takes longer than the timeouts of decisions allow.
        let aws = Box::pin(AwsCalls::load(lookup, Timeouts::default(), records.clone()))
            .await
            .map_err(OpenError::from)?;
        let tables = DynamoDbStore::new(&aws, config.clone());
        let prepared = Box::pin(prepare(&tables, seeds)).await;
        prepared.map_err(|error| StartError::Endpoint {
            endpoint: endpoint.to_string(),
            error,
        })?;
    }
    Ok(
        authorizer::open(&StoreConfig::DynamoDb(config), lookup, records)
            .await?
            .store,
    )
}

async fn prepare(tables: &DynamoDbStore, seeds: &Seeds) -> Result<(), StoreError> {
    tables.create_tables().await?;
    Ok(tables.registry().seed(seeds).await?)
}

/// Returns a setting of AWS clients that use `endpoint`. `environment` comes first. Placeholder
/// credentials apply to endpoints on this machine only.
pub fn aws_setting(
    name: &str,
    endpoint: &Uri,
    environment: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    if name == "AWS_ENDPOINT_URL" {
        return Some(endpoint.to_string());
    }

    let placeholder = || {
        let (_, value) = PLACEHOLDERS.iter().find(|(known, _)| *known == name)?;
        let is_local = is_loopback(endpoint.host().unwrap_or_default());
        is_local.then(|| (*value).to_owned())
    };
    environment(name).or_else(placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_key_id(endpoint: &str) -> Option<String> {
        aws_setting("AWS_ACCESS_KEY_ID", &endpoint.parse().unwrap(), |_| None)
    }

    #[test]
    fn placeholder_credentials_are_used_on_loopback_only() {
        for endpoint in [
            "http://127.0.0.1:4566",
            "http://localhost:4566",
            "http://[::1]:4566",
        ] {
            assert_eq!(
                access_key_id(endpoint).as_deref(),
                Some("local"),
                "{endpoint}"
            );
        }
        for endpoint in [
            "http://192.0.2.1:4566",
            "https://dynamodb.us-east-1.amazonaws.com",
            "http://localhost.example.com",
        ] {
            assert_eq!(access_key_id(endpoint), None, "{endpoint}");
        }
    }
}
