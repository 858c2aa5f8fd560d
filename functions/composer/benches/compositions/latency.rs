//! The time by which a response comes later than its slowest part.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backend::SERVED_US;
use crate::client::Client;

/// Requests that open connections and fill caches. They are not counted.
const WARM_UP: usize = 50;

/// Returns the response times without the time of the slowest part, of `count` requests in turn.
pub(crate) async fn overheads(port: u16, count: usize) -> Vec<Duration> {
    let mut client = Client::connect(port).await;
    for _ in 0..WARM_UP {
        client.get().await;
    }

    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        let body = client.get().await;
        let elapsed = began.elapsed();
        let body = serde_json::from_slice(&body).unwrap();
        found.push(elapsed.saturating_sub(slowest_part(&body)));
    }
    found
}

/// Returns the longest time that a service took.
fn slowest_part(body: &Value) -> Duration {
    let parts = body.as_object().unwrap().values();
    let served = parts.map(|part| part[SERVED_US].as_u64().unwrap());
    Duration::from_micros(served.max().unwrap())
}

/// Returns the percentiles in milliseconds as JSON.
pub(crate) fn percentiles(mut durations: Vec<Duration>) -> Value {
    durations.sort_unstable();
    let percentile = |percent: usize| {
        let index = (durations.len() * percent / 100).min(durations.len() - 1);
        durations[index].as_secs_f64() * 1e3
    };
    json!({"p50": percentile(50), "p99": percentile(99)})
}
