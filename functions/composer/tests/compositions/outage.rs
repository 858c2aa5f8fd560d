//! Services that fail under load, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws::breaker::{self, CONSECUTIVE_FAILURES, State};
use composer::Composer;
use composition::Missing;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;
use testing::raw_server::{Action, RawServer, ok};

use crate::support::*;

const NAMES: [&str; 3] = ["users", "orders", "offers"];
/// The timeout of a part whose service hangs.
const SHORT_TIMEOUT_MS: u64 = 500;
/// The timeout of other parts. It is above what a busy machine needs.
const AMPLE_TIMEOUT_MS: u64 = 6_000;
/// The longest time of a response, which is far below the timeout of the route.
const MAX_TIME: Duration = Duration::from_secs(5);
const CONCURRENT_REQUESTS: usize = 8;

/// Services that respond until they are down.
struct Services {
    servers: Vec<RawServer>,
    down: [Arc<AtomicBool>; 3],
}

impl Services {
    /// Starts services that do `failure` while they are down.
    async fn start(failure: Action) -> Self {
        let down: [Arc<AtomicBool>; 3] = Default::default();
        let mut servers = Vec::new();
        for is_down in &down {
            let (is_down, failure) = (Arc::clone(is_down), failure.clone());
            let server = RawServer::start(move |_| match is_down.load(Ordering::SeqCst) {
                true => failure.clone(),
                false => Action::Send(ok("{\"is\":\"up\"}")),
            });
            servers.push(server.await);
        }
        Self { servers, down }
    }

    /// Returns a composer of these services, of which one will fail and has another timeout. `run` makes the names of their
    /// breakers unique.
    async fn composer(&self, run: &str, failing: usize, failing_ms: u64) -> Composer {
        let service = |index: usize| {
            let name = format!("{run}-{}", NAMES[index]);
            (name, json!({"url": self.servers[index].url()}))
        };
        let part = |index: usize| {
            let name: &str = NAMES[index];
            let timeout_ms = if index == failing {
                failing_ms
            } else {
                AMPLE_TIMEOUT_MS
            };
            let part = json!({"get": "/x", "service": format!("{run}-{name}"),
                "timeout_ms": timeout_ms, "fallback": {"is": "down"}});
            (name.to_owned(), part)
        };
        let document = json!({
            "services": (0..3).map(service).collect::<serde_json::Map<_, _>>(),
            "routes": {"GET /bff/dashboard": {
                "parts": (0..3).map(part).collect::<serde_json::Map<_, _>>(),
                "timeout_ms": 2 * AMPLE_TIMEOUT_MS,
            }},
        });
        composer(&document, &open_policy()).await
    }
}

/// Makes concurrent requests. Returns the reasons for which the part of a service is missing. Fails if another part is missing, or if a response is late or wrong.
async fn load(composer: &Composer, requests: usize, down: Option<&str>) -> Vec<Missing> {
    let responses = stream::iter(0..requests).map(|_| async {
        let began = Instant::now();
        let reply = composer.compose(&get("/bff/dashboard")).await;
        assert!(began.elapsed() < MAX_TIME, "{:?}", began.elapsed());
        reply
    });
    let responses: Vec<_> = responses
        .buffer_unordered(CONCURRENT_REQUESTS)
        .collect()
        .await;

    let mut reasons = Vec::new();
    for reply in &responses {
        let body = body(reply);
        for name in NAMES {
            let expected = if Some(name) == down { "down" } else { "up" };
            assert_eq!(body[name]["is"], expected, "{body}");
        }
        assert_eq!(reply.status, if down.is_some() { 206 } else { 200 });
        reasons.extend(missing(reply).into_iter().map(|(_, reason)| reason));
    }
    reasons
}

fn state(name: &str) -> Option<State> {
    let states = breaker::states(Instant::now());
    let mut of_service = states.into_iter().filter(|(known, _)| known == name);
    of_service.next().map(|(_, state)| state)
}

/// Takes each service down in turn, and checks the responses before and after its breaker opens.
async fn check_each_service(run: &str, failure: Action, expected: Missing, timeout_ms: u64) {
    for (index, name) in NAMES.into_iter().enumerate() {
        let run = format!("{run}{index}");
        let services = Services::start(failure.clone()).await;
        let composer = services.composer(&run, index, timeout_ms).await;
        assert!(load(&composer, 20, None).await.is_empty());

        services.down[index].store(true, Ordering::SeqCst);
        let reasons = load(&composer, 100, Some(name)).await;
        assert!(reasons.contains(&expected), "{reasons:?}");
        let failed = reasons
            .iter()
            .filter(|reason| **reason != Missing::CircuitOpen);
        assert!(failed.count() >= usize::try_from(CONSECUTIVE_FAILURES).unwrap());

        assert_eq!(state(&format!("service:{run}-{name}")), Some(State::Open));
        let calls = services.servers[index].requests();
        load(&composer, 20, Some(name)).await;
        assert_eq!(services.servers[index].requests(), calls);
    }
}

#[tokio::test]
async fn service_that_closes_connections_costs_only_its_part() {
    check_each_service(
        "close",
        Action::Close,
        Missing::Unreachable,
        AMPLE_TIMEOUT_MS,
    )
    .await;
}

#[tokio::test]
async fn service_that_hangs_costs_only_its_part() {
    check_each_service("hang", Action::Silence, Missing::Timeout, SHORT_TIMEOUT_MS).await;
}

#[tokio::test]
async fn service_that_is_killed_costs_only_its_part() {
    for (index, name) in NAMES.into_iter().enumerate() {
        let run = format!("kill{index}");
        let services = Services::start(Action::Close).await;
        let composer = services.composer(&run, index, AMPLE_TIMEOUT_MS).await;
        assert!(load(&composer, 20, None).await.is_empty());

        services.servers[index].kill();
        let reasons = load(&composer, 100, Some(name)).await;
        for reason in [Missing::Unreachable, Missing::CircuitOpen] {
            assert!(reasons.contains(&reason), "{reasons:?}");
        }
        assert_eq!(state(&format!("service:{run}-{name}")), Some(State::Open));
    }
}
