//! Responses that contain the request which the backend received.

use http::uri::PathAndQuery;
use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};

use super::reply::{Admission, Reply};

/// A harmless header, by which an echo is recognized.
pub(super) const MARKER: &str = "x-check-marker";

/// The part of a path that is sent, and the texts that come after it where the backend received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The backend received these texts after the part.
    At(Vec<String>),
    /// The response does not contain the part.
    NotEchoed,
}

/// True if a response contains the headers of its request.
pub(super) fn is_echo(reply: &Reply, marker: &str) -> bool {
    reply.admission() == Admission::Admitted && reply.text().contains(marker)
}

/// Returns the headers that the gateway sets on each request with a key, as far as a response lacks
/// their names. A page that repeats only what it does not know, or a fixed list, lacks some.
pub(super) fn missing_identity(reply: &Reply) -> Vec<&'static str> {
    // Some backends show X_TOLLGATE_PLAN.
    let text = reply.text().to_ascii_lowercase().replace('_', "-");
    BACKEND_HEADERS
        .into_iter()
        .chain([ORIGIN_HEADER])
        .filter(|name| !text.contains(name))
        .collect()
}

/// Returns what comes after `part` in the body of a response, up to the end of the path.
pub(super) fn arrival(reply: &Reply, part: &str) -> Arrival {
    let text = reply.text();
    let mut found: Vec<String> = text.split(part).skip(1).map(rest_of_path).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        Arrival::NotEchoed
    } else {
        Arrival::At(found)
    }
}

/// Returns the beginning of a text that can be part of a path in JSON, in HTML or in plain text.
fn rest_of_path(text: &str) -> String {
    let is_end =
        |character: char| character.is_whitespace() || "\"'<>,;&?#(){}[]\\".contains(character);
    text.split(is_end).next().unwrap_or_default().to_owned()
}

/// Returns a path below the path of the option, which may have a query.
pub(super) fn below(path: &str, segment: &str) -> String {
    let parsed: Option<PathAndQuery> = path.parse().ok();
    let path = parsed.as_ref().map_or(path, PathAndQuery::path);
    format!("{}/{segment}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;

    #[test]
    fn echo_contains_the_marker() {
        assert!(is_echo(
            &reply(200, &[], r#"{"x-check-marker":"m1"}"#),
            "m1"
        ));
        assert!(!is_echo(&reply(200, &[], "hello"), "m1"));
        assert!(!is_echo(&reply(401, &[], r#"{"message":"m1"}"#), "m1"));
    }

    #[test]
    fn headers_of_the_gateway_are_found_in_any_spelling() {
        let all = BACKEND_HEADERS.into_iter().chain([ORIGIN_HEADER]);
        let body = all.collect::<Vec<_>>().join("\n");
        for body in [
            body.clone(),
            body.to_ascii_uppercase(),
            body.replace('-', "_"),
        ] {
            assert_eq!(missing_identity(&reply(200, &[], &body)), [""; 0]);
        }
        let page = "unknown header x-check-marker, plan x-tollgate-plan";
        let missing = missing_identity(&reply(200, &[], page));
        assert_eq!(missing.len(), BACKEND_HEADERS.len());
        assert!(!missing.contains(&"x-tollgate-plan"));
    }

    #[test]
    fn arrival_is_read_from_json_and_text() {
        for (body, expected) in [
            (r#"{"path":"/echo/c1/a"}"#, &["/a"][..]),
            (
                r#"{"path":"/echo/c1%2Fa","url":"http://x/echo/c1/a?q"}"#,
                &["%2Fa", "/a"],
            ),
            ("GET /echo/c1 HTTP/1.1\r\nhost: x", &[""]),
            ("<p>/echo/c1/a</p>", &["/a"]),
        ] {
            let expected = expected.iter().map(|text| (*text).to_owned()).collect();
            let found = arrival(&reply(200, &[], body), "c1");
            assert_eq!(found, Arrival::At(expected), "{body}");
        }
        assert_eq!(arrival(&reply(200, &[], "hello"), "c1"), Arrival::NotEchoed);
    }

    #[test]
    fn path_below_another_has_one_slash_and_no_query() {
        assert_eq!(below("/", "a"), "/a");
        assert_eq!(below("/echo/?x=y", "a"), "/echo/a");
    }
}
