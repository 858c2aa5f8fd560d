use std::collections::BTreeMap;

use http::Uri;

use super::{FULL, assert_refused, settings};
use crate::compositions::{Compositions, ReplacedUrls, Settings};

const ONE_PART: &str = r#"{"routes": {"GET /bff/a": {"parts": {"a": {"get": "/a"}}}}}"#;

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

fn url_error(url: &str, is_deployed: bool) -> Option<String> {
    let text = FULL.replacen("https://users.internal:8080", url, 1);
    let settings = Settings {
        is_deployed,
        ..settings()
    };
    Compositions::parse(&text, &settings)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn invalid_url_is_refused() {
    for (url, expected) in [
        ("", "invalid URL"),
        ("users.internal", "no http or https URL"),
        ("/users", "no http or https URL"),
        ("//users.internal", "no http or https URL"),
        ("ftp://users.internal", "no http or https URL"),
        ("http://", "invalid URL"),
        ("http://a b", "invalid URL"),
        ("http://users.internal/#a", "unexpected fragment"),
        ("http://users.internal/?a=b", "unexpected query"),
        ("http://users.internal?", "unexpected query"),
        (
            "http://me:hush@users.internal",
            "unexpected user name or password",
        ),
        (
            "http://me@users.internal",
            "unexpected user name or password",
        ),
        ("http://users.internal:0", "invalid port"),
        ("http://users.internal:65536", "invalid"),
        ("http://users.internal:", "invalid port"),
        ("http://users.internal/a/../b", "invalid path"),
        ("http://users.internal//a", "invalid path"),
        ("http://users.internal/%2e%2e", "invalid path"),
        ("http://users.internal/a//", "invalid path"),
        ("http://users..internal", "invalid host"),
        ("http://us{user_id}ers.internal", "invalid"),
        ("http://2130706433", "invalid host"),
        ("http://0x7f.1", "invalid host"),
        ("http://127.1", "invalid host"),
        ("http://10.0.0.256", "invalid host"),
        ("http://169.254.169.254.", "invalid host"),
        ("http://[fe80::1%25eth0]", "invalid"),
        ("http://users.internal%2e", "invalid"),
    ] {
        for is_deployed in [false, true] {
            let message = url_error(url, is_deployed).unwrap_or_default();
            assert!(
                message.starts_with(&format!("services.users.url: {expected}")),
                "{url}: {message}"
            );
            assert!(!message.contains("hush"), "{message}");
            assert!(message.contains(", expected "), "{message}");
        }
    }
}

#[test]
fn loopback_address_is_refused_when_deployed() {
    for host in [
        "localhost",
        "localhost.",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        let url = format!("http://{host}:8080");
        assert_eq!(url_error(&url, false), None, "{url}");
        assert_eq!(
            url_error(&url, true).unwrap_or_default(),
            "services.users.url: unexpected loopback address, expected the host of a service (`tollgate compose check --local` accepts this machine)",
            "{url}"
        );
    }
}

#[test]
fn metadata_and_link_local_addresses_are_always_refused() {
    for host in [
        "169.254.169.254",
        "169.254.170.2",
        "0.0.0.0",
        "224.0.0.1",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[::]",
    ] {
        for is_deployed in [false, true] {
            let message = url_error(&format!("http://{host}"), is_deployed).unwrap_or_default();
            assert!(
                message.contains("unexpected link-local, multicast or metadata address"),
                "{host}: {message}"
            );
        }
    }
}

#[test]
fn urls_of_services_in_a_vpc_are_accepted() {
    for url in [
        "http://10.0.0.1",
        "https://users.internal",
        "http://internal-alb-1234.eu-central-1.elb.amazonaws.com:8080/",
        "http://[fd12::1]:8080/v1/",
        "http://users.internal./v1/a.b~c",
        "http://svc_1.internal",
    ] {
        assert_eq!(url_error(url, true), None, "{url}");
    }
}

#[test]
fn url_has_no_slash_at_its_end() {
    for (url, expected) in [
        ("http://users.internal/v1/", "http://users.internal/v1"),
        ("http://users.internal/v1", "http://users.internal/v1"),
    ] {
        let text = FULL.replacen("https://users.internal:8080", url, 1);
        let compositions = Compositions::parse(&text, &settings()).unwrap();
        assert_eq!(compositions.services()[1].url.to_string(), expected);
    }
}

#[test]
fn services_outside_the_limits_are_refused() {
    let many: Vec<_> = (0..21)
        .map(|index| format!("\"s{index}\": {{\"url\": \"http://a.example\"}}"))
        .collect();
    assert_refused(&[
        (
            "\"max_concurrent_calls\": 32",
            "\"max_concurrent_calls\": 0",
            "services.default.max_concurrent_calls: 0 is out of range, expected 1 to 1000",
        ),
        (
            "\"max_concurrent_calls\": 32",
            "\"max_concurrent_calls\": 1001",
            "services.default.max_concurrent_calls: 1001 is out of range",
        ),
        (
            "\"users\": { \"url\"",
            "\"us ers\": { \"url\"",
            "services[\"us ers\"]: invalid name of a service",
        ),
        (
            "\"users\": { \"url\"",
            &format!("{}, \"users\": {{ \"url\"", many.join(", ")),
            "services: 23 services are too many, expected at most 20",
        ),
    ]);
}

#[test]
fn unknown_service_is_refused() {
    assert_refused(&[
        (
            "\"service\": \"users\"",
            "\"service\": \"user\"",
            "routes[\"GET /bff/dashboard\"].parts.user.service: unknown service `user`, did you mean `users`?",
        ),
        (
            "\"default\": {",
            "\"backend\": {",
            "routes[\"GET /bff/dashboard\"].parts.orders: there is no service `default`, expected `service`",
        ),
    ]);
}

#[test]
fn default_service_may_come_from_the_settings() {
    let with_default = |url: &str| {
        let settings = Settings {
            default_url: Some(uri(url)),
            ..settings()
        };
        Compositions::parse(ONE_PART, &settings)
    };

    let compositions = with_default("http://internal-alb.example").unwrap();
    let [service] = compositions.services() else {
        panic!("one service")
    };
    assert_eq!(
        (service.name.as_str(), service.max_concurrent_calls),
        ("default", 32)
    );
    assert_eq!(service.url, "http://internal-alb.example");
    assert_eq!(
        with_default("http://127.0.0.1").unwrap_err().to_string(),
        "services.default: BACKEND_URL: unexpected loopback address, expected the host of a service (`tollgate compose check --local` accepts this machine)"
    );
    assert_eq!(
        Compositions::parse(ONE_PART, &settings())
            .unwrap_err()
            .to_string(),
        "routes[\"GET /bff/a\"].parts.a: there is no service `default`, expected `service`, `services.default` in the document, or a URL in the parameter `BackendUrl` (option `--backend` of commands)"
    );
}

#[test]
fn default_of_the_document_replaces_the_one_of_the_settings() {
    // The URL of the settings is then not checked.
    for url in [
        "http://other.example",
        "https://127.0.0.1",
        "https://other.example?a=1",
    ] {
        let settings = Settings {
            default_url: Some(uri(url)),
            ..settings()
        };
        let compositions = Compositions::parse(FULL, &settings).unwrap();
        assert_eq!(compositions.services().len(), 2);
        assert_eq!(
            compositions.services()[0].url,
            "http://internal-alb.example"
        );
    }
}

#[test]
fn local_urls_replace_those_of_all_services() {
    let settings = Settings {
        replaced: Some(ReplacedUrls {
            default: uri("http://127.0.0.1:8080"),
            named: BTreeMap::from([("users".to_owned(), uri("http://127.0.0.1:9000"))]),
        }),
        is_deployed: false,
        ..settings()
    };

    for text in [FULL, ONE_PART] {
        let compositions = Compositions::parse(text, &settings).unwrap();
        for service in compositions.services() {
            let expected = if service.name == "users" { 9000 } else { 8080 };
            assert_eq!(service.url.port_u16(), Some(expected), "{}", service.name);
        }
    }
}
