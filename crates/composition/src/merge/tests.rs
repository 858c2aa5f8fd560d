//! Tests of the merged response.

use semver::Version;

use super::*;
use crate::Change;
use crate::json_reader::SCANNED_BYTES;

fn rendered(parts: &[(&str, &str)], missing: &[MissingPart<'_>], fields: Option<&str>) -> String {
    let answer = Answer {
        parts: parts.to_vec(),
        missing: missing.to_vec(),
    };
    let selection = fields.map(|fields| FieldSelection::parse(fields).unwrap());

    String::from_utf8(render(&answer, &[], selection.as_ref())).unwrap()
}

fn missing(name: &str, missing: Missing, has_fallback: bool) -> MissingPart<'_> {
    MissingPart {
        name,
        missing,
        has_fallback,
    }
}

fn shape(changes: impl Into<Vec<Change>>) -> VersionShape {
    VersionShape {
        header: http::HeaderName::from_static("x-app-version"),
        from: None,
        below: Some(Version::new(2, 0, 0)),
        changes: changes.into(),
    }
}

#[test]
fn the_text_of_parts_is_unchanged() {
    let user = "{ \"z\" : 1.50,\t\"a\":1e999, \"n\\u0061me\": \"\\ud800\\/\", \"a\": 12345678901234567890 }";

    assert_eq!(
        rendered(
            &[("user", user), ("orders", "[1,\n2]"), ("empty", "null")],
            &[],
            None
        ),
        format!("{{\"user\":{user},\"orders\":[1,\n2],\"empty\":null}}"),
    );
}

#[test]
fn a_response_without_parts_is_an_empty_object() {
    assert_eq!(rendered(&[], &[], None), "{}");
}

