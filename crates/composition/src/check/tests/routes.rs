use super::{FULL, assert_refused, changed, parse, settings};
use crate::compositions::{Compositions, Settings};

const ROUTE: &str = "routes[\"GET /bff/dashboard\"]";

fn key_error(key: &str) -> Option<String> {
    let text = FULL.replacen("GET /bff/dashboard", key, 1);
    parse(&text).err().map(|error| error.message().to_owned())
}

#[test]
fn route_that_the_stack_does_not_reach_is_refused() {
    for (key, expected) in [
        (
            "GET /bff",
            "unexpected path `/bff`, expected one below a prefix such as `/bff`",
        ),
        ("GET /bff/", "unexpected path `/bff/`"),
        ("GET /", "unexpected path `/`"),
        ("GET /other", "unexpected path `/other`"),
        ("GET /bffx/a", "unexpected path `/bffx/a`"),
        ("GET /BFF/a", "unexpected path `/BFF/a`"),
        ("GET /{x}/a", "unexpected path `/{x}/a`"),
        (
            "ANY /bff/a",
            "unexpected method `ANY`, expected GET or POST",
        ),
        (
            "HEAD /bff/a",
            "unexpected method `HEAD`, expected GET or POST",
        ),
        (
            "PUT /bff/a",
            "unexpected method `PUT`, expected GET or POST",
        ),
        (
            "get /bff/a",
            "unexpected method `get`, expected GET or POST",
        ),
        ("/bff/a", "`/bff/a` is not a route key"),
        ("GET /bff/a?b=c", "invalid segment `a?b=c`"),
        ("GET /bff//a", "invalid segment ``"),
        ("GET /bff/../a", "invalid segment `..`"),
        ("GET /bff/*", "`*` in segment `*` is not a wildcard"),
        ("GET /bff/:id", "segment `:id` is not a variable"),
        (
            "GET /bff/a;b",
            "the path contains `;`, so the authorizer refuses",
        ),
        ("GET /bff/a..b", "the path contains `..`"),
        ("GET /bff/{a}/{a}", "duplicate variable `a`"),
    ] {
        let message = key_error(key).unwrap_or_default();
        assert!(message.starts_with(expected), "{key}: {message}");
    }
}

#[test]
fn routes_below_the_prefix_are_accepted() {
    for key in [
        "GET /bff/a",
        "GET /bff/a/",
        "GET /bff/{a}/b",
        "GET /bff/{rest+}",
        "GET /bff/a.b~c",
    ] {
        assert_eq!(key_error(key), None, "{key}");
    }
}

#[test]
fn empty_prefix_accepts_any_first_segment() {
    let text = r#"{"services": {"default": {"url": "http://a.example"}}, "routes": {"GET PATH": {"parts": {"a": {"get": "/a"}}}}}"#;
    let settings = Settings {
        prefix: "",
        ..settings()
    };
    for (path, is_valid) in [
        ("/api/a", true),
        ("/bff/a/b", true),
        ("/a", false),
        ("/a/", false),
        ("/", false),
    ] {
        let parsed = Compositions::parse(&text.replace("PATH", path), &settings);
        assert_eq!(parsed.is_ok(), is_valid, "{path}");
    }
}

#[test]
fn invalid_prefix_is_refused() {
    for prefix in [
        "bff", "/", "/bff/", "/a//b", "/a/../b", "/{x}", "/a b", "/a%20",
    ] {
        let settings = Settings {
            prefix,
            ..settings()
        };
        let error = Compositions::parse(FULL, &settings)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            format!("invalid prefix `{prefix}`, expected a path such as /bff")
        );
    }
}

#[test]
fn variable_may_not_be_mistaken_for_a_verified_value() {
    for name in [
        "user_id",
        "issuer",
        "email",
        "key_id",
        "plan",
        "client_ip",
        "request_id",
        "roles",
        "scopes",
    ] {
        assert_eq!(
            key_error(&format!("GET /bff/{{{name}}}")),
            Some(format!(
                "variable `{{{name}}}` has the name of a field of the authorizer's context, expected another name"
            ))
        );
    }
    assert_eq!(
        key_error("GET /bff/{query.x}"),
        Some(
            "invalid variable `{query.x}`, expected 1 to 64 letters, digits, `_` and `-`"
                .to_owned()
        )
    );
}

#[test]
fn variable_with_several_segments_may_not_be_in_a_path() {
    assert_refused(&[(
        "\"POST /bff/orders/{id}\"",
        "\"POST /bff/orders/{id+}\"",
        "routes[\"POST /bff/orders/{id+}\"].parts.order.post: `{id}` may have several segments, expected it in the query",
    )]);
}

#[test]
fn routes_for_the_same_requests_are_refused() {
    assert_refused(&[(
        "\"POST /bff/orders/{id}\": {",
        "\"POST /bff/orders/{other}\": {\"parts\": {\"a\": {\"get\": \"/a\"}}}, \"POST /bff/orders/{id}\": {",
        "routes[\"POST /bff/orders/{id}\"]: `POST /bff/orders/{id}` matches the same requests as `POST /bff/orders/{other}`",
    )]);
}

#[test]
fn number_of_routes_has_limits() {
    let document = |count: usize| {
        let routes: Vec<_> = (0..count)
            .map(|index| {
                format!("\"GET /bff/r{index}\": {{\"parts\": {{\"a\": {{\"get\": \"/a\"}}}}}}")
            })
            .collect();
        format!(
            "{{\"services\": {{\"default\": {{\"url\": \"http://a.example\"}}}}, \"routes\": {{{}}}}}",
            routes.join(", ")
        )
    };

    assert_eq!(parse(&document(50)).unwrap().routes().count(), 50);
    for count in [0, 51] {
        assert_eq!(
            parse(&document(count)).unwrap_err().to_string(),
            format!("routes: {count} routes, expected 1 to 50")
        );
    }
}

