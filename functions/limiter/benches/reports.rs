//! What reports on 10,000 keys cost: requests to DynamoDB, counted on ministack, beside the numbers
//! that docs/guides/billing.md states. Needs what `make tools` installs. Takes about a minute.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends at the first surprise"
)]

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use aws::{AwsCalls, Timeouts};
use limiter::Limiter;
use limits::Caller;
use policy::KeyHeader;
use serde_json::{Value, json};
use store::{Call, Store};
use telemetry::RecordLog;

use testing::Emulator;
use testing::stores::{Subject, TEST_DEADLINE, instance, lookup, patient, plan};

const KEYS: usize = 10_000;
const KEYS_OF_A_FILE: usize = 1000;
/// The most rows of a page.
const PAGE: usize = 100;
const REQUESTS_OF_EXPORT: usize = 550;
const REQUESTS_OF_ORDER: usize = 240;

static REQUESTS: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Counts call records: with retries off, one line is one request.
struct Lines;

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        REQUESTS.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let server = Emulator::ministack();
    let url = format!("http://{}", server.address);
    Subject::dynamodb("ministack", &url).await;

    let store = open(&url).await;
    let limiter = Limiter::new(Arc::clone(&store), KeyHeader::default());
    create_keys(&limiter).await;
    charge_each_key(&store).await;

    println!("| {KEYS} keys | requests | stated | seconds |\n|---|---|---|---|");
    export(&limiter).await;
    most_calls(&limiter).await;
}

async fn open(url: &str) -> Arc<Store> {
    let aws = AwsCalls::load(lookup(url), Timeouts::default(), RecordLog::to(Lines))
        .await
        .expect("good settings");
    Arc::new(Store::DynamoDb(Box::new(instance(&aws, TEST_DEADLINE))))
}

async fn create_keys(limiter: &Limiter) {
    let created = send(
        limiter,
        "PUT",
        "/plans/billed",
        "",
        "application/json",
        "{}",
    )
    .await;
    assert_eq!(created["statusCode"], 201, "{created}");

    for first in (0..KEYS).step_by(KEYS_OF_A_FILE) {
        import(limiter, first).await;
    }
}

/// Imports a file of keys. One file with all of them takes longer on an emulator than the API allows.
async fn import(limiter: &Limiter, first: usize) {
    let mut file = String::from("Name,Key\n");
    for key in first..first + KEYS_OF_A_FILE {
        writeln!(file, "key-{key:05},benchmark-secret-{key:010}").expect("a String grows");
    }

    let imported = send(
        limiter,
        "POST",
        "/keys/import",
        "plan=billed",
        "text/csv",
        &file,
    )
    .await;
    assert_eq!(imported["statusCode"], 200, "{imported}");
}

async fn charge_each_key(store: &Store) {
    let plan = plan("{}");
    for key_id in key_ids(store).await {
        let call = Call {
            caller: &Caller::Key(key_id),
            group: None,
            plan: &plan,
            route: None,
            cost: 1,
            deadline: patient(),
        };
        let decision = store.charge(&call).await.expect("a decision");
        assert!(!decision.degraded);
    }
}

async fn key_ids(store: &Store) -> Vec<String> {
    let (mut ids, mut after) = (Vec::with_capacity(KEYS), None);
    loop {
        let page = store
            .admin()
            .keys(Some("billed"), after.as_deref(), 1000)
            .await;
        let page = page.expect("a page");
        ids.extend(
            page.items
                .into_iter()
                .map(|found| found.document.key.key_id),
        );
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

async fn export(limiter: &Limiter) {
    let (began, before) = (Instant::now(), REQUESTS.load(Ordering::Relaxed));
    let (mut rows, mut calls, mut cursor) = (0, 0, String::new());
    loop {
        let query = format!("limit={PAGE}{cursor}");
        let page = report(limiter, &query).await;
        for row in page["items"].as_array().expect("rows") {
            // The store also has a few keys of other plans.
            if row["plan"] == "billed" {
                rows += 1;
                calls += row["calls"].as_u64().expect("a count");
            }
        }

        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }

    assert_eq!((rows, calls), (KEYS, KEYS as u64), "every key has its call");
    row(
        "export of the month, page by page",
        before,
        REQUESTS_OF_EXPORT,
        began,
    );
}

async fn most_calls(limiter: &Limiter) {
    let (began, before) = (Instant::now(), REQUESTS.load(Ordering::Relaxed));
    let page = report(limiter, "order=calls&limit=10&plan=billed").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(10));
    row(
        "10 keys with the most calls",
        before,
        REQUESTS_OF_ORDER,
        began,
    );
}

fn row(what: &str, before: usize, stated: usize, began: Instant) {
    let requests = REQUESTS.load(Ordering::Relaxed) - before;
    let seconds = began.elapsed().as_secs_f64();
    println!("| {what} | {requests} | ≤ {stated} | {seconds:.1} |");
}

async fn report(limiter: &Limiter, query: &str) -> Value {
    let response = send(limiter, "GET", "/usage", query, "application/json", "").await;
    assert_eq!(response["statusCode"], 200, "{response}");
    serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON")
}

async fn send(
    limiter: &Limiter,
    method: &str,
    path: &str,
    query: &str,
    media_type: &str,
    body: &str,
) -> Value {
    let text = include_str!("../../../events/limiter.list-plans.json");
    let mut event: Value = serde_json::from_str(text).expect("JSON");
    let path = format!("/_tollgate/v1{path}");
    event["rawPath"] = path.clone().into();
    event["rawQueryString"] = query.into();
    event["requestContext"]["http"]["method"] = method.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["requestContext"]["authorizer"] = json!({"iam": {"accountId": "123456789012"}});
    if !body.is_empty() {
        event["headers"]["content-type"] = media_type.into();
        event["body"] = body.into();
    }
    limiter.handle(event).await.expect("a response")
}
