//! Checks that a request comes from a program on this machine. Administration and metrics of the
//! local gateway accept only such requests.
//!
//! A connection from a loopback address is not sufficient: a tunnel or a reverse proxy on this
//! machine forwards other machines' requests, and a browser on this machine sends requests for
//! pages of any origin.

use std::net::IpAddr;

use aws::is_loopback;
use http::header::{FORWARDED, HOST, MAX_FORWARDS, ORIGIN, VIA};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Headers that proxies, tunnels and content delivery networks add.
const FORWARDING_HEADERS: [HeaderName; 19] = [
    FORWARDED,
    HeaderName::from_static("front-end-https"),
    MAX_FORWARDS,
    HeaderName::from_static("x-amz-cf-id"),
    HeaderName::from_static("x-arr-log-id"),
    HeaderName::from_static("x-bluecoat-via"),
    HeaderName::from_static("x-cloud-trace-context"),
    HeaderName::from_static("x-request-start"),
    HeaderName::from_static("x-scheme"),
    HeaderName::from_static("x-varnish"),
    VIA,
    HeaderName::from_static("cdn-loop"),
    HeaderName::from_static("client-ip"),
    HeaderName::from_static("fastly-client-ip"),
    HeaderName::from_static("true-client-ip"),
    HeaderName::from_static("x-client-ip"),
    HeaderName::from_static("x-cluster-client-ip"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-remote-ip"),
];
/// Prefixes of such headers, for example `X-Forwarded-For`, `CF-Connecting-IP` and
/// `X-Original-Host`.
const FORWARDING_PREFIXES: [&str; 19] = [
    "akamai-",
    "cf-",
    "cloudfront-",
    "fly-",
    "incap-",
    "ngrok-",
    "proxy-",
    "tailscale-",
    "wl-proxy-",
    "x-akamai-",
    "x-amzn-trace-id",
    "x-appengine-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-nf-",
    "x-original-",
    "x-sucuri-",
    "x-vercel-",
];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The header of a browser's request for the script of a service worker, which could then change every
/// later page of this origin.
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");
const HTTP_PORT: u16 = 80;

/// True if the request was sent from this machine to a name of this machine, neither by a page of
/// another origin nor through a proxy, nor for a service worker. `headers` must be as the client sent
/// them. A `target` in absolute form, which only proxies receive, must name the same host (RFC 9112,
/// section 3.2.2).
pub(super) fn is_from_this_machine(source: IpAddr, target: &Uri, headers: &HeaderMap) -> bool {
    let Some(host) = loopback_host(headers) else {
        return false;
    };

    source.to_canonical().is_loopback()
        && target.authority().is_none_or(|named| *named == host)
        && !is_forwarded(headers)
        && !headers.contains_key(SERVICE_WORKER)
        && headers
            .get_all(ORIGIN)
            .iter()
            .all(|origin| is_same_origin(origin, &host))
        && headers.get_all(SEC_FETCH_SITE).iter().all(is_own_site)
}

/// The `Host`, if there is exactly one and it is a loopback name or address.
fn loopback_host(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(HOST).iter();
    let (host, another) = (hosts.next()?, hosts.next());
    let text = host
        .to_str()
        .ok()
        .filter(|text| another.is_none() && !text.contains('@'))?;

    text.parse::<Authority>()
        .ok()
        .filter(|authority| is_loopback(authority.host()))
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        FORWARDING_HEADERS.contains(name)
            || FORWARDING_PREFIXES
                .iter()
                .any(|prefix| name.as_str().starts_with(prefix))
    })
}

/// True if the origin has the scheme, host and port of the request's URL.
fn is_same_origin(origin: &HeaderValue, host: &Authority) -> bool {
    let authority = origin
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("http://"));
    let parsed = authority
        .filter(|text| !text.contains(['@', '/']))
        .and_then(|text| text.parse::<Authority>().ok());

    parsed.is_some_and(|origin| {
        origin.host().eq_ignore_ascii_case(host.host())
            && port(&origin) == port(host)
            && port(host).is_some()
    })
}

/// The port. `None` if it is not a valid port number.
fn port(authority: &Authority) -> Option<u16> {
    if authority.port().is_none() && authority.as_str().len() == authority.host().len() {
        return Some(HTTP_PORT);
    }
    authority.port_u16()
}

