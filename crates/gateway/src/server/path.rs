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
const ENCODED_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'=');

/// Returns the path as an HTTP API of API Gateway passes it on, by requests that were captured on
/// AWS: decoded twice, and cut at a `?` that the first decoding reveals. `None` for an invalid
/// path: a malformed escape before either decoding, as in `50%25-off`, or text that is not UTF-8.
pub(super) fn decoded(uri: &Uri) -> Option<String> {
    let path = uri.path();
    if !path.starts_with('/') {
        return None;
    }
    let once = decoded_once(path)?;
    let before_query = once.split_once('?').map_or(&*once, |(before, _)| before);
    decoded_once(before_query)
}

fn decoded_once(path: &str) -> Option<String> {
    let decoded =
        escapes_are_whole(path).then(|| percent_decode_str(path).decode_utf8().ok())??;
    Some(decoded.into_owned())
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// A path for the request line.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// A query's names and values, undecoded.
pub(super) fn query(uri: &Uri) -> Vec<(String, Option<String>)> {
    let pairs = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            pair.split_once('=').map_or_else(
                || (pair.to_owned(), None),
                |(name, value)| (name.to_owned(), Some(value.to_owned())),
            )
        })
        .collect()
}

/// Names and values for the request line. What came from the client is as it was; what a mapping
/// put there is encoded.
pub(super) fn joined(
    query: &[(String, Option<String>)],
    original: &[(String, Option<String>)],
) -> String {
    let pair = |pair: &(String, Option<String>)| match pair {
        (name, Some(value)) if original.contains(pair) => format!("{name}={value}"),
        (name, Some(value)) => {
            format!(
                "{}={}",
                utf8_percent_encode(name, ENCODED_QUERY),
                utf8_percent_encode(value, ENCODED_QUERY)
            )
        }
        (name, None) if original.contains(pair) => name.clone(),
        (name, None) => utf8_percent_encode(name, ENCODED_QUERY).to_string(),
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
    fn a_path_is_decoded_twice_and_otherwise_left_alone() {
        assert_eq!(
            path("/a%20b/%2e%2e/%252e//x?y=%20").as_deref(),
            Some("/a b/.././/x")
        );
        assert_eq!(path("http://host/a").as_deref(), Some("/a"));
        assert_eq!(path("/a%252Fb/%25252c").as_deref(), Some("/a/b/%2c"));
        assert_eq!(path("/%252e%252e/%25C3%25BC").as_deref(), Some("/../ü"));
    }

    /// As AWS did with requests to an HTTP API: the path that was sent, and `rawPath` of the event.
    #[test]
    fn captured_paths_are_decoded_as_aws_decodes_them() {
        for (sent, expected) in [
            ("/capture/space%20value", Some("/capture/space value")),
            ("/capture/slash%2Fvalue", Some("/capture/slash/value")),
            ("/capture/hash%23value", Some("/capture/hash#value")),
            ("/capture/question%3Fvalue", Some("/capture/question")),
            ("/capture/percent%25done", None),
            ("/capture/literal%252Fvalue", Some("/capture/literal/value")),
            ("/capture/literal%253Fvalue", Some("/capture/literal?value")),
            ("/capture/literal%2525value", Some("/capture/literal%value")),
        ] {
            assert_eq!(path(sent).as_deref(), expected, "{sent}");
        }
    }

    #[test]
    fn what_is_not_a_path_is_none() {
        let second = [
            "/50%25-off",
            "/a%25",
            "/%252",
            "/%25%",
            "/%2525%25zz",
            "/%25ff",
            "/a%25%3Fx",
        ];
        for uri in ["/%", "/%2", "/%zz", "/%ff", "*"].into_iter().chain(second) {
            assert_eq!(path(uri), None, "{uri}");
        }
    }

    #[test]
    fn an_encoded_path_is_the_same_path() {
        for text in ["/a b/..//x", "/ü/#[]\"", "/a;b=c,d:e@f!$&'()*+~-._"] {
            assert_eq!(path(&encoded(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_query_goes_through_as_it_came() {
        let uri: Uri = "/?a=1&b&c=%20&a=2&d=".parse().unwrap();
        let pairs = query(&uri);
        assert_eq!(joined(&pairs, &pairs), "a=1&b&c=%20&a=2&d=");
        assert_eq!(
            joined(&[("u".to_owned(), Some("a b&c".to_owned()))], &pairs),
            "u=a%20b%26c"
        );
        assert_eq!(
            joined(&[("a b\r\n".to_owned(), None)], &pairs),
            "a%20b%0D%0A"
        );
    }
}
