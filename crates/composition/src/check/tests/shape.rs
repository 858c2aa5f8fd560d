use super::{assert_refused, error};

#[test]
fn text_that_is_no_json_is_refused() {
    for (text, expected) in [
        ("", "1:1: empty document, expected a JSON object"),
        (" \n", "2:1: empty document, expected a JSON object"),
        (
            "\u{feff}{}",
            "1:1: unexpected byte order mark, expected a JSON object",
        ),
        (
            "\n  // Routes\n{}",
            "2:3: unexpected `/`, expected a JSON object",
        ),
        (
            "routes:\n  GET /bff/a:",
            "1:1: unexpected `r`, expected a JSON object",
        ),
        ("{", "1:1: EOF while parsing an object"),
        ("[]", "1:1: unexpected `[`, expected a JSON object"),
        (
            "{\"routes\": []}",
            "1:11: routes: invalid type: list, expected an object",
        ),
        ("{\"routes\": {}} x", "1:16: trailing characters"),
        ("{}", "1:2: missing field `routes`"),
    ] {
        let message = error(text);
        assert!(message.starts_with(expected), "{text}: {message}");
    }
}

#[test]
fn document_that_is_too_large_is_refused() {
    let text = format!("{{\"routes\": {{}}{}}}", " ".repeat(100_000));
    assert_eq!(
        error(&text),
        "1:1: 100014 bytes are too many, expected at most 100000"
    );
}

#[test]
fn unknown_field_is_refused_with_a_suggestion() {
    for (from, to, expected) in [
        (
            "\"after\": [\"user\"]",
            "\"afer\": [\"user\"]",
            "routes[\"GET /bff/dashboard\"].parts.offers.afer: unknown field `afer`, expected one of `get`, `post`, ",
        ),
        (
            "\"max_concurrent_calls\"",
            "\"max_concurent_calls\"",
            "services.default.max_concurent_calls: unknown field `max_concurent_calls`, expected one of `url`, `max_concurrent_calls`, `proof_of_origin`",
        ),
        (
            "\"partial_status\"",
            "\"partialStatus\"",
            "routes[\"GET /bff/dashboard\"].partialStatus: unknown field `partialStatus`",
        ),
        ("\"routes\"", "\"route\"", "route: unknown field `route`"),
        (
            "\"below\"",
            "\"bellow\"",
            "routes[\"GET /bff/dashboard\"].versions[0].bellow: unknown field `bellow`",
        ),
    ] {
        let message = super::changed(from, to);
        assert!(message.starts_with(expected), "{message}");
        assert!(message.contains(", did you mean `"), "{message}");
    }
}

#[test]
fn duplicate_field_is_refused() {
    assert_refused(&[
        (
            "\"orders\": { \"get\"",
            "\"user\": { \"get\"",
            "routes[\"GET /bff/dashboard\"].parts: duplicate field `user`",
        ),
        (
            "\"POST /bff/orders/{id}\"",
            "\"GET /bff/dashboard\"",
            "routes: duplicate field `GET /bff/dashboard`",
        ),
        (
            "\"users\": { \"url\"",
            "\"default\": { \"url\"",
            "services: duplicate field `default`",
        ),
        (
            "\"charged\": true",
            "\"charged\": true, \"charged\": false",
            "routes[\"GET /bff/dashboard\"].parts.offers: duplicate field `charged`",
        ),
        (
            "{\"orders\": \"data\"}",
            "{\"orders\": \"data\", \"orders\": \"x\"}",
            "routes[\"GET /bff/dashboard\"].versions[0].rename: duplicate field `orders`",
        ),
        (
            "{\"name\": \"User\"}",
            "{\"name\": {\"a\": 1, \"a\": 2}}",
            "routes[\"GET /bff/dashboard\"].parts.user.fallback: duplicate field `a`",
        ),
    ]);
}

#[test]
fn value_of_the_wrong_type_is_refused() {
    let part = "routes[\"GET /bff/dashboard\"].parts";
    assert_refused(&[
        (
            "\"get\": \"/users/{user_id}\"",
            "\"get\": 7",
            &format!("{part}.user.get: invalid type: integer, expected a string"),
        ),
        (
            "\"get\": \"/users/{user_id}\"",
            "\"get\": null",
            &format!("{part}.user.get: invalid type: null, expected a string"),
        ),
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": \"1500\"",
            &format!("{part}.user.timeout_ms: invalid type: string, expected a whole number"),
        ),
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": null",
            &format!("{part}.user.timeout_ms: invalid type: null, expected"),
        ),
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": -1",
            &format!(
                "{part}.user.timeout_ms: invalid value: integer `-1`, expected a whole number"
            ),
        ),
        (
            "\"required\": false",
            "\"required\": \"no\"",
            &format!("{part}.orders.required: invalid type: string, expected a boolean"),
        ),
        (
            "[\"user\"]",
            "7",
            &format!(
                "{part}.offers.after: invalid type: integer, expected a string or a list of strings"
            ),
        ),
        (
            "[\"user\"]",
            "[7]",
            &format!("{part}.offers.after[0]: invalid type: integer, expected a string"),
        ),
        (
            "\"cost\": \"parts\"",
            "\"cost\": \"part\"",
            "routes[\"GET /bff/dashboard\"].cost: unknown value `part`, expected `rule` or `parts`, did you mean `parts`?",
        ),
        (
            "\"cost\": \"parts\"",
            "\"cost\": 3",
            "routes[\"GET /bff/dashboard\"].cost: invalid type: integer, expected `rule` or `parts`",
        ),
        (
            "\"headers\": [\"accept-language\"]",
            "\"headers\": \"accept-language\"",
            "routes[\"GET /bff/dashboard\"].headers: invalid type: string, expected a list",
        ),
    ]);
}
