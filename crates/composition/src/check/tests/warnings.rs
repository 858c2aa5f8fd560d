use super::{FULL, parse};

/// Returns the warnings for the full document with changes.
fn warnings(changes: &[(&str, &str)]) -> Vec<String> {
    let mut text = FULL.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let compositions = parse(&text).unwrap();
    compositions
        .warnings()
        .iter()
        .map(|warning| format!("{}: {warning}", warning.position(&text).unwrap()))
        .collect()
}

#[test]
fn status_206_is_reported_once() {
    for replacement in ["\"partial_status\": 206, ", ""] {
        let text = FULL
            .replace("\"partial_status\": 200, ", replacement)
            .replace(", \"partial_status\": 200", "");
        let compositions = parse(&text).unwrap();
        let warnings: Vec<_> = compositions
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            warnings,
            [
                "routes[\"GET /bff/dashboard\"].partial_status: 206 without Content-Range does not conform to RFC 9110, 200 is recommended"
            ]
        );
    }
}

#[test]
fn route_that_is_never_partial_has_no_warning_about_its_status() {
    let text = r#"{"services": {"default": {"url": "http://a.example"}}, "routes": {"GET /bff/a": {"parts": {"a": {"get": "/a", "required": true}}}}}"#;
    assert_eq!(parse(text).unwrap().warnings(), []);
}

#[test]
fn possible_mistakes_are_reported_with_their_place() {
    let place = "routes[\"GET /bff/dashboard\"].parts";
    for (from, to, expected) in [
        ("\"service\": \"users\", ", "", "3:28: services.users: no part uses this service".to_owned()),
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": 4500",
            format!("6:125: {place}.user.timeout_ms: the timeout of the route, 4000 ms, ends the call earlier"),
        ),
        (
            "\"timeout_ms\": 4000",
            "\"timeout_ms\": 1800",
            "9:59: routes[\"GET /bff/dashboard\"].timeout_ms: the timeout of the route is shorter than the default of its parts, 2000 ms".to_owned(),
        ),
        (
            "\"charged\": true",
            "\"required\": true",
            format!("8:109: {place}.offers.after: the part is required and needs `user`, so the request also fails without `user`"),
        ),
        (
            "users.internal:8080",
            "users.internal:8080/admin/",
            "3:37: services.users.url: the policy decides the paths of parts without `/admin`".to_owned(),
        ),
        (
            "\"required\": false",
            "\"required\": true",
            format!("7:120: {place}.orders.fallback: the part is required, so the fallback is not used"),
        ),
        (
            "\"order\": { \"post\"",
            "\"order\": { \"get\"",
            "12:22: routes[\"POST /bff/orders/{id}\"].parts: no part has `post`, so the body of the client is not used".to_owned(),
        ),
    ] {
        assert_eq!(warnings(&[(from, to)]), [expected]);
    }
}
