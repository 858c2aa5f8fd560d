//! Tests of links to the next page.

use proptest::prelude::*;

use super::*;

const PARAMETERS: &[(&str, &str)] = &[("cursor", "orders_cursor"), ("page", "orders_page")];

fn rewritten(link: &str, client_query: &str) -> Option<String> {
    rewritten_with(PARAMETERS, link, client_query)
}

fn rewritten_with(
    parameters: &[(&'static str, &'static str)],
    link: &str,
    client_query: &str,
) -> Option<String> {
    let parameters = parameters
        .iter()
        .map(|&(own, name)| (Cow::Borrowed(own), name));
    rewrite(link, parameters, client_query)
}

#[test]
fn the_value_of_the_link_becomes_the_parameter_of_the_client() {
    for link in [
        "http://orders.internal:8080/orders?userId=7&cursor=b2",
        "https://user:password@orders.internal/orders?cursor=b2",
        "/orders?cursor=b2&limit=5",
        "orders?cursor=b2#top",
        "//orders.internal/orders?cursor=b2",
        "?cursor=b2",
        "?cursor=b2&cursor=c3",
        "?%63ursor=b%32",
    ] {
        let expected = Some("?orders_cursor=b2".to_owned());
        assert_eq!(rewritten(link, ""), expected, "{link}");
    }
}

#[test]
fn other_parameters_of_the_client_are_unchanged() {
    assert_eq!(
        rewritten(
            "?cursor=c",
            "fields=orders(a%2Cb)&orders_cursor=b&&x=1&orders%5Fcursor=a&x"
        )
        .as_deref(),
        Some("?fields=orders(a%2Cb)&x=1&x&orders_cursor=c"),
    );
}

#[test]
fn parameters_that_the_link_lacks_are_removed() {
    assert_eq!(
        rewritten("?cursor=c", "orders_page=2&a=1").as_deref(),
        Some("?a=1&orders_cursor=c"),
    );
    assert_eq!(
        rewritten("?page=3&cursor=c", "").as_deref(),
        Some("?orders_cursor=c&orders_page=3"),
    );
}

#[test]
fn one_parameter_of_the_client_is_sent_once() {
    let parameters = &[("from", "at"), ("since", "at")];

    for (link, expected) in [("?since=2", "?at=2"), ("?since=2&from=3", "?at=3")] {
        assert_eq!(
            rewritten_with(parameters, link, "at=1").as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn the_link_of_a_part_leads_to_the_composition() {
    let composition = r#"{ "services": { "default": { "url": "http://orders.internal" } },
        "routes": { "GET /bff/orders": { "parts": { "orders": { "next": "/page/next",
            "get": "/orders?page%20cursor={query.cursor}&plain=x&of={user_id}&q=a{query.q}" } } } } }"#;
    let settings = crate::Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: None,
        replaced: None,
        is_deployed: true,
    };
    let compositions = crate::Compositions::parse(composition, &settings).unwrap();
    let part = &compositions.routes().next().unwrap().parts[0];

    for (next, expected) in [
        (
            r#""/orders?page+cursor=2&plain=y&of=7&q=ab""#,
            r#""?q=b&cursor=2""#,
        ),
        (r#""/orders?plain=y&of=7&q=ab""#, "null"),
        (r#""http://orders.internal/\ud800?page+cursor=2""#, "null"),
        (r#""""#, "null"),
        ("null", "null"),
        ("7", "null"),
        (
            r#"{"href":"http://orders.internal/?page+cursor=2"}"#,
            "null",
        ),
        (r#"["http://orders.internal/?page+cursor=2"]"#, "null"),
    ] {
        let json = |next| format!(r#"{{"items":[1.0],"page":{{"next":{next}}}}}"#);
        let found = with_next_link(&json(next), part, "q=b").into_owned();
        assert_eq!(found, json(expected), "{next}");
    }
}

#[test]
fn a_link_without_the_parameters_is_not_rewritten() {
    for link in [
        "",
        "http://orders.internal/orders",
        "/orders?limit=5",
        "/orders#?cursor=b",
        "/orders?Cursor=b",
        "/orders?cursor2=b",
        "/orders?cursor=%ff",
        "/cursor=b",
    ] {
        assert_eq!(rewritten(link, "orders_cursor=a"), None, "{link}");
    }
    assert_eq!(
        rewritten(&format!("?cursor={}", "b".repeat(MAX_LINK_BYTES)), ""),
        None
    );
}

#[test]
fn values_are_encoded() {
    assert_eq!(
        rewritten("?cursor=a%26admin=1%23&page=a+b%2B\"é", "").as_deref(),
        Some("?orders_cursor=a%26admin%3D1%23&orders_page=a%20b%2B%22%C3%A9"),
    );
}

proptest! {
    #[test]
    fn the_client_sends_the_value_that_the_service_gave(value in any::<String>(), query in "[a-z=&%+]{0,20}") {
        let link = format!("http://a/?cursor={}", utf8_percent_encode(&value, ENCODED));

        let next = rewritten(&link, &query).unwrap();
        let (path, query) = next.split_once('?').unwrap();
        prop_assert_eq!(path, "");
        let sent = value_of(query, "orders_cursor").unwrap();
        prop_assert_eq!(sent, value);
    }

    #[test]
    fn no_link_leads_to_another_place(link in any::<String>(), query in "[ -~]{0,20}") {
        if let Some(next) = rewritten(&link, &query) {
            prop_assert!(next.starts_with("?"));
        }
    }
}
