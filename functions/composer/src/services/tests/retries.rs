//! Calls that are made again, and connections that are used again.

use std::time::{Duration, Instant};

use composition::Missing;

use super::{Setup, json_of};
use testing::raw_server::{Action, RawServer, ok, reply};

/// Returns a server that responds with `first` once, and then with JSON.
async fn failing_once(first: Vec<u8>) -> RawServer {
    let act = move |nth| match nth {
        1 => Action::Send(first.clone()),
        _ => Action::Send(ok("{}")),
    };
    RawServer::start(act).await
}

#[tokio::test]
async fn get_is_repeated_after_overload_and_broken_connections() {
    for (status, headers) in [(502, ""), (503, ""), (504, ""), (429, "retry-after: 1\r\n")] {
        let server = failing_once(reply(status, headers, "")).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();

        let reply = caller.get("a").await;
        assert_eq!((json_of(&reply), reply.attempts), (Ok("{}"), 2), "{status}");
    }

    let server = RawServer::start(|nth| match nth {
        1 | 2 => Action::Close,
        _ => Action::Send(ok("{}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    let reply = caller.get("a").await;
    assert_eq!((json_of(&reply), reply.attempts), (Ok("{}"), 3));
}

#[tokio::test]
async fn other_failures_are_not_repeated() {
    for (status, headers) in [
        (429, ""),
        (429, "retry-after: 0\r\n"),
        (429, "retry-after: 3600\r\n"),
        (503, "retry-after: 3600\r\n"),
        (500, ""),
        (408, ""),
        (404, ""),
    ] {
        let server = failing_once(reply(status, headers, "")).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();

        let began = Instant::now();
        let reply = caller.get("a").await;
        let expected = (Err(Missing::Status(status)), 1);
        assert_eq!((json_of(&reply), reply.attempts), expected);
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn throttled_call_is_repeated_at_most_once() {
    for first in [429, 503] {
        let server = RawServer::start(move |nth| match nth {
            1 => Action::Send(reply(first, "retry-after: 1\r\n", "")),
            _ => Action::Send(reply(429, "retry-after: 1\r\n", "")),
        });
        let server = server.await;
        let caller = Setup::of(&[("a", &server.url())]).caller();

        let reply = caller.get("a").await;
        let expected = (Err(Missing::Status(429)), 2);
        assert_eq!((json_of(&reply), reply.attempts), expected, "{first}");
        assert_eq!(server.requests(), 2, "{first}");
    }
}

#[tokio::test]
async fn fourth_attempt_is_never_made() {
    let server = RawServer::always(Action::Close).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    let reply = caller.get("a").await;

    let expected = (Err(Missing::Unreachable), 3);
    assert_eq!((json_of(&reply), reply.attempts), expected);
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn timeout_is_not_repeated() {
    let server = RawServer::always(Action::Silence).await;
    let caller = Setup::of(&[("a", &server.url())]).timeout_ms(100).caller();
    let reply = caller.get("a").await;
    assert_eq!(
        (json_of(&reply), reply.attempts),
        (Err(Missing::Timeout), 1)
    );
}

#[tokio::test]
async fn post_is_sent_once() {
    for action in [
        Action::Send(reply(503, "", "")),
        Action::Send(reply(429, "retry-after: 0\r\n", "")),
        Action::Close,
    ] {
        let server = RawServer::always(action).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();

        let reply = caller.post("{\"order\":1}").await;
        assert!(reply.outcome.is_err());
        assert_eq!((reply.attempts, server.requests()), (1, 1));
        assert!(server.received()[0].ends_with("\r\n\r\n{\"order\":1}"));
    }
}

#[tokio::test]
async fn sequential_calls_share_a_connection() {
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let url = server.url();
    let caller = Setup::of(&[("a", &url), ("b", &url)]).caller();
    for _ in 0..10 {
        assert_eq!(json_of(&caller.get("a").await), Ok("{}"));
        assert_eq!(json_of(&caller.get("b").await), Ok("{}"));
    }
    assert_eq!((server.connections(), server.requests()), (1, 20));
}

#[tokio::test]
async fn idle_connection_that_the_service_closed_costs_no_call() {
    let server = RawServer::always(Action::SendAndClose(ok("{}"))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    for nth in 1..=10 {
        assert_eq!(json_of(&caller.get("a").await), Ok("{}"));
        server.closed(nth * 2 - 1).await;
        assert_eq!(json_of(&caller.post("{}").await), Ok("{}"));
        server.closed(nth * 2).await;
    }
    assert_eq!((server.connections(), server.requests()), (20, 20));
}

#[tokio::test]
async fn requests_go_below_the_base_path_of_the_service() {
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let url = format!("{}/base", server.url());
    let caller = Setup::of(&[("a", &url)]).caller();
    assert_eq!(json_of(&caller.get("a").await), Ok("{}"));
    assert!(server.received()[0].starts_with("GET /base/x?q=1 HTTP/1.1\r\n"));
}
