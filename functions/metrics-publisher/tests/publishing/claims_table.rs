//! A table that keeps claims of deliveries in memory, and has a place for every series.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics_publisher::testing::Claims;
use serde_json::{Value, json};

use crate::support::dynamodb;

/// The items of the table, by their ids.
#[derive(Clone, Default)]
pub(crate) struct ClaimsTable {
    items: Arc<Mutex<BTreeMap<String, Value>>>,
    /// The number of the next writes of claims that fail. They are applied if `loses_responses`.
    failures: Arc<Mutex<usize>>,
    loses_responses: bool,
}

impl ClaimsTable {
    /// A table whose next `failures` writes of claims are applied, but answered with an error.
    pub(crate) fn losing_responses(failures: usize) -> Self {
        Self {
            failures: Arc::new(Mutex::new(failures)),
            loses_responses: true,
            ..Self::default()
        }
    }

    /// A table whose writes of claims fail.
    pub(crate) fn failing() -> Self {
        Self {
            failures: Arc::new(Mutex::new(usize::MAX)),
            ..Self::default()
        }
    }

    pub(crate) fn client(&self) -> aws_sdk_dynamodb::Client {
        let table = self.clone();
        dynamodb(move |request| table.answer(&request))
    }

    pub(crate) fn claims(&self) -> Claims {
        Claims::new(self.client(), "usage".to_owned())
    }

    /// The ids of the deliveries that are claimed.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.items.lock().unwrap().keys().cloned().collect()
    }

    fn answer(&self, request: &Value) -> (u16, Value) {
        if let Some(ids) = request["ExpressionAttributeValues"].get(":ids") {
            return (200, json!({ "Attributes": {"ids": ids} }));
        }
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            if self.loses_responses {
                self.write(request);
            }
            return (
                500,
                json!({"__type": "InternalServerError", "message": "said DynamoDB"}),
            );
        }
        self.write(request)
    }

    fn write(&self, request: &Value) -> (u16, Value) {
        let mut items = self.items.lock().unwrap();
        let put = request.get("Item");
        let id = put.unwrap_or(&request["Key"])["id"]["S"].as_str().unwrap();
        let by = &request["ExpressionAttributeValues"][":by"];
        if let Some(item) = items.get(id).filter(|item| item["by"] != *by) {
            let now = number(&request["ExpressionAttributeValues"][":now"]);
            if put.is_none() || number(&item["ttl"]) >= now {
                let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
                return (400, json!({"__type": kind, "message": "no", "Item": item}));
            }
        }

        match put {
            Some(item) => drop(items.insert(id.to_owned(), item.clone())),
            None => drop(items.remove(id)),
        }
        (200, json!({}))
    }
}

fn number(value: &Value) -> i64 {
    value["N"].as_str().map_or(0, |text| text.parse().unwrap())
}
