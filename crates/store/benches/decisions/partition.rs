//! A store that is nothing but one partition of DynamoDB: it keeps one item, takes 1,000 writes a
//! second, and refuses the rest as DynamoDB does. Emulators are slower than that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use testing::fault_proxy::read_message;
use testing::{Integers, ItemUpdate};

/// What one partition takes, whatever the table's mode ("DynamoDB burst and adaptive capacity").
const WRITES_A_SECOND: f64 = 1000.0;
/// Before they are used up: no more than a tenth of a second's.
const MOST_AT_ONCE: f64 = 100.0;

struct Item {
    attributes: Integers,
    writes: usize,
    capacity: f64,
    since: Instant,
}

/// The running store.
pub(crate) struct Partition {
    pub(crate) url: String,
    item: Arc<Mutex<Item>>,
    accepting: JoinHandle<()>,
}

impl Partition {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let item = Item {
            attributes: Integers::new(),
            writes: 0,
            capacity: MOST_AT_ONCE,
            since: Instant::now(),
        };
        let item = Arc::new(Mutex::new(item));
        let shared = Arc::clone(&item);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, Arc::clone(&shared)));
            }
        });
        Self {
            url,
            item,
            accepting,
        }
    }

    /// Those that it has taken.
    pub(crate) fn writes(&self) -> usize {
        self.item.lock().expect("no panic while held").writes
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut client: TcpStream, item: Arc<Mutex<Item>>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    while let Some(request) = read_message(&mut client).await? {
        let body = request
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(&[][..], |end| &request[end + 4..]);
        let request: Value = serde_json::from_slice(body)?;
        let (status, answer) = item.lock().expect("no panic while held").update(&request);
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            text.len()
        );
        client.write_all([head, text].concat().as_bytes()).await?;
    }
    Ok(())
}

impl Item {
    /// A failed condition costs as much as a write.
    fn update(&mut self, request: &Value) -> (u16, Value) {
        if !self.has_capacity() {
            return (400, error("ProvisionedThroughputExceededException", None));
        }
        let placeholders = Placeholders::of(request);
        if !placeholders.update(request).apply(&mut self.attributes) {
            return (
                400,
                error("ConditionalCheckFailedException", Some(self.document())),
            );
        }
        self.writes += 1;
        (200, json!({"Attributes": self.document()}))
    }

    fn has_capacity(&mut self) -> bool {
        let now = Instant::now();
        let refill = (now - std::mem::replace(&mut self.since, now)).min(Duration::from_secs(1));
        self.capacity = (self.capacity + refill.as_secs_f64() * WRITES_A_SECOND).min(MOST_AT_ONCE);
        let has = self.capacity >= 1.0;
        if has {
            self.capacity -= 1.0;
        }
        has
    }

    fn document(&self) -> Value {
        let number =
            |(name, value): (&String, &i128)| (name.clone(), json!({"N": value.to_string()}));
        Value::Object(self.attributes.iter().map(number).collect::<Map<_, _>>())
    }
}

/// The names and values of the placeholders in the expressions.
struct Placeholders {
    names: BTreeMap<String, String>,
    values: Integers,
}

impl Placeholders {
    fn of(request: &Value) -> Self {
        let object = |field: &str| request[field].as_object().into_iter().flatten();
        let name = |(name, to): (&String, &Value)| Some((name.clone(), to.as_str()?.to_owned()));
        let value = |(name, to): (&String, &Value)| {
            let number = to["N"].as_str()?.parse().ok()?;
            Some((name.clone(), number))
        };
        Self {
            names: object("ExpressionAttributeNames")
                .filter_map(name)
                .collect(),
            values: object("ExpressionAttributeValues")
                .filter_map(value)
                .collect(),
        }
    }

    fn update<'e>(&'e self, request: &'e Value) -> ItemUpdate<'e> {
        ItemUpdate {
            update: request["UpdateExpression"].as_str().unwrap_or_default(),
            condition: request["ConditionExpression"].as_str(),
            names: &self.names,
            values: &self.values,
        }
    }
}

fn error(code: &str, item: Option<Value>) -> Value {
    let mut error =
        json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "refused"});
    if let Some(item) = item {
        error["Item"] = item;
    }
    error
}
