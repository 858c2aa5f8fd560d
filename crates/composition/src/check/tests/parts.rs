use std::time::Duration;

use super::{FULL, assert_refused, parse};
use crate::model::{Part, PartMethod};

const PARTS: &str = "routes[\"GET /bff/dashboard\"].parts";

fn place(field: &str, problem: &str) -> String {
    format!("{PARTS}{field}: {problem}")
}

/// Returns the error for a route with these parts.
fn parts_error(parts: &str) -> String {
    let text = format!(
        "{{\"services\": {{\"default\": {{\"url\": \"http://a.example\"}}}}, \"routes\": {{\"GET /bff/dashboard\": {{\"parts\": {{{parts}}}}}}}}}"
    );
    parse(&text).expect_err(&text).to_string()
}

#[test]
fn parts_get_their_values_from_the_document() {
    let compositions = parse(FULL).unwrap();
    let route = compositions.find("GET", "/bff/dashboard").unwrap().value;
    let [user, orders, offers] = route.parts.as_slice() else {
        panic!("three parts")
    };

    assert_eq!(
        (user.name.as_str(), user.field.as_str(), user.service),
        ("user", "user", 1)
    );
    assert_eq!(user.timeout, Duration::from_millis(1_500));
    assert_eq!(orders.timeout, Duration::from_millis(2_000));
    assert_eq!(
        orders.fallback.as_ref().unwrap().get(),
        "{\"items\": [], \"total\": 0}"
    );
    assert_eq!(orders.next.as_deref(), Some("/next"));
    assert_eq!(
        (offers.field.as_str(), offers.is_charged, offers.service),
        ("promotions", true, 0)
    );
    assert_eq!(offers.after, [0]);
    assert!(!offers.is_required && !user.is_charged);
    assert_eq!(route.stages, [vec![0, 1], vec![2]]);
    assert_eq!(
        offers.template_text(),
        "/offers/{user#/segment}?lang={header.accept-language}"
    );
    assert_eq!(offers.sample_path(), "/offers/tollgate-sample");
    assert_eq!(route.query_parameters(), ["orders_cursor"]);
}

#[test]
fn post_is_required_by_default() {
    let compositions = parse(FULL).unwrap();
    let route = compositions.find("POST", "/bff/orders/7").unwrap();
    let required: Vec<_> = route
        .value
        .parts
        .iter()
        .map(|part: &Part| (part.method, part.is_required))
        .collect();
    assert_eq!(
        required,
        [(PartMethod::Post, true), (PartMethod::Get, false)]
    );
}

#[test]
fn timeout_of_a_part_is_at_most_that_of_its_route() {
    let text = FULL.replacen("\"timeout_ms\": 4000", "\"timeout_ms\": 900", 1);
    let compositions = parse(&text).unwrap();
    let route = compositions.find("GET", "/bff/dashboard").unwrap().value;
    assert!(
        route
            .parts
            .iter()
            .all(|part| part.timeout == Duration::from_millis(900))
    );
}

#[test]
fn null_is_a_fallback() {
    let text = FULL.replacen("{\"name\": \"User\"}", "null", 1);
    let compositions = parse(&text).unwrap();
    let route = compositions.find("GET", "/bff/dashboard").unwrap().value;
    assert_eq!(route.parts[0].fallback.as_ref().unwrap().get(), "null");
}

#[test]
fn number_of_parts_has_limits() {
    let parts = |count: usize| {
        let parts: Vec<_> = (0..count)
            .map(|index| format!("\"p{index}\": {{\"get\": \"/a\"}}"))
            .collect();
        parts.join(", ")
    };
    for count in [0, 13] {
        assert_eq!(
            parts_error(&parts(count)),
            place("", &format!("{count} parts, expected 1 to 12"))
        );
    }
}

#[test]
fn names_that_clash_are_refused() {
    assert_refused(&[
        (
            "\"as\": \"promotions\"",
            "\"as\": \"user\"",
            &place(
                ".offers.as",
                "`user` is also the name of part `user` in the response, expected another name",
            ),
        ),
        (
            "\"as\": \"promotions\"",
            "\"as\": \"_metadata\"",
            &place(".offers.as", "`_metadata` is reserved"),
        ),
        (
            "\"as\": \"promotions\"",
            "\"as\": \"a.b\"",
            &place(".offers.as", "invalid name of a field"),
        ),
        (
            "\"as\": \"promotions\"",
            "\"as\": \"\"",
            &place(".offers.as", "invalid name of a field"),
        ),
        (
            "\"orders\": {",
            "\"_metadata\": {",
            &place(
                "._metadata",
                "`_metadata` is reserved, expected another name",
            ),
        ),
        (
            "\"orders\": {",
            "\"or.ders\": {",
            &place("[\"or.ders\"]", "invalid name of a part"),
        ),
        (
            "\"orders\": {",
            &format!("\"{}\": {{", "x".repeat(65)),
            &place(&format!(".{}", "x".repeat(65)), "invalid name of a part"),
        ),
    ]);
    assert_eq!(
        parts_error(r#""a": {"get": "/a", "as": "b"}, "b": {"get": "/b"}"#),
        place(
            ".b",
            "`b` is also the name of part `a` in the response, expected another name"
        )
    );
}

#[test]
fn alias_may_take_the_name_of_a_part_with_another_alias() {
    let text = r#"{"services": {"default": {"url": "http://a.example"}}, "routes": {"GET /bff/a": {"parts": {
        "a": {"get": "/a", "as": "b"}, "b": {"get": "/b/{a#/id}", "after": "a", "as": "a"}}}}}"#;
    assert!(parse(text).is_ok());
}