/// True for a page of this gateway and for an address that a user entered (W3C Fetch Metadata).
fn is_own_site(value: &HeaderValue) -> bool {
    value == "same-origin" || value == "none"
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: (&str, &str) = ("host", "127.0.0.1:3000");

    fn is_local(headers: &[(&str, &str)]) -> bool {
        is_local_from("127.0.0.1", headers)
    }

    fn is_local_from(source: &str, headers: &[(&str, &str)]) -> bool {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        is_from_this_machine(source.parse().unwrap(), &Uri::from_static("/"), &map)
    }

    #[test]
    fn program_on_this_machine_is_local() {
        for host in [
            "127.0.0.1:3000",
            "localhost",
            "LOCALHOST:3000",
            "[::1]:3000",
            "127.8.9.1",
        ] {
            assert!(is_local(&[("host", host)]), "{host}");
        }
        for source in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is_local_from(source, &[LOCAL]), "{source}");
        }
        assert!(!is_local_from("192.0.2.1", &[LOCAL]));
    }

    #[test]
    fn missing_repeated_or_foreign_host_is_not_local() {
        assert!(!is_local(&[]));
        assert!(!is_local(&[LOCAL, LOCAL]));
        for host in [
            "api.example.com",
            "127.0.0.1.nip.io",
            "evil@127.0.0.1",
            "a:b@localhost:3000",
            "192.0.2.1",
            "",
        ] {
            assert!(!is_local(&[("host", host)]), "{host}");
        }
    }

    #[test]
    fn forwarded_request_is_not_local() {
        for name in [
            "forwarded",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-forwarded",
            "x-real-ip",
            "cf-connecting-ip",
            "cf-ray",
            "true-client-ip",
            "x-client-ip",
            "x-original-host",
            "x-original-forwarded-for",
            "x-envoy-external-address",
            "cloudfront-viewer-address",
            "ngrok-skip-browser-warning",
            "wl-proxy-client-ip",
            "x-vercel-forwarded-for",
            "proxy-connection",
            "max-forwards",
        ] {
            assert!(!is_local(&[LOCAL, (name, "")]), "{name}");
        }
    }

    #[test]
    fn request_for_a_service_worker_is_not_local() {
        assert!(!is_local(&[LOCAL, ("service-worker", "script")]));
    }

    #[test]
    fn target_with_another_host_is_not_local() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1:3000"))]);
        for (target, expected) in [
            ("http://127.0.0.1:3000/", true),
            ("http://evil.example/", false),
            ("http://127.0.0.1:80/", false),
            ("http://evil@127.0.0.1:3000/", false),
        ] {
            let target = Uri::from_static(target);
            assert_eq!(
                is_from_this_machine(IpAddr::from([127, 0, 0, 1]), &target, &headers),
                expected,
                "{target}"
            );
        }
    }

    #[test]
    fn only_the_gateways_origin_is_local() {
        for (host, origin) in [
            ("127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("localhost:3000", "http://LOCALHOST:3000"),
            ("localhost", "http://localhost:80"),
            ("localhost:80", "http://localhost"),
            ("[::1]:3000", "http://[::1]:3000"),
        ] {
            assert!(
                is_local(&[("host", host), ("origin", origin)]),
                "{host} {origin}"
            );
        }
        for origin in [
            "http://127.0.0.1:5173",
            "http://localhost:3000",
            "https://127.0.0.1:3000",
            "http://127.0.0.1",
            "http://127.0.0.1:03000x",
            "http://127.0.0.1:",
            "http://evil@127.0.0.1:3000",
            "http://127.0.0.1:3000/",
            "https://evil.example",
            "null",
            "",
        ] {
            assert!(!is_local(&[LOCAL, ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn every_origin_and_every_fetch_site_is_checked() {
        let own = ("origin", "http://127.0.0.1:3000");
        assert!(!is_local(&[LOCAL, own, ("origin", "https://evil.example")]));
        assert!(!is_local(&[LOCAL, ("origin", "https://evil.example"), own]));
        for (site, expected) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
        ] {
            assert_eq!(
                is_local(&[LOCAL, ("sec-fetch-site", site)]),
                expected,
                "{site}"
            );
            assert!(
                !is_local(&[
                    LOCAL,
                    ("sec-fetch-site", site),
                    ("sec-fetch-site", "cross-site")
                ]),
                "{site}"
            );
        }
    }
}
