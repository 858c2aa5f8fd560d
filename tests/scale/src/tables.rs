//! The two tables: their items, their capacity, and DynamoDB's responses.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use registry::KeyHash;
use serde_json::{Value, json};

use crate::counts::{Attempt, Counts};
use crate::documents::Documents;
use crate::expression::{Attributes, Condition, Placeholders, Update};
use crate::partitions::{Capacity, Partitions, Throttle, Units, hash_of};
use crate::timeline::Instant;

/// The name of the registry table.
pub const REGISTRY: &str = "registry";
/// The name of the usage table.
pub const USAGE: &str = "usage";

/// A response: its HTTP status and its body.
pub type Response = (u16, String);

/// The tables and everything that is counted about them.
#[derive(Debug)]
pub struct Tables {
    usage: Partitions,
    registry: Partitions,
    items: HashMap<String, Attributes>,
    documents: Documents,
    parsed: HashMap<String, Arc<Expression>>,
    /// The requests so far.
    pub counts: Counts,
}

#[derive(Debug)]
struct Expression {
    update: Update,
    condition: Option<Condition>,
}

/// The placeholders of a request.
struct Words<'r> {
    names: &'r Value,
    values: &'r Value,
}

impl Placeholders for Words<'_> {
    fn name(&self, placeholder: &str) -> Option<&str> {
        self.names[placeholder].as_str()
    }

    fn value(&self, placeholder: &str) -> Option<i128> {
        self.values[placeholder]["N"].as_str()?.parse().ok()
    }
}

impl Tables {
    /// Returns an empty usage table, and a registry with these documents.
    #[must_use]
    pub fn new(usage: Capacity, registry: Capacity, documents: Documents) -> Self {
        Self {
            usage: Partitions::new(usage),
            registry: Partitions::new(registry),
            items: HashMap::new(),
            counts: Counts::new(documents.keys()),
            documents,
            parsed: HashMap::new(),
        }
    }

    /// Returns the partitions of the usage table.
    #[must_use]
    pub fn usage(&self) -> &Partitions {
        &self.usage
    }

    /// Returns the hash of the key with a rank, from 1.
    #[must_use]
    pub fn hash(&self, rank: u32) -> Option<KeyHash> {
        self.documents.hash(rank)
    }

    /// Responds to a request.
    pub fn respond(&mut self, operation: &str, body: &[u8], now: Instant) -> Response {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let response = match (operation, request["TableName"].as_str()) {
            ("UpdateItem", Some(USAGE)) => self.update(&request, now),
            ("GetItem", Some(USAGE)) => self.get_usage(&request, now),
            ("GetItem", Some(REGISTRY)) => self.get_document(&request, now),
            _ => None,
        };
        response.unwrap_or_else(|| {
            self.counts.unknown += 1;
            error("ValidationException", "unknown request", &json!({}))
        })
    }