#[test]
fn settings_of_a_route_outside_the_limits_are_refused() {
    let place = |field: &str, problem: &str| format!("{ROUTE}.{field}: {problem}");
    assert_refused(&[
        (
            "\"timeout_ms\": 4000",
            "\"timeout_ms\": 49",
            &place("timeout_ms", "49 is out of range, expected 50 to 20000"),
        ),
        (
            "\"timeout_ms\": 4000",
            "\"timeout_ms\": 20001",
            &place("timeout_ms", "20001 is out of range"),
        ),
        (
            "\"partial_status\": 200",
            "\"partial_status\": 207",
            &place(
                "partial_status",
                "unexpected status 207, expected 200 or 206",
            ),
        ),
        (
            "\"fields_parameter\": \"fields\"",
            "\"fields_parameter\": \"\"",
            &place("fields_parameter", "invalid name of a query parameter"),
        ),
        (
            "\"fields_parameter\": \"fields\"",
            "\"fields_parameter\": \"a&b\"",
            &place("fields_parameter", "invalid name of a query parameter"),
        ),
        (
            "\"fields_parameter\": \"fields\"",
            "\"fields_parameter\": \"orders_cursor\"",
            &place(
                "parts.orders.get",
                "`{query.orders_cursor}` is also the fields_parameter of the route",
            ),
        ),
    ]);
}

#[test]
fn header_with_a_meaning_of_its_own_is_refused() {
    for name in [
        "Authorization",
        "cookie",
        "X-Api-Key",
        "x_api_key",
        "host",
        "connection",
        "te",
        "transfer-encoding",
        "proxy-authorization",
        "content-length",
        "Content-Type",
        "x-tollgate-user-id",
        "X_Tollgate_User_Id",
        "x-tollgate-origin",
        "x-forwarded-for",
        "forwarded",
        "x-origin-verify",
        "x-http-method-override",
        "x-original-url",
        "accept",
        "accept-encoding",
        "expect",
        "traceparent",
        "x-request-id",
        "if-none-match",
        "range",
        "x-amzn-trace-id",
        "x~tollgate~user",
        "x.forwarded.for",
        "x-forwarded.for",
        "x.api.key",
        "x-authorization",
        "X-Auth-Token",
        "remote-user",
        "ssl-client-cert",
        "x-consumer-id",
        "x-envoy-original-path",
        "x-goog-iap-jwt-assertion",
        "fastly-client-ip",
        "_method",
        "b3",
        "x-b3-traceid",
    ] {
        let message = changed(
            "\"headers\": [\"accept-language\"]",
            &format!("\"headers\": [\"{name}\"]"),
        );
        let expected = format!(
            "{ROUTE}.headers[0]: header `{}` is not allowed, expected one",
            name.to_lowercase()
        );
        assert!(message.starts_with(&expected), "{message}");

        let message = changed(
            "\"header\": \"x-app-version\"",
            &format!("\"header\": \"{name}\""),
        );
        assert!(
            message.starts_with(&format!("{ROUTE}.versions[0].header: header `")),
            "{message}"
        );
    }
}

#[test]
fn other_headers_are_allowed() {
    for name in [
        "x-b3",
        "x-author",
        "x-methods",
        "x-b4-a",
        "accept-charset",
        "x-locale",
    ] {
        let text = FULL.replace("accept-language", name);
        assert!(parse(&text).is_ok(), "{name}");
    }
}

#[test]
fn invalid_lists_of_headers_are_refused() {
    let many: Vec<_> = (0..21).map(|index| format!("\"x-{index}\"")).collect();
    let headers = "\"headers\": [\"accept-language\"]";
    assert_refused(&[
        (
            headers,
            "\"headers\": [\"a b\"]",
            &format!("{ROUTE}.headers[0]: invalid name of a header"),
        ),
        (
            headers,
            "\"headers\": [\"\"]",
            &format!("{ROUTE}.headers[0]: invalid name of a header"),
        ),
        (
            headers,
            "\"headers\": [\"x-a\", \"X-A\"]",
            &format!("{ROUTE}.headers[1]: duplicate header `x-a`"),
        ),
        (
            headers,
            &format!("\"headers\": [{}]", many.join(", ")),
            &format!("{ROUTE}.headers: 21 headers are too many, expected at most 20"),
        ),
        (
            headers,
            "\"headers\": []",
            &format!(
                "{ROUTE}.parts.offers.get: header `accept-language` is not passed on, expected one of the route's `headers`"
            ),
        ),
    ]);
}

#[test]
fn key_header_of_the_stack_is_refused() {
    let settings = Settings {
        key_header: "X-Access-Key",
        ..settings()
    };
    let text = FULL.replacen(
        "[\"accept-language\"]",
        "[\"accept-language\", \"x-access-key\"]",
        1,
    );
    let error = Compositions::parse(&text, &settings)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!(
            "{ROUTE}.headers[1]: header `x-access-key` is not allowed"
        )),
        "{error}"
    );
}

#[test]
fn content_header_is_refused_with_the_reason() {
    for name in ["content-type", "Content-Length", "content_language"] {
        let message = changed(
            "\"headers\": [\"accept-language\"]",
            &format!("\"headers\": [\"{name}\"]"),
        );
        let expected = format!(
            "{ROUTE}.headers[0]: header `{}` is not allowed, expected one that does not describe a body (`post` parts always receive `content-type`)",
            name.to_lowercase()
        );
        assert_eq!(message, expected);
    }
}
