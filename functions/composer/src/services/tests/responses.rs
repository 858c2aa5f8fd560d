//! The responses that are the JSON of a part.

use composition::Missing;

use super::{Setup, json_of};
use testing::raw_server::{Action, RawServer, reply};

/// Returns the JSON of a response with these header lines.
async fn outcome(status: u16, headers: &str, body: &str) -> Result<String, Missing> {
    let server = RawServer::always(Action::Send(reply(status, headers, body))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();
    let reply = caller.get("a").await;
    assert_eq!(reply.attempts, 1);
    json_of(&reply).map(str::to_owned)
}

#[tokio::test]
async fn json_is_accepted_without_the_space_around_it() {
    for headers in [
        "",
        "content-type: application/json\r\n",
        "Content-Type: Application/JSON; Charset=\"UTF-8\"\r\n",
        "content-type: application/json;charset=utf8;profile=x\r\n",
        "content-type: application/hal+json\r\n",
        "content-type: application/json\r\ncontent-encoding: identity\r\n",
    ] {
        let json = outcome(200, headers, " {\"a\": 1.50}\n").await;
        assert_eq!(json.as_deref(), Ok("{\"a\": 1.50}"), "{headers}");
    }
    for status in [201, 202, 203] {
        assert_eq!(outcome(status, "", "[1]").await.as_deref(), Ok("[1]"));
    }
}

#[tokio::test]
async fn other_content_is_an_invalid_response() {
    for (headers, body) in [
        ("content-type: text/html\r\n", "{}"),
        ("content-type: text/json\r\n", "{}"),
        (
            "content-type: application/json; charset=iso-8859-1\r\n",
            "{}",
        ),
        (
            "content-type: application/json\r\ncontent-type: text/plain\r\n",
            "{}",
        ),
        ("content-type: \u{e9}\r\n", "{}"),
        ("content-encoding: gzip\r\n", "{}"),
        ("content-encoding: identity, br\r\n", "{}"),
        ("", ""),
        ("", "<html>"),
        ("", "{\"a\":1} {\"b\":2}"),
        ("", "{\"a\":"),
        ("", "\u{feff}{}"),
        ("", "NaN"),
    ] {
        let json = outcome(200, headers, body).await;
        assert_eq!(json, Err(Missing::InvalidResponse), "{headers}{body}");
    }
    let deep = "[".repeat(129) + &"]".repeat(129);
    assert_eq!(outcome(200, "", &deep).await, Err(Missing::InvalidResponse));
}

#[tokio::test]
async fn response_without_content_is_null() {
    for status in [204, 205] {
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        let server = RawServer::always(Action::Send(text.into_bytes())).await;
        let caller = Setup::of(&[("a", &server.url())]).caller();
        assert_eq!(json_of(&caller.get("a").await), Ok("null"));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = RawServer::always(Action::Send(reply(200, "", "{}"))).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", target.url());
        let outcome = outcome(status, &location, "").await;
        assert_eq!(outcome, Err(Missing::Status(status)));
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn errors_and_incomplete_responses_are_their_status() {
    for status in [
        206, 207, 208, 226, 304, 400, 401, 403, 404, 408, 410, 418, 500, 501, 505,
    ] {
        let outcome = outcome(status, "", "").await;
        assert_eq!(outcome, Err(Missing::Status(status)));
    }
}

#[tokio::test]
async fn only_headers_about_caching_are_kept() {
    let headers = "cache-control: max-age=5\r\ncache-control: private\r\nage: 3\r\nvary: accept\r\n\
                   set-cookie: secret\r\netag: \"a\"\r\n";
    let server = RawServer::always(Action::Send(reply(200, headers, "{}"))).await;
    let caller = Setup::of(&[("a", &server.url())]).caller();

    let body = caller.get("a").await.outcome.unwrap();
    let headers: Vec<_> = body.headers.iter().collect();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    assert_eq!(
        headers.collect::<Vec<_>>(),
        [
            ("cache-control", "max-age=5"),
            ("cache-control", "private"),
            ("age", "3"),
            ("vary", "accept"),
        ]
    );
}
