//! Decodes and encodes the path and the query of a request.

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// The characters that are encoded in a path: all except `/` and the `pchar` of RFC 3986.
const PATH_ESCAPES: &AsciiSet = &CONTROLS
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

/// The characters that are encoded in names and values of a query.
const QUERY_ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'=');

/// Returns the path as an HTTP API passes it on, according to requests captured on AWS: decoded
/// twice, and cut at a `?` that the first decoding reveals. `None` for a path with a malformed
/// escape before either decoding, as in `50%25-off`, or one that is not UTF-8.
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
        has_valid_escapes(path).then(|| percent_decode_str(path).decode_utf8().ok())??;
    Some(decoded.into_owned())
}

fn has_valid_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Encodes a path for the request line.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH_ESCAPES).to_string()
}

/// Returns the names and values of the query, not decoded.
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

/// Joins names and values for the request line. Pairs from the client stay as they are, and pairs
/// from a mapping are encoded.
pub(super) fn joined(
    query: &[(String, Option<String>)],
    original: &[(String, Option<String>)],
) -> String {
    let pair = |pair: &(String, Option<String>)| match pair {
        (name, Some(value)) if original.contains(pair) => format!("{name}={value}"),
        (name, Some(value)) => {
            format!(
                "{}={}",
                utf8_percent_encode(name, QUERY_ESCAPES),
                utf8_percent_encode(value, QUERY_ESCAPES)
            )
        }
        (name, None) if original.contains(pair) => name.clone(),
        (name, None) => utf8_percent_encode(name, QUERY_ESCAPES).to_string(),
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
    fn path_is_decoded_twice_and_otherwise_unchanged() {
        assert_eq!(
            path("/a%20b/%2e%2e/%252e//x?y=%20").as_deref(),
            Some("/a b/.././/x")
        );
        assert_eq!(path("http://host/a").as_deref(), Some("/a"));
        assert_eq!(path("/a%252Fb/%25252c").as_deref(), Some("/a/b/%2c"));
        assert_eq!(path("/%252e%252e/%25C3%25BC").as_deref(), Some("/../ü"));
    }

    /// Paths sent to an HTTP API on AWS, and `rawPath` of the event.
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
    fn invalid_paths_are_refused() {
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
    fn encoding_and_decoding_a_path_is_lossless() {
        for text in ["/a b/..//x", "/ü/#[]\"", "/a;b=c,d:e@f!$&'()*+~-._"] {
            assert_eq!(path(&encoded(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn query_of_the_client_is_unchanged() {
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
