//! Headers that belong to one connection, and those that a load balancer adds or drops.

use std::net::IpAddr;

use http::header::{CONNECTION, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

const OF_ONE_CONNECTION: [HeaderName; 9] = [
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

/// Removes what belongs to the connection that the message came by (RFC 9110, section 7.6.1). It
/// has to be done before the gateway adds or maps a header, or the other side could have it removed
/// by naming it. `Host` stays: it says which API is called.
pub(super) fn strip_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| name != HOST)
        .collect();
    for name in OF_ONE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
}

/// What a proxy answers by itself: the connection to the client has been told to go on already.
pub(super) fn strip_expectation(headers: &mut HeaderMap) {
    headers.remove(EXPECT);
}

/// Who asked, as API Gateway and the load balancer tell.
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

/// What a load balancer drops with `routing.http.drop_invalid_header_fields.enabled`: a backend may
/// read `x_tollgate_user_id` as `x-tollgate-user-id`.
pub(super) fn drop_invalid(headers: &mut HeaderMap) {
    let valid = |name: &HeaderName| {
        name.as_str()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let invalid: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !valid(name))
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
    fn what_the_client_names_in_connection_goes_with_the_connection() {
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
    fn the_address_is_appended_to_what_the_client_claims() {
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
    fn names_that_a_backend_may_read_as_others_are_dropped() {
        let mut map = headers(&[("x_tollgate_user_id", "1"), ("x.y", "1"), ("x-kept", "1")]);
        drop_invalid(&mut map);
        assert_eq!(map, headers(&[("x-kept", "1")]));
    }
}
