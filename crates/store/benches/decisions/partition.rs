//! A store that is nothing but one partition of DynamoDB: it keeps one item, takes 1,000 writes a
//! second, and refuses the rest as DynamoDB does. Emulators are slower than that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use testing::fault_proxy::read_message;

/// What one partition takes, whatever the table's mode ("DynamoDB burst and adaptive capacity").
const WRITES_A_SECOND: f64 = 1000.0;
/// Before they are used up: no more than a tenth of a second's.
const MOST_AT_ONCE: f64 = 100.0;

struct Item {
    attributes: HashMap<String, i128>,
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
            attributes: HashMap::new(),
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
        let names = Words {
            names: &request["ExpressionAttributeNames"],
            values: &request["ExpressionAttributeValues"],
        };
        let condition = request["ConditionExpression"].as_str().unwrap_or_default();
        if !condition
            .split(" AND ")
            .all(|part| self.holds(part.trim_matches(['(', ')']), &names))
        {
            return (
                400,
                error("ConditionalCheckFailedException", Some(self.document())),
            );
        }
        let update = request["UpdateExpression"].as_str().unwrap_or_default();
        let assignments = update
            .trim_start_matches("SET ")
            .split(" REMOVE ")
            .next()
            .unwrap_or_default();
        for assignment in assignments.split(", #") {
            self.assign(assignment, &names);
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

    /// `#a > :v`, `#a <= :v`, or the latter behind `attribute_not_exists(#a) OR `.
    fn holds(&self, condition: &str, words: &Words<'_>) -> bool {
        let comparison = condition.rsplit(" OR ").next().unwrap_or_default();
        let [name, operator, value] = comparison.split(' ').collect::<Vec<_>>()[..] else {
            return false;
        };
        let (present, value) = (self.attributes.get(words.name(name)), words.value(value));
        match operator {
            ">" => present.is_some_and(|present| *present > value),
            "<=" => present.map_or(condition.contains(" OR "), |present| *present <= value),
            _ => false,
        }
    }

    /// `#a = :v`, `#a = #a + :v` or `#a = if_not_exists(#a, :z) + :v`.
    fn assign(&mut self, assignment: &str, words: &Words<'_>) {
        let Some((name, expression)) = assignment.split_once(" = ") else {
            return;
        };
        let name = words.name(name);
        let present = self.attributes.get(name).copied().unwrap_or(0);
        let value = match expression.rsplit_once(" + ") {
            Some((_, by)) => present + words.value(by),
            None => words.value(expression),
        };
        self.attributes.insert(name.to_owned(), value);
    }

    fn document(&self) -> Value {
        let number =
            |(name, value): (&String, &i128)| (name.clone(), json!({"N": value.to_string()}));
        Value::Object(self.attributes.iter().map(number).collect::<Map<_, _>>())
    }
}

/// What the placeholders of an expression stand for.
struct Words<'r> {
    names: &'r Value,
    values: &'r Value,
}

impl<'r> Words<'r> {
    fn name(&self, placeholder: &str) -> &'r str {
        let placeholder = format!("#{}", placeholder.trim_start_matches('#'));
        self.names[placeholder.as_str()]
            .as_str()
            .unwrap_or_default()
    }

    fn value(&self, placeholder: &str) -> i128 {
        self.values[placeholder]["N"]
            .as_str()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0)
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
