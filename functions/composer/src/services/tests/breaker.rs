//! The circuit breaker of each service.

use std::time::Duration;

use aws::breaker::{CONSECUTIVE_FAILURES, OPEN_DURATION, SUCCESSES_TO_CLOSE};
use composition::Missing;
use futures_util::future::join_all;
use serde_json::json;

use super::{Caller, Setup, compositions, json_of};
use testing::raw_server::{Action, RawServer, ok, reply};

/// Makes calls one after the other, and returns the reasons of failures.
async fn outcomes(caller: &Caller, calls: u32) -> Vec<Result<String, Missing>> {
    let mut outcomes = Vec::new();
    for _ in 0..calls {
        outcomes.push(json_of(&caller.get("a").await).map(str::to_owned));
    }
    outcomes
}

/// Moves the clock of timers and breakers.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn five_failures_open_the_breaker_and_three_successes_close_it() {
    let failures = usize::try_from(CONSECUTIVE_FAILURES).unwrap();
    let server = RawServer::start(move |nth| match nth {
        nth if nth <= failures => Action::Send(reply(500, "", "")),
        _ => Action::Send(ok("{}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())]).caller();

    let failed = outcomes(&caller, CONSECUTIVE_FAILURES).await;
    assert_eq!(failed, vec![Err(Missing::Status(500)); failures]);
    let reply = caller.get("a").await;
    assert_eq!(
        (json_of(&reply), reply.attempts),
        (Err(Missing::CircuitOpen), 0)
    );
    assert_eq!(server.requests(), failures);

    pass(OPEN_DURATION - Duration::from_secs(5)).await;
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::CircuitOpen)]);

    pass(Duration::from_secs(6)).await;
    let probes = join_all((0..4).map(|_| caller.get("a"))).await;
    let admitted = probes.iter().filter(|reply| json_of(reply) == Ok("{}"));
    assert_eq!(admitted.count(), 1, "{probes:?}");
    outcomes(&caller, SUCCESSES_TO_CLOSE - 1).await;
    let replies = join_all((0..4).map(|_| caller.get("a"))).await;
    assert!(replies.iter().all(|reply| json_of(reply) == Ok("{}")));
}

#[tokio::test]
async fn failed_probe_opens_the_breaker_again() {
    let server = RawServer::always(Action::Send(reply(503, "retry-after: 60\r\n", ""))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    outcomes(&caller, CONSECUTIVE_FAILURES).await;

    pass(OPEN_DURATION).await;
    let expected = [Err(Missing::Status(503)), Err(Missing::CircuitOpen)];
    assert_eq!(outcomes(&caller, 2).await, expected);
}

#[tokio::test]
async fn failures_are_timeouts_server_errors_and_connections() {
    for action in [
        Action::Silence,
        Action::Send(reply(500, "", "")),
        Action::Send(reply(502, "retry-after: 60\r\n", "")),
        Action::Close,
        Action::SendAndClose(b"garbage\r\n\r\n".to_vec()),
    ] {
        let server = RawServer::always(action.clone()).await;
        let is_silent = matches!(action, Action::Silence);
        let caller = Setup::of(&[("a", &server.url())])
            .timeout_ms(if is_silent { 300 } else { super::AMPLE_MS })
            .caller();

        let outcomes = outcomes(&caller, CONSECUTIVE_FAILURES + 1).await;
        let (last, failed) = outcomes.split_last().unwrap();
        assert_eq!(last, &Err(Missing::CircuitOpen), "{action:?}");
        assert!(!failed.contains(last), "{action:?}");
    }
}

#[tokio::test]
async fn responses_that_are_no_json_and_client_errors_do_not_open_the_breaker() {
    let large = format!("content-length: {}\r\n", 3_000_000);
    let large = format!("HTTP/1.1 200 X\r\n{large}\r\n").into_bytes();
    for action in [
        Action::Send(reply(404, "", "")),
        Action::Send(reply(429, "", "")),
        Action::Send(reply(429, "retry-after: 0\r\n", "")),
        Action::Send(reply(302, "", "")),
        Action::Send(reply(200, "", "<html>")),
        Action::Send(large),
    ] {
        let server = RawServer::always(action.clone()).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();
        let outcomes = outcomes(&caller, 2 * CONSECUTIVE_FAILURES).await;
        assert!(!outcomes.contains(&Err(Missing::CircuitOpen)), "{action:?}");
    }
}

#[tokio::test]
async fn overload_does_not_open_the_breaker() {
    let server = RawServer::always(Action::Delay(Duration::from_millis(400), ok("{}"))).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(1)
        .caller();
    let brief = || caller.get_within("a", Duration::from_millis(50));

    let (slow, waiting) = tokio::join!(caller.get("a"), join_all((0..20).map(|_| brief())));
    assert_eq!(json_of(&slow), Ok("{}"));
    assert!(
        waiting
            .iter()
            .all(|reply| json_of(reply) == Err(Missing::Overloaded))
    );
    assert_eq!(outcomes(&caller, 1).await, [Ok("{}".to_owned())]);
}

#[tokio::test]
async fn service_without_time_is_not_at_fault() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())])
        .timeout_ms(2_000)
        .caller();
    for _ in 0..2 * CONSECUTIVE_FAILURES {
        let reply = caller.get_within("a", Duration::from_millis(30)).await;
        assert_eq!(json_of(&reply), Err(Missing::Timeout));
    }
}