    /// A failed condition costs as much as a write ("DynamoDB read and write operations").
    fn update(&mut self, request: &Value, now: Instant) -> Option<Response> {
        let id = request["Key"]["id"]["S"].as_str()?;
        if let Err(throttle) = self.usage.take(hash_of(id), Units::Write, 1.0, now) {
            self.counts.write(id, Attempt::Throttled(throttle));
            return Some(throttled("TableWrite", throttle));
        }

        let expression = self.expression(request)?;
        let words = Words {
            names: &request["ExpressionAttributeNames"],
            values: &request["ExpressionAttributeValues"],
        };
        let item = self.items.entry(id.to_owned()).or_default();
        let is_met = match &expression.condition {
            Some(condition) => condition.is_met(item, &words).ok()?,
            None => true,
        };
        if !is_met {
            self.counts.write(id, Attempt::Refused);
            let old = format!(r#""Item":{}"#, attributes(id, item));
            return Some(failed_condition(&old));
        }

        expression.update.apply(item, &words).ok()?;
        self.counts.write(id, Attempt::Done);
        Some((200, format!(r#"{{"Attributes":{}}}"#, attributes(id, item))))
    }

    fn get_usage(&mut self, request: &Value, now: Instant) -> Option<Response> {
        let id = request["Key"]["id"]["S"].as_str()?;
        self.counts.usage_reads += 1;
        if let Err(throttle) = self.usage.take(hash_of(id), Units::Read, 1.0, now) {
            return Some(throttled("TableRead", throttle));
        }
        Some(match self.items.get(id) {
            Some(item) => (200, format!(r#"{{"Item":{}}}"#, attributes(id, item))),
            None => (200, "{}".to_owned()),
        })
    }

    fn get_document(&mut self, request: &Value, now: Instant) -> Option<Response> {
        let [pk, sk] = ["pk", "sk"].map(|name| request["Key"][name]["S"].as_str());
        let (pk, sk) = pk.zip(sk)?;
        let units = match request["ConsistentRead"].as_bool() {
            Some(true) => 1.0,
            _ => 0.5,
        };
        if let Err(throttle) = self.registry.take(hash_of(pk), Units::Read, units, now) {
            self.counts.throttled_reads += 1;
            return Some(throttled("TableRead", throttle));
        }
        self.counts.read_units += units;
        Some((200, self.documents.item(pk, sk)))
    }

    fn expression(&mut self, request: &Value) -> Option<Arc<Expression>> {
        let update = request["UpdateExpression"].as_str()?;
        let condition = request["ConditionExpression"].as_str();
        let text = format!("{update}\n{}", condition.unwrap_or_default());
        if let Some(known) = self.parsed.get(&text) {
            return Some(Arc::clone(known));
        }
        let parsed = Arc::new(Expression {
            update: Update::parse(update).ok()?,
            condition: condition.map(Condition::parse).transpose().ok()?,
        });
        self.parsed.insert(text, Arc::clone(&parsed));
        Some(parsed)
    }
}

/// Returns an item as JSON. Ids and names need no escapes.
fn attributes(id: &str, item: &Attributes) -> String {
    let mut text = format!(r#"{{"id":{{"S":"{id}"}}"#);
    for (name, value) in item {
        // Writing to a string cannot fail.
        let _ = write!(text, r#","{name}":{{"N":"{value}"}}"#);
    }
    text.push('}');
    text
}

fn failed_condition(old: &str) -> Response {
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let body = format!(r#"{{"__type":"{kind}","message":"The conditional request failed",{old}}}"#);
    (400, body)
}

fn throttled(operation: &str, throttle: Throttle) -> Response {
    let limit = match throttle {
        Throttle::KeyRange => "KeyRangeThroughputExceeded",
        Throttle::Quota => "AccountLimitExceeded",
    };
    let reasons = json!([{"reason": format!("{operation}{limit}"), "resource": "table"}]);
    error(
        "ThrottlingException",
        "throttled",
        &json!({"throttlingReasons": reasons}),
    )
}

fn error(code: &str, message: &str, more: &Value) -> Response {
    let mut body = more.clone();
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!(message);
    (400, body.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::SECOND;

    fn tables() -> Tables {
        let capacity = Capacity::new_table();
        Tables::new(capacity, capacity, Documents::new(10, "{}"))
    }

    /// Adds 1 to the count of a key while it is at most `most`.
    fn charge(tables: &mut Tables, rank: u32, most: u32, now: Instant) -> Response {
        let request = json!({
            "TableName": USAGE, "Key": {"id": {"S": format!("key#{}", Documents::key_id(rank))}},
            "UpdateExpression": "SET #a0 = if_not_exists(#a0, :v0) + :v1",
            "ConditionExpression": "(attribute_not_exists(#a0) OR #a0 <= :v2)",
            "ExpressionAttributeNames": {"#a0": "t"},
            "ExpressionAttributeValues": {":v0": {"N": "0"}, ":v1": {"N": "1"}, ":v2": {"N": most.to_string()}},
        });
        tables.respond("UpdateItem", request.to_string().as_bytes(), now)
    }

    #[test]
    fn write_is_made_if_its_condition_is_met_and_returns_the_item() {
        let mut tables = tables();
        let (status, body) = charge(&mut tables, 1, 0, 0);
        assert_eq!(status, 200);
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap()["Attributes"]["t"]["N"],
            "1"
        );

        let (status, body) = charge(&mut tables, 1, 0, 0);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["Item"]["t"]["N"]), (400, &json!("1")));
        assert!(
            body["__type"]
                .as_str()
                .unwrap()
                .ends_with("ConditionalCheckFailedException")
        );
        assert_eq!((tables.counts.done(), tables.counts.refused()), (1, 1));
    }

    #[test]
    fn throttle_changes_nothing_and_names_the_key_range() {
        let mut tables = tables();
        let throttled = (0..150)
            .filter(|_| charge(&mut tables, 1, 10_000, 0).0 == 400)
            .count();
        assert_eq!(throttled, 50);
        let (_, body) = charge(&mut tables, 1, 10_000, 0);
        assert!(
            body.contains("TableWriteKeyRangeThroughputExceeded"),
            "{body}"
        );
        let (_, body) = charge(&mut tables, 1, 10_000, SECOND);
        assert!(body.contains(r#""t":{"N":"101"}"#), "{body}");
    }

    #[test]
    fn unknown_request_is_counted() {
        let mut tables = tables();
        assert_eq!(tables.respond("Scan", b"{}", 0).0, 400);
        assert_eq!(tables.counts.unknown, 1);
    }
}