#[test]
fn cycle_is_refused_by_name() {
    for (parts, expected) in [
        (
            r#""user": {"get": "/u", "after": "orders"}, "orders": {"get": "/o", "after": "user"}"#,
            place(
                ".user.after",
                "cycle user → orders → user, expected parts that do not wait for each other",
            ),
        ),
        (
            r#""a": {"get": "/a", "after": "b"}, "b": {"get": "/b", "after": ["x", "c"]}, "c": {"get": "/c", "after": "b"}, "x": {"get": "/x"}"#,
            place(".b.after", "cycle b → c → b, expected"),
        ),
        (
            r#""a": {"get": "/a", "after": "a"}"#,
            place(
                ".a.after",
                "`a` cannot wait for itself, expected another part",
            ),
        ),
    ] {
        let message = parts_error(parts);
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn invalid_dependencies_are_refused() {
    assert_refused(&[
        (
            "[\"user\"]",
            "[\"usr\"]",
            &place(
                ".offers.after[0]",
                "unknown part `usr`, did you mean `user`?",
            ),
        ),
        (
            "[\"user\"]",
            "\"nothing\"",
            &place(
                ".offers.after",
                "unknown part `nothing`, expected one of user, orders",
            ),
        ),
        (
            "[\"user\"]",
            "[\"user\", \"user\"]",
            &place(".offers.after[1]", "duplicate part `user`"),
        ),
        (
            "[\"user\"]",
            "[\"orders\"]",
            &place(
                ".offers.get",
                "`{user#/segment}` needs the response of `user`, expected `\"after\": \"user\"`",
            ),
        ),
        (
            "\"after\": [\"user\"], ",
            "",
            &place(
                ".offers.get",
                "`{user#/segment}` needs the response of `user`",
            ),
        ),
    ]);
}

#[test]
fn fifth_stage_is_refused() {
    let chain = |count: usize| {
        let after = |index: usize| {
            if index == 0 {
                String::new()
            } else {
                format!(", \"after\": \"p{}\"", index - 1)
            }
        };
        let parts: Vec<_> = (0..count)
            .map(|index| format!("\"p{index}\": {{\"get\": \"/a\"{}}}", after(index)))
            .collect();
        parts.join(", ")
    };
    assert_eq!(
        parts_error(&chain(5)),
        place(
            ".p4.after",
            "stage 5 is too late, expected at most 4 stages"
        )
    );
    assert!(parts_error(&format!("{}, \"bad\": {{}}", chain(4))).contains(".parts.bad: "));
}

#[test]
fn invalid_methods_are_refused() {
    let post = "routes[\"POST /bff/orders/{id}\"].parts";
    assert_refused(&[
        (
            "\"get\": \"/users/{user_id}\", ",
            "",
            &place(".user", "missing path, expected `get` or `post`"),
        ),
        (
            "\"get\": \"/users/{user_id}\"",
            "\"get\": \"/a\", \"post\": \"/a\"",
            &place(".user", "unexpected `get` and `post`, expected one of them"),
        ),
        (
            "\"get\": \"/users/{user_id}\"",
            "\"post\": \"/a\"",
            &place(
                ".user.post",
                "unexpected `post` in a GET route, expected `get`",
            ),
        ),
        (
            "\"get\": \"/users/{user_id}\", \"after\": \"order\"",
            "\"post\": \"/a\"",
            &format!(
                "{post}.user.post: part `order` has `post` already, expected at most one such part"
            ),
        ),
        (
            "\"post\": \"/orders/{id}\"",
            "\"post\": \"/orders/{id}\", \"fallback\": {}",
            &format!("{post}.order.fallback: unexpected fallback of a `post`, expected none"),
        ),
        (
            "\"post\": \"/orders/{id}\"",
            "\"post\": \"/orders?c={query.c}\", \"next\": \"/next\"",
            &format!("{post}.order.next: unexpected `next` of a `post`, expected none"),
        ),
        (
            "\"post\": \"/orders/{id}\"",
            "\"post\": \"/orders/{ids}\"",
            &format!("{post}.order.post: unknown parameter `ids`, did you mean `id`?"),
        ),
    ]);
}

#[test]
fn invalid_templates_have_their_place() {
    assert_refused(&[
        (
            "/orders?userId={user_id}",
            "/orders?userId={userId}",
            &place(
                ".orders.get",
                "unknown parameter `userId`, did you mean `user_id`?",
            ),
        ),
        (
            "/users/{user_id}",
            "/users/{user_id+}",
            &place(".user.get", "`{user_id+}` would be more than one segment"),
        ),
        (
            "/users/{user_id}",
            "/users/../admin",
            &place(".user.get", "unexpected segment `..`"),
        ),
    ]);
}

#[test]
fn invalid_settings_of_a_part_are_refused() {
    assert_refused(&[
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": 49",
            &place(
                ".user.timeout_ms",
                "49 is out of range, expected 50 to 6000",
            ),
        ),
        (
            "\"timeout_ms\": 1500",
            "\"timeout_ms\": 6001",
            &place(".user.timeout_ms", "6001 is out of range"),
        ),
        (
            "\"next\": \"/next\"",
            "\"next\": \"\"",
            &place(".orders.next", "invalid JSON pointer"),
        ),
        (
            "\"next\": \"/next\"",
            "\"next\": \"next\"",
            &place(".orders.next", "invalid JSON pointer"),
        ),
        (
            "&cursor={query.orders_cursor}",
            "",
            &place(
                ".orders.next",
                "no query parameter of the client leads to the next page, expected one such as cursor={query.cursor} in `get`",
            ),
        ),
        (
            "{\"name\": \"User\"}",
            "1e999",
            &place(".user.fallback", ""),
        ),
    ]);
}