#[tokio::test]
async fn throttled_probe_neither_opens_nor_closes_the_breaker() {
    let server = RawServer::start(|nth| match nth {
        1..=5 => Action::Send(reply(500, "", "")),
        6 => Action::Send(reply(429, "", "")),
        _ => Action::Send(ok("{}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    outcomes(&caller, CONSECUTIVE_FAILURES).await;
    pass(OPEN_DURATION).await;

    let expected = [Err(Missing::Status(429)), Ok("{}".to_owned())];
    assert_eq!(outcomes(&caller, 2).await, expected);
}

#[tokio::test]
async fn cancelled_probe_admits_another() {
    let server = RawServer::start(|nth| match nth {
        1..=5 => Action::Send(reply(500, "", "")),
        6 => Action::Silence,
        _ => Action::Send(ok("{}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    outcomes(&caller, CONSECUTIVE_FAILURES).await;
    pass(OPEN_DURATION).await;

    let probe = tokio::time::timeout(Duration::from_millis(200), caller.get("a"));
    assert!(probe.await.is_err());
    assert_eq!(outcomes(&caller, 1).await, [Ok("{}".to_owned())]);
}

#[tokio::test]
async fn breaker_of_one_service_does_not_affect_another() {
    let down = RawServer::always(Action::Send(reply(500, "", ""))).await;
    let up = RawServer::always(Action::Send(ok("{}"))).await;
    let (down, up) = (down.url(), up.url());
    let caller = Setup::of(&[("a", &down), ("b", &up)]).caller();

    outcomes(&caller, CONSECUTIVE_FAILURES).await;
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::CircuitOpen)]);
    assert_eq!(json_of(&caller.get("b").await), Ok("{}"));
}

#[tokio::test]
async fn new_document_keeps_the_breakers_of_unchanged_services() {
    let down = RawServer::always(Action::Send(reply(500, "", ""))).await;
    let url = down.url();
    let mut caller = Setup::of(&[("a", &url)]).caller();
    outcomes(&caller, CONSECUTIVE_FAILURES).await;

    let more_services = [("a", &*url), ("b", &url)];
    caller.compositions = Setup::of(&more_services).compositions();
    caller.services = caller.services.renewed(caller.compositions.services());
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::CircuitOpen)]);

    let changed = Setup::of(&more_services).max_concurrent_calls(7);
    caller.compositions = changed.compositions();
    caller.services = caller.services.renewed(caller.compositions.services());
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::Status(500))]);
}

#[tokio::test]
async fn failing_path_of_the_load_balancer_does_not_stop_the_others() {
    let up = Action::Send(ok("{}"));
    let server = RawServer::start(move |nth| match nth % 2 {
        1 => Action::Send(reply(500, "", "")),
        _ => up.clone(),
    });
    let server = server.await;
    let mut caller = Setup::of(&[("default", &server.url())]).caller();
    caller.compositions = compositions(&json!({
        "services": {"default": {"url": server.url()}},
        "routes": {"GET /bff/x": {"parts": {
            "orders": {"get": "/orders"}, "users": {"get": "/users/{user_id}"}, "user": {"get": "/users"},
        }}},
    }));

    for _ in 0..CONSECUTIVE_FAILURES {
        let failed = caller.get("orders").await;
        assert_eq!(json_of(&failed), Err(Missing::Status(500)));
        assert_eq!(json_of(&caller.get("users").await), Ok("{}"));
    }
    let rejected = caller.get("orders").await;
    assert_eq!(json_of(&rejected), Err(Missing::CircuitOpen));

    for part in ["users", "user"] {
        let outcome = caller.get(part).await;
        assert_ne!(json_of(&outcome), Err(Missing::CircuitOpen));
    }
}

#[tokio::test]
async fn parallel_timeouts_open_the_breaker() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())]).timeout_ms(200).caller();
    let replies = join_all((0..10).map(|_| caller.get("a"))).await;
    assert!(
        replies
            .iter()
            .all(|reply| json_of(reply) == Err(Missing::Timeout))
    );
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::CircuitOpen)]);
}

// All calls begin at the same instant, so that no place is free before the waiting calls give up.
#[tokio::test(start_paused = true)]
async fn hanging_service_with_more_callers_than_places_opens_the_breaker() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())])
        .max_concurrent_calls(2)
        .timeout_ms(200)
        .caller();

    for _ in 0..3 {
        let replies = join_all((0..20).map(|_| caller.get("a"))).await;
        let count = |reason| {
            let found = replies.iter().filter(|reply| json_of(reply) == Err(reason));
            found.count()
        };
        assert_eq!(
            (count(Missing::Timeout), count(Missing::Overloaded)),
            (2, 18)
        );
    }
    assert_eq!(outcomes(&caller, 1).await, [Err(Missing::CircuitOpen)]);
}
