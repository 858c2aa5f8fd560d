//! Call records, breaker states, request ids and trace contexts.

use std::time::{Duration, Instant};

use ::telemetry::{RecordLog, RequestScope};
use aws::{Connections, HttpCalls, Reach, breaker};
use composition::Missing;
use testing::LogBuffer;

use super::{Setup, json_of};
use crate::part_response::MAX_BODY_BYTES;
use testing::raw_server::{Action, RawServer, ok, reply};

fn calls(reach: Reach, log: &LogBuffer) -> HttpCalls {
    let connections = Connections::for_services(reach, Duration::from_secs(1), 32);
    HttpCalls::new(connections, RecordLog::to(log.clone()), MAX_BODY_BYTES)
}

#[tokio::test]
async fn each_call_is_one_record_of_its_service() {
    let log = LogBuffer::default();
    let server = RawServer::start(|nth| match nth {
        1 => Action::Send(reply(503, "", "")),
        2 => Action::Send(ok("{}")),
        _ => Action::Send(reply(500, "", "")),
    });
    let server = server.await;
    let url = server.url();
    let caller = Setup::of(&[("dynamodb", &url)]).caller_with(calls(Reach::Any, &log));
    caller.get("dynamodb").await;
    caller.post("{}").await;

    let records = log.json_lines();
    let described = records.iter().map(|line| {
        let record = &line["api_call"];
        let field = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        let attempts = record["attempts"].as_u64().unwrap();
        (
            field("service"),
            field("operation"),
            field("error_type"),
            attempts,
        )
    });
    let expected = |operation: &str, error: &str, attempts| {
        (
            "service:dynamodb".to_owned(),
            operation.to_owned(),
            error.to_owned(),
            attempts,
        )
    };
    assert_eq!(
        described.collect::<Vec<_>>(),
        [expected("GET", "-", 2), expected("POST", "server_error", 1)]
    );
    let text = log.text();
    assert!(
        !text.contains("q=1") && !text.contains("127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn breaker_has_the_name_of_its_service_until_it_is_dropped() {
    let caller = Setup::of(&[("breaker-test", "http://127.0.0.1:9")]).caller();
    let state = || {
        let states = breaker::states(Instant::now()).into_iter();
        states
            .filter(|(name, _)| name == "service:breaker-test")
            .count()
    };
    assert_eq!(state(), 1);

    let clone = caller.services.clone();
    drop(caller);
    assert_eq!(state(), 1);
    drop(clone);
    assert_eq!(state(), 0);
}

#[tokio::test]
async fn request_id_and_trace_context_are_passed_on() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    let scope = RequestScope::from_headers(
        |name| match name {
            "x-request-id" => Some("req-7"),
            "traceparent" => Some(PARENT),
            _ => None,
        },
        None,
    );

    let reply = scope.serve("test", caller.get("a")).await;
    assert_eq!(json_of(&reply), Ok("{}"));
    let request = server.received().remove(0);
    assert!(request.contains("\r\nx-request-id: req-7\r\n"), "{request}");
    assert!(
        request.contains(&format!("\r\ntraceparent: {PARENT}\r\n")),
        "{request}"
    );
}

#[tokio::test]
async fn deployed_function_does_not_call_its_own_machine() {
    let server = RawServer::always(Action::Send(ok("{}"))).await;
    let port = server.url().rsplit_once(':').unwrap().1.to_owned();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}");
        let log = LogBuffer::default();
        let caller = Setup::of(&[("a", &url)]).caller_with(calls(Reach::Services, &log));
        assert_eq!(
            json_of(&caller.get("a").await),
            Err(Missing::Unreachable),
            "{host}"
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn failed_call_is_logged_without_its_values() {
    let log = LogBuffer::default();
    let _guard = log.subscribe();
    let forged = "HTTP/1.1 200 OK\r\nx: secret\r\ncontent-length: secret\r\n\r\nsecret";
    for (action, cause) in [
        (Action::Close, "broken"),
        (Action::Silence, "timeout"),
        (
            Action::SendAndClose(forged.as_bytes().to_vec()),
            "invalid_response",
        ),
    ] {
        let server = RawServer::always(action).await;
        let caller = Setup::of(&[("a", &server.url())]).timeout_ms(300).caller();
        caller.post("{\"password\":\"secret\"}").await;

        let line = log.json_lines().pop().unwrap();
        let fields = &line["fields"];
        assert_eq!(fields["message"], "call of a service failed");
        assert_eq!(
            (&fields["service"], &fields["cause"]),
            (&"service:a".into(), &cause.into())
        );
    }
    let text = log.text();
    assert!(!text.contains("secret") && !text.contains("/x"), "{text}");
}

#[tokio::test]
async fn certificates_are_read_at_startup_only_for_https() {
    for (url, is_read) in [
        ("http://users.example", false),
        ("https://users.example", true),
    ] {
        let calls = calls(Reach::Services, &LogBuffer::default());
        let caller = Setup::of(&[("a", url)]).caller_with(calls.clone());

        let state = format!("LazyTls({is_read})");
        assert!(format!("{calls:?}").contains(&state), "{calls:?}");
        drop(caller);
    }
}
