//! Responses that are no valid HTTP, or that do not end. Each only fails its own part, in time.

use std::time::{Duration, Instant};

use composition::{Missing, check_json};
use proptest::prelude::*;

use super::{Setup, json_of};
use crate::part_response::MAX_BODY_BYTES;
use testing::raw_server::{Action, RawServer, ok};

/// The timeout of parts that are expected to run into it.
const SHORT_MS: u64 = 300;
/// The longest time that a call may take which times out after [`SHORT_MS`].
const MAX_TIME: Duration = Duration::from_secs(3);

/// Calls a server that always does the same. Returns the reason why the part is missing.
async fn missing(action: Action, timeout_ms: u64) -> Missing {
    let server = RawServer::always(action).await;
    let caller = Setup::of(&[("a", &server.url())])
        .timeout_ms(timeout_ms)
        .caller();

    let began = Instant::now();
    let reply = caller.get("a").await;
    assert!(began.elapsed() < MAX_TIME, "{:?}", began.elapsed());
    reply.outcome.unwrap_err()
}

fn send(text: &str) -> Action {
    Action::SendAndClose(text.as_bytes().to_vec())
}

#[tokio::test]
async fn garbage_is_an_invalid_response() {
    for text in [
        "{\"a\":1}",
        "\0\x01\x02\x03\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 999999 X\r\n\r\n",
        "HTTP/7.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
    ] {
        let missing = missing(send(text), super::AMPLE_MS).await;
        assert_eq!(missing, Missing::InvalidResponse, "{text:?}");
    }
}

#[tokio::test]
async fn connection_that_breaks_is_unreachable() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"a\":1}",
    ] {
        let missing = missing(send(text), super::AMPLE_MS).await;
        assert_eq!(missing, Missing::Unreachable, "{text:?}");
    }
    assert_eq!(
        missing(Action::Close, super::AMPLE_MS).await,
        Missing::Unreachable
    );
}

#[tokio::test]
async fn response_that_does_not_end_is_a_timeout() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n".to_vec();
    let body = [&head[..], b"\r\n"].concat();
    let pause = Duration::from_millis(20);
    for action in [
        Action::Silence,
        Action::Drip([&body[..], &[b' '; 100]].concat(), pause),
        Action::Repeat(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Action::Repeat(
            Vec::new(),
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec(),
        ),
    ] {
        assert_eq!(
            missing(action.clone(), SHORT_MS).await,
            Missing::Timeout,
            "{action:?}"
        );
    }
}

#[tokio::test]
async fn head_that_does_not_end_is_invalid_before_the_timeout() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let long = "a".repeat(10_000);
    for line in ["a: b\r\n".repeat(50), format!("a: {long}\r\n"), long] {
        let action = Action::Repeat(head.clone(), line.into_bytes());
        let missing = missing(action, super::AMPLE_MS).await;
        assert_eq!(missing, Missing::InvalidResponse);
    }
}

#[tokio::test]
async fn protocol_switch_is_an_invalid_response() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n";
    let action = Action::Send(switch.as_bytes().to_vec());
    assert_eq!(
        missing(action, super::AMPLE_MS).await,
        Missing::InvalidResponse
    );
}

#[tokio::test]
async fn large_body_is_refused_without_reading_it() {
    let declared = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        MAX_BODY_BYTES + 1
    );
    let chunk = [&b"10000\r\n"[..], &[b' '; 0x10000], b"\r\n"].concat();
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for (head, again) in [
        (declared.into_bytes(), vec![b' '; 0x10000]),
        (chunked, chunk),
    ] {
        let server = RawServer::always(Action::Repeat(head, again)).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();

        let reply = caller.get("a").await;
        assert_eq!(reply.outcome.unwrap_err(), Missing::TooLarge);
        assert_eq!(reply.attempts, 1);
        server.closed(1).await;
        // What was sent in excess is in the buffers of the sockets.
        assert!(server.sent_bytes() < 16_000_000, "{}", server.sent_bytes());
    }
}

#[tokio::test]
async fn body_of_many_chunks_is_one_text() {
    let text = format!("[{}]", ["7"; 10_000].join(","));
    let chunks: String = text
        .chars()
        .map(|byte| format!("1\r\n{byte}\r\n"))
        .collect();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let response = format!("{head}{chunks}0\r\n\r\n");
    let server = RawServer::always(Action::Send(response.into_bytes())).await;

    let caller = Setup::of(&[("a", &server.url())]).caller();
    assert_eq!(json_of(&caller.get("a").await), Ok(&*text));
}

#[tokio::test]
async fn largest_body_is_accepted() {
    let text = format!("\"{}\"", "x".repeat(MAX_BODY_BYTES - 2));
    let server = RawServer::always(Action::Send(ok(&text))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    assert_eq!(json_of(&caller.get("a").await), Ok(&*text));
}

#[tokio::test]
async fn bytes_after_a_response_do_not_reach_another_part() {
    let forged = [ok("{\"mine\":1}"), ok("{\"forged\":1}")].concat();
    let server = RawServer::start(move |nth| match nth {
        1 => Action::Send(forged.clone()),
        _ => Action::Send(ok("{\"yours\":2}")),
    });
    let server = server.await;
    let caller = Setup::of(&[("a", &server.url())]).caller();

    assert_eq!(json_of(&caller.get("a").await), Ok("{\"mine\":1}"));
    assert_eq!(json_of(&caller.get("a").await), Ok("{\"yours\":2}"));
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn old_and_informational_responses_are_accepted() {
    for text in [
        "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":1}",
        "HTTP/1.0 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nt: u\r\n\r\n",
    ] {
        let server = RawServer::always(send(text)).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();
        assert_eq!(json_of(&caller.get("a").await), Ok("{\"a\":1}"), "{text:?}");
    }
}

/// Returns a valid response of which some bytes are replaced, removed or repeated.
fn damaged_response() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop_oneof![
        Just("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}"),
        Just("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":1}"),
        Just("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n"),
        Just("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        Just("HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), 0..3, any::<u8>()), 0..4);
    (valid, changes).prop_map(|(valid, changes)| {
        let mut bytes = valid.as_bytes().to_vec();
        for (index, change, byte) in changes {
            let index = index.index(bytes.len());
            match change {
                0 => bytes[index] = byte,
                1 => bytes.truncate(index + 1),
                _ => bytes.extend_from_within(index..),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_response_is_valid_json_or_a_missing_part(bytes in damaged_response()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(async {
            let server = RawServer::always(Action::SendAndClose(bytes)).await;
            let caller = Setup::of(&[("a", &server.url())]).caller();
            caller.post("{}").await
        });

        prop_assert!(reply.duration < MAX_TIME);
        match &reply.outcome {
            Ok(body) => prop_assert_eq!(check_json(&body.json).map(str::as_bytes), Ok(&*body.json)),
            Err(missing) => prop_assert!(matches!(
                missing,
                Missing::Status(_) | Missing::InvalidResponse | Missing::Unreachable | Missing::TooLarge
            )),
        }
    }
}
