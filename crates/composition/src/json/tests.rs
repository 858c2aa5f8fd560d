//! Tests of the check of JSON, and of JSON pointers.

use proptest::prelude::*;

use super::*;
use crate::properties::{Json, json_text};

#[test]
fn valid_json_is_returned_without_the_space_around_it() {
    for (body, json) in [
        ("null", "null"),
        (" \t\r\n{ \"a\" : [ 1 , 2 ] }\n", "{ \"a\" : [ 1 , 2 ] }"),
        ("\"\"", "\"\""),
        ("[]", "[]"),
        ("-0.0e+1", "-0.0e+1"),
        ("1e999", "1e999"),
        (
            "123456789012345678901234567890.10",
            "123456789012345678901234567890.10",
        ),
        (r#""\ud800""#, r#""\ud800""#),
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        (r#"{"":{"":0}}"#, r#"{"":{"":0}}"#),
        (
            "\"\u{7f}\u{2028}\u{fffe}🦀\"",
            "\"\u{7f}\u{2028}\u{fffe}🦀\"",
        ),
    ] {
        assert_eq!(check_json(body.as_bytes()), Ok(json), "{body:?}");
    }
}

#[test]
fn anything_but_one_json_value_in_utf8_is_invalid() {
    for body in [
        &b""[..],
        b" \n",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\0}\0",
        b"{\"a\":\"\xff\"}",
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\xaf\"",
        b"<html></html>",
        b"{} {}",
        b"[1,]",
        b"[,1]",
        b"{\"a\":1,}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\" 1}",
        b"{\"a\":}",
        b"{1:1}",
        b"[1 2]",
        b"[1}",
        b"{\"a\":1]",
        b"[",
        b"]",
        b"\"",
        b"\"\\\"",
        b"\"\\x41\"",
        b"\"\\u12g4\"",
        b"\"a\nb\"",
        b"\"\0\"",
        b"01",
        b"-",
        b"+1",
        b".5",
        b"1.",
        b"1e",
        b"0x10",
        b"NaN",
        b"Infinity",
        b"True",
        b"nul",
        b"undefined",
        b"/* a */ 1",
        b"1 // a",
        b"\x0c1",
        "\u{a0}1".as_bytes(),
        b"1\0",
        b")]}',\n{}",
        b"{\"a\":1}\x1a",
    ] {
        assert_eq!(
            check_json(body),
            Err(Missing::InvalidResponse),
            "{}",
            body.escape_ascii()
        );
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |open: &str, close: &str, levels: usize| {
        [open.repeat(levels), "1".to_owned(), close.repeat(levels)].concat()
    };

    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\\\"[\":", "}]")] {
        let per_piece = open.matches(['[', '{']).count() - open.matches("\"[").count();
        let deepest = MAX_JSON_DEPTH / per_piece;

        assert!(
            check_json(nested(open, close, deepest).as_bytes()).is_ok(),
            "{open}"
        );
        let deeper = nested(open, close, deepest + 1);
        assert_eq!(
            check_json(deeper.as_bytes()),
            Err(Missing::InvalidResponse),
            "{open}"
        );
    }
}

#[test]
fn brackets_in_strings_and_siblings_are_not_nesting() {
    let in_string = format!("{{\"a\":\"{}\\\\\"}}", "[{\\\"".repeat(200));
    assert!(check_json(in_string.as_bytes()).is_ok());

    let siblings = format!("[{}1]", "{},[],".repeat(500));
    assert!(check_json(siblings.as_bytes()).is_ok());
}

#[test]
fn two_megabytes_of_brackets_are_refused_without_recursion() {
    for body in [
        "[".repeat(2_000_000),
        "[".repeat(1_000_000) + &"]".repeat(1_000_000),
    ] {
        assert_eq!(check_json(body.as_bytes()), Err(Missing::InvalidResponse));
    }
}