#[test]
fn names_of_parts_are_escaped() {
    assert_eq!(rendered(&[("a\"\\\n", "1")], &[], None), r#"{"a\"\\\n":1}"#);
}

#[test]
fn missing_parts_are_listed_last() {
    let missing = [
        missing("orders", Missing::Timeout, true),
        missing("offers", Missing::Status(503), false),
    ];

    assert_eq!(
        rendered(&[("user", "{}"), ("orders", "[]")], &missing, None),
        concat!(
            r#"{"user":{},"orders":[],"_metadata":{"missing":["#,
            r#"{"part":"orders","reason":"timeout","fallback":true},"#,
            r#"{"part":"offers","reason":"status","fallback":false,"status":503}]}}"#,
        ),
    );
    assert_eq!(
        rendered(&[], &missing[..1], None),
        r#"{"_metadata":{"missing":[{"part":"orders","reason":"timeout","fallback":true}]}}"#,
    );
}

#[test]
fn neither_fields_nor_versions_change_the_metadata() {
    let answer = Answer {
        parts: vec![("orders", r#"{"_metadata":1,"items":[]}"#)],
        missing: vec![missing("orders", Missing::CircuitOpen, true)],
    };
    let metadata =
        r#""_metadata":{"missing":[{"part":"orders","reason":"circuit_open","fallback":true}]}"#;
    let path = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    let changes = shape([
        Change::Drop {
            path: path(&["_metadata"]),
        },
        Change::Drop {
            path: path(&["orders", "_metadata"]),
        },
        Change::Rename {
            path: path(&["_metadata", "missing"]),
            name: "gone".to_owned(),
        },
    ]);
    let selection = FieldSelection::parse("orders").unwrap();

    let body = render(&answer, &[&changes], Some(&selection));
    assert_eq!(
        String::from_utf8(body).unwrap(),
        format!("{{\"orders\":{{\"items\":[]}},{metadata}}}")
    );
}

#[test]
fn versions_apply_in_order_and_before_the_selection() {
    let answer = Answer {
        parts: vec![("orders", r#"{"items":[1]}"#)],
        missing: Vec::new(),
    };
    let rename = |from: &str, to: &str| Change::Rename {
        path: vec![from.to_owned()],
        name: to.to_owned(),
    };
    let (first, second) = (
        shape([rename("orders", "data")]),
        shape([rename("data", "list")]),
    );
    let select = |fields: &str| FieldSelection::parse(fields).unwrap();

    assert_eq!(
        render(&answer, &[&first, &second], Some(&select("list"))),
        br#"{"list":{"items":[1]}}"#
    );
    assert_eq!(
        render(&answer, &[&second, &first], Some(&select("data"))),
        br#"{"data":{"items":[1]}}"#
    );
    assert_eq!(render(&answer, &[&first], Some(&select("orders"))), b"{}");
}

#[test]
fn the_selected_fields_are_kept_in_their_order() {
    let user = r#"{"name":"Ada","age":36,"address":{"city":"London","zip":"W1"},"email":null}"#;
    let orders =
        r#"{"items":[{"id":1,"total":2},{"total":3},null,4,[{"id":5,"x":6}],"s"],"count":2}"#;

    for (fields, expected) in [
        (
            "user(email,name)",
            r#"{"user":{"name":"Ada","email":null}}"#,
        ),
        (
            "user.address.city",
            r#"{"user":{"address":{"city":"London"}}}"#,
        ),
        (
            "user.address(city),user.age",
            r#"{"user":{"age":36,"address":{"city":"London"}}}"#,
        ),
        (
            "user(name(first),email(host))",
            r#"{"user":{"email":null}}"#,
        ),
        ("user.none", r#"{"user":{}}"#),
        (
            "orders.items.id",
            r#"{"orders":{"items":[{"id":1},{},null,[{"id":5}]]}}"#,
        ),
        (
            "orders(count,items(total))",
            r#"{"orders":{"items":[{"total":2},{"total":3},null,[{}]],"count":2}}"#,
        ),
    ] {
        let parts = [("user", user), ("orders", orders)];
        assert_eq!(rendered(&parts, &[], Some(fields)), expected, "{fields}");
    }
}

#[test]
fn the_whole_of_a_field_is_unchanged_text() {
    let user = "{ \"address\" : { \"city\": 1.0 , \"city\": 2 } , \"age\": 36 }";

    assert_eq!(
        rendered(
            &[("user", user)],
            &[],
            Some("user.address,user(address(city))")
        ),
        "{\"user\":{\"address\":{ \"city\": 1.0 , \"city\": 2 }}}",
    );
}

#[test]
fn parts_that_are_not_objects_have_no_fields() {
    let parts = [
        ("a", "1"),
        ("b", "\"x\""),
        ("c", "null"),
        ("d", "[]"),
        ("e", "[1,null]"),
        ("f", " {\"x\":1} "),
    ];

    assert_eq!(
        rendered(&parts, &[], Some("a.x,b.x,c.x,d.x,e.x,f.x")),
        r#"{"c":null,"d":[],"e":[null],"f":{"x":1}}"#,
    );
}

#[test]
fn the_last_of_several_fields_with_one_name_is_kept() {
    let user = r#"{"name":"a","n\u0061me":"b","age":1,"name":"c","\ud800":1,"\ud800":2}"#;
    assert_eq!(
        rendered(&[("user", user)], &[], Some("user(name,age)")),
        r#"{"user":{"age":1,"name":"c"}}"#
    );

    let many: String = (0..100)
        .map(|index| format!("\"f{}\":{index},", index % 60))
        .collect();
    assert_eq!(
        rendered(
            &[("user", &format!("{{{many}\"z\":0}}"))],
            &[],
            Some("user(f0,f59,z)")
        ),
        r#"{"user":{"f59":59,"f0":60,"z":0}}"#,
    );
}

#[test]
fn names_with_escapes_are_compared_by_their_characters() {
    let user = r#"{"\u006e\u0061me":1,"gr\u00f6\u00dfe":2,"\ud83e\udd80":3,"\/":4,"\ud800":5}"#;

    assert_eq!(
        rendered(&[("user", user)], &[], Some("user(name,größe,🦀,/)")),
        r#"{"user":{"\u006e\u0061me":1,"gr\u00f6\u00dfe":2,"\ud83e\udd80":3,"\/":4}}"#,
    );
}

#[test]
fn an_array_of_a_million_items_is_selected_item_by_item() {
    let items = vec!["{}"; 1_000_000].join(",");
    let body = rendered(&[("list", &format!("[{items}]"))], &[], Some("list.id"));

    assert_eq!(body, format!("{{\"list\":[{items}]}}"));
}

#[test]
fn deep_arrays_are_read_once() {
    let items = vec!["{\"id\":1,\"z\":[2]}"; 1_000].join(",");
    for depth in [1, 2, 126] {
        let list = format!("{}{items}{}", "[".repeat(depth), "]".repeat(depth));
        let before = SCANNED_BYTES.get();
        let body = rendered(&[("list", &list)], &[], Some("list.z.z"));

        // Once for the array, and once for the fields of its items and for the arrays in them.
        let scanned = SCANNED_BYTES.get() - before;
        assert!(scanned < 3 * list.len(), "{scanned} of {}", list.len());
        let items = vec!["{\"z\":[]}"; 1_000].join(",");
        let list = format!("{}{items}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(body, format!("{{\"list\":{list}}}"));
    }
}

#[test]
fn a_move_does_not_create_a_missing_part() {
    let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let to_orders = Change::Move {
        from: path("user.sum"),
        to: path("orders.total.sum"),
    };
    let rename = Change::Rename {
        path: path("orders"),
        name: "data".to_owned(),
    };
    let to_data = Change::Move {
        from: path("user.sum"),
        to: path("data.sum"),
    };
    let drop = Change::Drop {
        path: path("orders"),
    };

    for (changes, has_fallback, expected) in [
        (vec![to_orders.clone()], false, r#"{"user":{"sum":1},"#),
        (vec![rename, to_data], false, r#"{"user":{"sum":1},"#),
        (
            vec![to_orders.clone()],
            true,
            r#"{"user":{},"orders":{"total":{"sum":1}},"#,
        ),
        (
            vec![drop, to_orders],
            false,
            r#"{"user":{},"orders":{"total":{"sum":1}},"#,
        ),
    ] {
        let mut parts = vec![("user", r#"{"sum":1}"#)];
        if has_fallback {
            parts.push(("orders", "{}"));
        }
        let answer = Answer {
            parts,
            missing: vec![missing("orders", Missing::Timeout, has_fallback)],
        };
        let body = render(&answer, &[&shape(changes)], None);
        let body = String::from_utf8(body).unwrap();
        assert!(body.starts_with(expected), "{body}");
    }
}
