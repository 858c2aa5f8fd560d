//! The memory and the transactions of an import. This test counts all memory of its process, so it
//! is a test binary of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws::{AwsCalls, Timeouts};
use limiter::Limiter;
use peak_alloc::PeakAlloc;
use policy::KeyHeader;
use serde_json::{Value, json};
use store::{DynamoDbConfig, DynamoDbStore, Store};
use telemetry::RecordLog;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A DynamoDB table with one plan, which accepts every write and stores nothing.
#[derive(Default)]
struct Table {
    transactions: AtomicUsize,
    items: AtomicUsize,
}

impl Table {
    fn start() -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (table, address) = (Arc::new(Self::default()), listener.local_addr().unwrap());
        let shared = Arc::clone(&table);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let table = Arc::clone(&shared);
                std::thread::spawn(move || table.serve(&stream));
            }
        });
        (table, address)
    }

    /// Serves requests until the connection is closed.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut operation, mut length, mut line) = (String::new(), 0, String::new());
            while line != "\r\n" {
                line.clear();
                (reader.read_line(&mut line).ok()? > 0).then_some(())?;
                let (name, value) = line.split_once(':').unwrap_or_default();
                match name.to_ascii_lowercase().as_str() {
                    "x-amz-target" => value.trim().rsplit('.').next()?.clone_into(&mut operation),
                    "content-length" => length = value.trim().parse().ok()?,
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            let response = self.response(&operation, &body);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
                response.len()
            );
            (&*stream).write_all((head + &response).as_bytes()).ok()?;
        }
    }

    fn response(&self, operation: &str, body: &[u8]) -> String {
        match operation {
            "GetItem" => json!({"Item": {"v": {"N": "1"}, "doc": {"S": "{}"}}}).to_string(),
            "BatchGetItem" => json!({"Responses": {}, "UnprocessedKeys": {}}).to_string(),
            "TransactWriteItems" => {
                let request: Value = serde_json::from_slice(body).unwrap();
                self.transactions.fetch_add(1, Ordering::Relaxed);
                let writes = request["TransactItems"].as_array().unwrap().iter();
                self.items.fetch_add(
                    writes.filter(|write| write["Put"].is_object()).count(),
                    Ordering::Relaxed,
                );
                "{}".to_owned()
            }
            other => panic!("an import does not call {other}"),
        }
    }
}

async fn limiter(address: SocketAddr) -> Limiter {
    let lookup = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(format!("http://{address}")),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    };
    let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    let config = DynamoDbConfig {
        registry_table: "registry".to_owned(),
        usage_table: "usage".to_owned(),
        deadline: Duration::from_secs(10),
        local_instances: NonZeroU32::MIN,
    };
    Limiter::new(
        Arc::new(Store::DynamoDb(Box::new(DynamoDbStore::new(&aws, config)))),
        KeyHeader::default(),
    )
}

fn event(rows: usize) -> Value {
    let mut event: Value =
        serde_json::from_str(include_str!("../../../../events/limiter.import-keys.json")).unwrap();
    let file = (0..rows).fold("Name,Key,UsagePlanIds\n".to_owned(), |mut file, row| {
        use std::fmt::Write as _;
        writeln!(file, "name-{row:08},a-key-of-a-file-{row:08},free").unwrap();
        file
    });
    event["body"] = file.into();
    event
}

/// Imports a file. Returns the response and the peak of the additional memory in bytes.
async fn imported(limiter: &Limiter, rows: usize) -> (Value, usize) {
    let event = event(rows);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let response = limiter.handle(event).await.unwrap();
    (
        serde_json::from_str(response["body"].as_str().unwrap()).unwrap(),
        MEMORY.peak_usage() - before,
    )
}

#[tokio::test]
async fn rows_are_written_48_at_a_time_in_bounded_memory() {
    let (table, address) = Table::start();
    let limiter = limiter(address).await;
    // The first import makes the allocations that are made once.
    imported(&limiter, 100).await;
    let (_, few) = imported(&limiter, 1_000).await;
    table.transactions.store(0, Ordering::Relaxed);
    table.items.store(0, Ordering::Relaxed);
    let (outcome, many) = imported(&limiter, 4_000).await;
    assert_eq!(
        (&outcome["created"], &outcome["rejected"]),
        (&json!(4_000), &json!(0)),
        "{outcome:.200}"
    );
    assert_eq!(outcome["keys"].as_array().unwrap().len(), 4_000);
    // Each transaction also writes the last key of the plan, and an audit record. 96 rows are
    // read at once: 41 times two full transactions, and 48 and 16 rows of the last 64.
    assert_eq!(
        (
            table.transactions.load(Ordering::Relaxed),
            table.items.load(Ordering::Relaxed)
        ),
        (84, 4_000 + 2 * 84)
    );

    // The body of 3,000 more rows is in memory twice: in the event and in the request.
    let body = 3_000 * "name-00000000,a-key-of-a-file-00000000,free\n".len();
    // For each row, the hash and the line of the secret, and the id in the response, which is copied
    // when it is sent.
    let response = 3_000 * 600;
    println!(
        "peak: {few} bytes for 1,000 rows, {many} for 4,000, of which {body} a copy of the body"
    );
    assert!(
        many < few + 2 * body + response,
        "peak of {many} bytes, {few} bytes for a quarter of the rows"
    );
}
