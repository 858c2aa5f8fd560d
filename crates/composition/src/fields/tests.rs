//! Tests of the grammar of `fields`.

use super::*;

fn printed(text: &str) -> String {
    FieldSelection::parse(text).unwrap().to_string()
}

fn error(text: &str) -> String {
    FieldSelection::parse(text).unwrap_err().to_string()
}

#[test]
fn selections_are_printed_in_their_shortest_form() {
    for (text, expected) in [
        ("user", "user"),
        (
            "user(name,email),orders.items(id,total)",
            "orders(items(id,total)),user(email,name)",
        ),
        ("a.b,a.c", "a(b,c)"),
        ("a(b(c)),a.b.d", "a(b(c,d))"),
        ("a,a(b)", "a"),
        ("a(b),a", "a"),
        ("a.b.c,a(b)", "a(b)"),
        ("a,a", "a"),
        (
            "größe,x-y_z,$ref,\"q\",a/b,🦀",
            "\"q\",$ref,a/b,größe,x-y_z,🦀",
        ),
    ] {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn a_selection_names_fields_at_the_top() {
    let selection = FieldSelection::parse("user(name),orders.items").unwrap();

    assert!(selection.selects("user"));
    assert!(selection.selects("orders"));
    assert!(!selection.selects("name"));
    assert!(!selection.selects("items"));
}

#[test]
fn errors_name_the_position_and_what_is_expected() {
    for (text, expected) in [
        ("", "position 1: unexpected end, expected a field name"),
        (",a", "position 1: unexpected `,`, expected a field name"),
        ("a,", "position 3: unexpected end, expected a field name"),
        ("a,,b", "position 3: unexpected `,`, expected a field name"),
        ("a()", "position 3: unexpected `)`, expected a field name"),
        ("a(b", "position 4: unexpected end, expected `,` or `)`"),
        (
            "a(b)c",
            "position 5: unexpected `c`, expected `,` or the end",
        ),
        ("a)", "position 2: unexpected `)`, expected `,` or the end"),
        (
            "a(b)).c",
            "position 5: unexpected `)`, expected `,` or the end",
        ),
        (
            "a(b).c",
            "position 5: unexpected `.`, expected `,` or the end",
        ),
        ("a.", "position 3: unexpected end, expected a field name"),
        (".a", "position 1: unexpected `.`, expected a field name"),
        ("a..b", "position 3: unexpected `.`, expected a field name"),
        ("a.(b)", "position 3: unexpected `(`, expected a field name"),
        ("(a)", "position 1: unexpected `(`, expected a field name"),
        (
            "user(name, email)",
            "position 11: unexpected space, expected a field name",
        ),
        (
            "user name",
            "position 5: unexpected space, expected `,` or the end",
        ),
        (
            "größe\u{0}",
            "position 6: unexpected space, expected `,` or the end",
        ),
        (
            "größe\u{2028}",
            "position 6: unexpected space, expected `,` or the end",
        ),
    ] {
        assert_eq!(error(text), expected, "{text:?}");
    }
}

#[test]
fn selections_are_limited() {
    let name = "a".repeat(MAX_FIELDS_BYTES);
    assert_eq!(printed(&name), name);
    assert_eq!(
        error(&format!("{name}a")),
        "2001 bytes, expected at most 2000"
    );

    let names = |count: usize| vec!["a"; count].join(",");
    assert_eq!(printed(&names(MAX_FIELDS_NAMES)), "a");
    assert_eq!(
        error(&names(MAX_FIELDS_NAMES + 1)),
        "position 401: too many names, expected at most 200"
    );

    assert_eq!(printed("a.b.c.d.e.f.g.h"), "a(b(c(d(e(f(g(h)))))))");
    assert_eq!(
        error("a.b.c.d.e.f.g.h.i"),
        "position 17: field too deep, expected at most 8 levels"
    );
    assert_eq!(
        error("a(b(c(d(e(f(g(h(i))))))))"),
        "position 17: field too deep, expected at most 8 levels"
    );
}

#[test]
fn errors_do_not_repeat_names_of_the_client() {
    assert!(!error("secret=1 x").contains("secret"));
    assert!(!error("secret(").contains("secret"));
}
