//! Headers of a single connection, and headers that a load balancer adds or drops.

use std::net::IpAddr;

use http::header::{CONNECTION, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

const CONNECTION_HEADERS: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes the headers of the connection (RFC 9110, section 7.6.1), and those that `Connection`
/// names. Call it before adding or mapping headers; otherwise the sender could name one of them in
/// `Connection` and so have it removed. `Host` stays, because it names the API.
pub(super) fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| name != HOST)
        .collect();

    for name in CONNECTION_HEADERS.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Removes `Expect`, because the gateway itself has already sent `100 Continue`.
pub(super) fn strip_expectation(headers: &mut HeaderMap) {
    headers.remove(EXPECT);
}

/// Adds the client's address, port and scheme as API Gateway and the load balancer do.
pub(super) fn add_forwarded(headers: &mut HeaderMap, source: IpAddr, port: u16) {
    let name = HeaderName::from_static("x-forwarded-for");
    let before = headers
        .get_all(&name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join(", ");
    let chain = if before.is_empty() {
        source.to_string()
    } else {
        format!("{before}, {source}")
    };

    let values = [
        (name, chain),
        (
            HeaderName::from_static("x-forwarded-port"),
            port.to_string(),
        ),
        (
            HeaderName::from_static("x-forwarded-proto"),
            "http".to_owned(),
        ),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

/// Drops the headers that a load balancer drops with
/// `routing.http.drop_invalid_header_fields.enabled`. A backend might read `x_tollgate_user_id` as
/// `x-tollgate-user-id`.
pub(super) fn drop_invalid(headers: &mut HeaderMap) {
    let is_valid = |name: &HeaderName| {
        name.as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let invalid: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !is_valid(name))
        .cloned()
        .collect();

    for name in invalid {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn headers_named_in_connection_are_removed() {
        let mut map = headers(&[
            ("connection", "close, X-Secret"),
            ("connection", "x-other, host"),
            ("host", "a"),
            ("x-secret", "1"),
            ("x-other", "1"),
            ("te", "trailers"),
            ("x-kept", "1"),
        ]);
        strip_connection(&mut map);
        assert_eq!(map, headers(&[("host", "a"), ("x-kept", "1")]));
    }

    #[test]
    fn client_address_is_appended_to_x_forwarded_for() {
        let mut map = headers(&[
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
        ]);
        add_forwarded(&mut map, "192.0.2.1".parse().unwrap(), 3000);
        assert_eq!(
            map,
            headers(&[
                ("x-forwarded-for", "10.0.0.1, 192.0.2.1"),
                ("x-forwarded-port", "3000"),
                ("x-forwarded-proto", "http")
            ])
        );
    }

    #[test]
    fn header_names_with_other_characters_are_dropped() {
        let mut map = headers(&[("x_tollgate_user_id", "1"), ("x.y", "1"), ("x-kept", "1")]);
        drop_invalid(&mut map);
        assert_eq!(map, headers(&[("x-kept", "1")]));
    }
}
