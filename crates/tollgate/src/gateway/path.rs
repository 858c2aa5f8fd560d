//! Request targets: from the wire to a decoded path, and back.

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What may not stand in a path as it is: everything but the pchar and `/` of RFC 3986.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What may not stand in a query's value as it is.
const ENCODED_QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>').add(b'=');

/// The path as API Gateway shows it: decoded once, otherwise as it is. `None` for an invalid path: a malformed escape
/// or text that is not UTF-8. API Gateway decodes a path twice, so an escape that is malformed after the first time,
/// as in `50%25-off`, is invalid too.
pub(super) fn decoded(uri: &Uri) -> Option<String> {
    let path = uri.path();
    if !path.starts_with('/') || !escapes_are_whole(path) {
        return None;
    }
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    escapes_are_whole(&decoded).then(|| decoded.into_owned())
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%')
        .skip(1)
        .all(|rest| rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// A path for the request line.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// A query's names and values, undecoded.
pub(super) fn query(uri: &Uri) -> Vec<(String, Option<String>)> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            pair.split_once('=')
                .map_or_else(|| (pair.to_owned(), None), |(name, value)| (name.to_owned(), Some(value.to_owned())))
        })
        .collect()
}

/// Names and values for the request line. What came from the client is as it was; what a mapping put there
/// is encoded.
pub(super) fn joined(query: &[(String, Option<String>)], original: &[(String, Option<String>)]) -> String {
    let pair = |pair: &(String, Option<String>)| match pair {
        (name, Some(value)) if original.contains(pair) => format!("{name}={value}"),
        (name, Some(value)) => {
            format!("{}={}", utf8_percent_encode(name, ENCODED_QUERY), utf8_percent_encode(value, ENCODED_QUERY))
        }
        (name, None) => name.clone(),
    };
    query.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str) -> Option<String> {
        decoded(&uri.parse().unwrap())
    }

    #[test]
    fn a_path_is_decoded_once_and_otherwise_left_alone() {
        assert_eq!(path("/a%20b/%2e%2e/%252e//x?y=%20").as_deref(), Some("/a b/../%2e//x"));
        assert_eq!(path("http://host/a").as_deref(), Some("/a"));
        assert_eq!(path("/a%252Fb/%2525c").as_deref(), Some("/a%2Fb/%25c"));
    }

    #[test]
    fn what_is_not_a_path_is_none() {
        for uri in ["/%", "/%2", "/%zz", "/%ff", "/50%25-off", "/a%25", "/%252", "/%25%", "/%2525%25zz", "*"] {
            assert_eq!(path(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_encoded_path_is_the_same_path() {
        for text in ["/a b/../%2e//x", "/ü/?#[]\"", "/a;b=c,d:e@f!$&'()*+~-._"] {
            assert_eq!(path(&encoded(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_query_goes_through_as_it_came() {
        let uri: Uri = "/?a=1&b&c=%20&a=2&d=".parse().unwrap();
        let pairs = query(&uri);
        assert_eq!(joined(&pairs, &pairs), "a=1&b&c=%20&a=2&d=");
        assert_eq!(joined(&[("u".to_owned(), Some("a b&c".to_owned()))], &pairs), "u=a%20b%26c");
    }
}