#[test]
fn a_scalar_is_returned_as_text() {
    let json = r#" {
        "name": "Ada \"L\" \u00e9", "plain": "Ada", "age": 36.50, "huge": 1e999, "big": 12345678901234567890123,
        "active": true, "none": null, "empty": "", "list": [[1, "two"], {"a/b": {"m~n": 3, "~1": 4}}],
        "": {"": "deep"}, "\u0061b": "escaped", "twice": 1, "twice": 2
    } "#;

    for (pointer, expected) in [
        ("/name", Some("Ada \"L\" é")),
        ("/plain", Some("Ada")),
        ("/age", Some("36.50")),
        ("/huge", Some("1e999")),
        ("/big", Some("12345678901234567890123")),
        ("/active", Some("true")),
        ("/empty", Some("")),
        ("/list/0/1", Some("two")),
        ("/list/1/a~1b/m~0n", Some("3")),
        ("/list/1/a~1b/~01", Some("4")),
        ("//", Some("deep")),
        ("/ab", Some("escaped")),
        ("/twice", Some("2")),
        ("", None),
        ("/none", None),
        ("/list", None),
        ("/list/1", None),
        ("/list/2", None),
        ("/list/00", None),
        ("/list/-", None),
        ("/list/+0", None),
        ("/list/", None),
        ("/list/99999999999999999999999", None),
        ("/name/0", None),
        ("/Name", None),
        ("name", None),
    ] {
        assert_eq!(scalar(json, pointer).as_deref(), expected, "{pointer}");
    }

    assert_eq!(scalar(" 5 ", "").as_deref(), Some("5"));
    assert_eq!(scalar(r#""\ud800""#, ""), None);
}

#[test]
fn a_replaced_string_changes_no_other_text() {
    let json = "{ \"a\":\t[1, {\"next\" : \"x\\u0041\"}],\"next\":{\"next\":null} }\n";

    assert_eq!(
        replace_values(json, "/a/1/next", Some("/b?c=\"d\"")),
        "{ \"a\":\t[1, {\"next\" : \"/b?c=\\\"d\\\"\"}],\"next\":{\"next\":null} }\n",
    );
    assert_eq!(
        replace_values(json, "/a/1/next", None),
        "{ \"a\":\t[1, {\"next\" : null}],\"next\":{\"next\":null} }\n",
    );
    assert_eq!(replace_values("\"a\"", "", None), "null");
}

#[test]
fn values_that_are_no_strings_become_null() {
    let json = r#"{"a":1,"b":null,"c":{"d":"e"},"f":["g"]}"#;

    for (pointer, replaced) in [
        ("/a", r#"{"a":null,"b":null,"c":{"d":"e"},"f":["g"]}"#),
        ("/c", r#"{"a":1,"b":null,"c":null,"f":["g"]}"#),
        ("/f", r#"{"a":1,"b":null,"c":{"d":"e"},"f":null}"#),
        ("", "null"),
    ] {
        assert_eq!(
            replace_values(json, pointer, Some("x")),
            replaced,
            "{pointer}"
        );
    }
    for pointer in ["/b", "/none", "c/d"] {
        assert_eq!(replace_values(json, pointer, Some("x")), json, "{pointer}");
    }
}

#[test]
fn the_last_of_several_fields_with_one_name_has_the_value() {
    let json = r#"{"a":{"b":"1","c":"2","\u0062":"\ud800"},"a":{"b":3},"a":{"b":"4"}}"#;

    assert_eq!(
        replace_values(json, "/a/b", Some("x")),
        r#"{"a":{"b":null,"c":"2","\u0062":null},"a":{"b":null},"a":{"b":"x"}}"#,
    );

    let many = format!("{{{}\"next\":\"\"}}", "\"next\":\"\",".repeat(1_000));
    let replaced = replace_values(&many, "/next", Some(&"x".repeat(1_000)));
    assert!(replaced.len() < many.len() + 4_000);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_never_a_panic(body in any::<Vec<u8>>(), pointer in "(/[a~01]{0,3}){0,4}") {
        if let Ok(json) = check_json(&body) {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
        }
        let text = String::from_utf8_lossy(&body);
        let _ = scalar(&text, &pointer);
        let _ = replace_values(&text, &pointer, None);
    }

    /// Compares the check with a parser that counts levels in another way.
    #[test]
    fn the_depth_is_that_of_the_parsed_value(json in json_like(), levels in 0_usize..6) {
        // Numbers that overflow and unpaired surrogates have no value, but are valid text.
        if serde_json::from_str::<serde_json::Value>(&json).is_ok() {
            prop_assert_eq!(check_json(json.as_bytes()), Ok(json.trim_ascii()));
            prop_assert_eq!(is_deeper_than(&json, levels), Json::parse(&json).depth() > levels);
        }
    }
}

/// Returns text that is often JSON, or differs from JSON in one character.
fn json_like() -> impl Strategy<Value = String> {
    let pieces = "[\\[\\]{}\",:a1\\\\ .eE+-]{0,40}";
    let json = json_text();
    let changed = (
        json.clone(),
        any::<prop::sample::Index>(),
        "[ -~\u{0}\u{1f}\u{7f}é]?",
    )
        .prop_map(|(json, index, piece)| {
            let mut characters: Vec<char> = json.chars().collect();
            let index = index.index(characters.len());
            characters.splice(index..=index, piece.chars());
            characters.into_iter().collect()
        });

    prop_oneof![1 => pieces, 1 => json, 3 => changed]
}
