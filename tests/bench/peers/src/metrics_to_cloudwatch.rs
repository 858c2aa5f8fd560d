//! Call records through metrics_cloudwatch: a histogram and a counter a record, flushed once, as in its documentation.

use std::time::Instant;

use aws_sdk_cloudwatch::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatch::{Client, Config};
use futures_util::FutureExt as _;
use metrics_cloudwatch::{Builder, Unit};
use serde_json::{Value, json};
use tokio::sync::oneshot;

const TAKEN_AT_ONCE: usize = 100;
/// Tokio has a task take 128 messages at most in one turn.
const YIELDS: usize = 16;

/// Sends the records of a file to an address; how long it took, sending included.
pub fn publish(records: &str, endpoint: &str) -> Value {
    let text = std::fs::read_to_string(records).expect("a file");
    let records: Value = serde_json::from_str(&text).expect("JSON");
    let records = records["records"].as_array().expect("records");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let seconds = runtime.block_on(send(records, client(endpoint)));
    json!({"records": records.len(), "seconds": seconds})
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "static"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

async fn send(records: &[Value], client: Client) -> f64 {
    let (shutdown, stopped) = oneshot::channel::<()>();
    let driver = Builder::new()
        .cloudwatch_namespace("CustomApp/NetworkMetrics")
        .shutdown_signal(stopped.map(|_| ()).boxed())
        .init_async(client, metrics::set_global_recorder)
        .await
        .expect("a recorder");
    let sending = tokio::spawn(driver);
    let began = Instant::now();
    for some in records.chunks(TAKEN_AT_ONCE) {
        some.iter().for_each(record);
        // Its queue has room for 1,024 updates and drops what comes after; nor does it take any once it is shut down.
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
    }
    drop(shutdown);
    sending.await.expect("no panic");
    began.elapsed().as_secs_f64()
}

fn record(record: &Value) {
    let text = |name: &str| record[name].as_str().expect("a text").to_owned();
    let (service, operation) = (text("service"), text("operation"));
    let status = if record["success"] == true { "Success" } else { "Error" };
    let duration = record["duration_ms"].as_f64().expect("a number");
    metrics::histogram!("ApiCallDuration", "Service" => service.clone(), "Operation" => operation.clone(),
        "@unit" => Unit::Milliseconds)
    .record(duration);
    metrics::counter!("ApiCallCount", "Service" => service, "Operation" => operation, "Status" => status).increment(1);
}
