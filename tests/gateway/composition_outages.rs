//! Services of a composition that fail under load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tests::{Answer, Gateway, PRO, Setup};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::compositions::json_response;
use crate::scrape::{assert_values, scrape};

/// The parts, each of a service of its own.
const PARTS: [&str; 3] = ["user", "orders", "products"];
/// The timeout of each part if no service is silent, which no part reaches.
const LONG: Duration = Duration::from_secs(5);
/// The timeout of each part if a service is silent.
const SHORT: Duration = Duration::from_secs(1);
/// The deadline of a composition divided by the timeout of a part.
const PARTS_TIME: u32 = 4;
const CLIENTS: usize = 8;
const REQUESTS: usize = 25;
/// The number of responses after which the service fails.
const BEFORE_OUTAGE: usize = 40;

/// A service that can fail.
struct Service {
    address: SocketAddr,
    connections: AbortHandle,
}

impl Service {
    /// Responds to every request with the name of the service.
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(move |_| async move {
                    Ok::<_, std::convert::Infallible>(json_response(200, &json!({"from": name})))
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
        });
        Self {
            address,
            connections: task.abort_handle(),
        }
    }

    /// Closes the port and all connections.
    fn kill(&self) {
        self.connections.abort();
    }
}

/// A service that accepts connections and never responds.
async fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            streams.push(stream);
        }
    });
    address
}

/// Returns the name of the service of a part. The tests of a process share circuit breakers by name,
/// so the name also has the test's.
fn service_name(part: &str, test: &str) -> String {
    format!("{part}-{test}")
}

fn compositions(timeout: Duration, test: &str) -> String {
    let services = PARTS.map(|name| {
        (
            service_name(name, test),
            json!({"url": format!("http://{name}.example")}),
        )
    });
    let parts = PARTS.map(|name| {
        let service = service_name(name, test);
        let part = json!({"get": format!("/{name}"), "service": service, "fallback": {"from": "fallback"},
                          "timeout_ms": timeout.as_millis() as u64});
        (name.to_owned(), part)
    });
    let object = |entries: [(String, Value); 3]| Value::Object(entries.into_iter().collect());
    json!({
        "services": object(services),
        "routes": {"GET /bff/dashboard": {"parts": object(parts), "timeout_ms": (PARTS_TIME * timeout).as_millis() as u64}},
    })
    .to_string()
}

async fn start(addresses: [SocketAddr; 3], timeout: Duration, test: &str) -> Gateway {
    let setup = Setup::default().seeds(
        &json!({"plans": {"pro": {"throttle": {"rate": 10_000, "burst": 10_000}}},
                "keys": [{"key": PRO, "key_id": "local-pro", "plan": "pro"}]})
        .to_string(),
    );
    let named = PARTS.into_iter().zip(addresses);
    let setup = named.fold(
        setup.compositions(&compositions(timeout, test)),
        |setup, (name, address)| setup.service(&service_name(name, test), address),
    );
    setup.start().await
}

/// Checks a response: the failed part has its fallback, and the others are those of their services.
fn check(answer: &Answer, failed: &str) -> bool {
    let body = answer.json();
    let is_complete = answer.status == 200;
    assert!(
        is_complete || answer.status == 206,
        "{} {body}",
        answer.status
    );

    for part in PARTS {
        let is_missing = !is_complete && part == failed;
        let expected = if is_missing { "fallback" } else { part };
        assert_eq!(body[part], json!({"from": expected}), "{part}: {body}");
    }
    let missing = body["_metadata"]["missing"].as_array().map_or(0, Vec::len);
    assert_eq!(missing, usize::from(!is_complete), "{body}");
    is_complete
}

/// Kills the service of a part while clients send requests.
async fn check_outage(failed: usize) {
    let services = [
        Service::start(PARTS[0]).await,
        Service::start(PARTS[1]).await,
        Service::start(PARTS[2]).await,
    ];
    let addresses = services.each_ref().map(|service| service.address);
    let gateway = Arc::new(start(addresses, LONG, PARTS[failed]).await);
    let (services, responses) = (Arc::new(services), Arc::new(AtomicUsize::new(0)));

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (gateway, services) = (Arc::clone(&gateway), Arc::clone(&services));
        let responses = Arc::clone(&responses);
        clients.spawn(async move {
            let mut partial = 0;
            for _ in 0..REQUESTS {
                let began = Instant::now();
                let answer = gateway.get("/bff/dashboard", PRO).await;
                assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
                partial += usize::from(!check(&answer, PARTS[failed]));
                if responses.fetch_add(1, Ordering::SeqCst) == BEFORE_OUTAGE {
                    services[failed].kill();
                }
            }
            partial
        });
    }

    let partial: usize = clients.join_all().await.into_iter().sum();
    let after_outage = CLIENTS * REQUESTS - BEFORE_OUTAGE;
    // Requests that are in progress at the outage end with either result.
    assert!(partial.abs_diff(after_outage) <= 2 * CLIENTS, "{partial}");

    let state = |part: &str, state: &str| {
        let service = service_name(part, PARTS[failed]);
        format!(r#"tollgate_circuit_breaker_state{{service="service:{service}",state="{state}"}}"#)
    };
    let (open, other) = (
        state(PARTS[failed], "open"),
        state(PARTS[(failed + 1) % 3], "closed"),
    );
    assert_values(&scrape(&gateway).await, &[(&open, 1.0), (&other, 1.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fallback_replaces_the_first_service_when_it_is_killed_under_load() {
    check_outage(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fallback_replaces_the_second_service_when_it_is_killed_under_load() {
    check_outage(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fallback_replaces_the_third_service_when_it_is_killed_under_load() {
    check_outage(2).await;
}

#[tokio::test]
async fn silent_service_costs_its_timeout_until_the_breaker_opens() {
    let (user, products) = (
        Service::start("user").await,
        Service::start("products").await,
    );
    let addresses = [user.address, silent().await, products.address];
    let gateway = start(addresses, SHORT, "silent").await;

    let mut reasons = Vec::new();
    for _ in 0..8 {
        let began = Instant::now();
        let answer = gateway.get("/bff/dashboard", PRO).await;
        assert!(
            began.elapsed() < PARTS_TIME * SHORT,
            "{:?}",
            began.elapsed()
        );
        assert!(!check(&answer, "orders"));
        let body = answer.json();
        reasons.push(
            body["_metadata"]["missing"][0]["reason"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let expected = [["timeout"; 5].as_slice(), &["circuit_open"; 3]].concat();
    assert_eq!(reasons, expected);
}
