//! Tests of renames, drops and moves.

use super::*;

fn path(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

fn changed(json: &str, change: &Change) -> String {
    let mut node = Node::Text(json);
    apply_change(&mut node, change);

    let mut out = Vec::new();
    node.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn renamed(json: &str, from: &str, name: &str) -> String {
    changed(
        json,
        &Change::Rename {
            path: path(from),
            name: name.to_owned(),
        },
    )
}

fn dropped(json: &str, from: &str) -> String {
    changed(json, &Change::Drop { path: path(from) })
}

fn moved(json: &str, from: &str, to: &str) -> String {
    changed(
        json,
        &Change::Move {
            from: path(from),
            to: path(to),
        },
    )
}

#[test]
fn a_renamed_field_keeps_its_place_and_value() {
    assert_eq!(
        renamed(r#"{"a":1,"b":{ "c": 2 },"d":3}"#, "b", "e"),
        r#"{"a":1,"e":{ "c": 2 },"d":3}"#
    );
    assert_eq!(
        renamed(r#"{"a":{"b":1,"c":2}}"#, "a.b", "x"),
        r#"{"a":{"x":1,"c":2}}"#
    );
}

#[test]
fn a_renamed_field_replaces_a_field_with_its_new_name() {
    assert_eq!(
        renamed(r#"{"a":1,"b":2,"c":3}"#, "c", "a"),
        r#"{"b":2,"a":3}"#
    );
    assert_eq!(renamed(r#"{"a":1,"b":2}"#, "a", "a"), r#"{"a":1,"b":2}"#);
}

#[test]
fn an_absent_field_changes_nothing() {
    for json in [
        r#"{"b":1}"#,
        r#"{"a":1}"#,
        r#"{"a":{"c":1}}"#,
        r#"{"a":[1,null]}"#,
        "[]",
        "null",
        "1",
        "\"a\"",
    ] {
        assert_eq!(renamed(json, "a.b", "c"), json);
        assert_eq!(dropped(json, "a.b"), json);
        assert_eq!(moved(json, "a.b", "c.d"), json);
    }
}

#[test]
fn a_dropped_field_is_absent() {
    assert_eq!(dropped(r#"{"a":1,"b":2}"#, "a"), r#"{"b":2}"#);
    assert_eq!(
        dropped(r#"{"a":{"b":{"c":1}},"d":2}"#, "a.b.c"),
        r#"{"a":{"b":{}},"d":2}"#
    );
    assert_eq!(dropped(r#"{"a":1,"\u0061":2}"#, "a"), "{}");
}

#[test]
fn renames_and_drops_apply_to_each_item_of_an_array() {
    let json = r#"{"a":[{"b":1,"c":2},[{"b":3}],4,null,{"c":5}]}"#;

    assert_eq!(
        renamed(json, "a.b", "x"),
        r#"{"a":[{"x":1,"c":2},[{"x":3}],4,null,{"c":5}]}"#
    );
    assert_eq!(
        dropped(json, "a.b"),
        r#"{"a":[{"c":2},[{}],4,null,{"c":5}]}"#
    );
    assert_eq!(dropped(json, "a.b.c"), json);
}

#[test]
fn a_moved_field_is_the_last_of_its_new_object() {
    let json = r#"{"user":{"address":{"city":"London","zip":"W1"}},"orders":[]}"#;

    assert_eq!(
        moved(json, "user.address.city", "city"),
        r#"{"user":{"address":{"zip":"W1"}},"orders":[],"city":"London"}"#,
    );
    assert_eq!(
        moved(json, "orders", "user.lists.orders"),
        r#"{"user":{"address":{"city":"London","zip":"W1"},"lists":{"orders":[]}}}"#,
    );
    assert_eq!(
        moved(json, "user.address", "user"),
        r#"{"user":{"city":"London","zip":"W1"},"orders":[]}"#
    );
    assert_eq!(
        moved(json, "user", "user.data.user"),
        r#"{"orders":[],"user":{"data":{"user":{"address":{"city":"London","zip":"W1"}}}}}"#,
    );
}

#[test]
fn a_moved_field_replaces_a_field_at_its_new_path() {
    assert_eq!(
        moved(r#"{"a":{"b":1},"c":2,"d":3}"#, "a.b", "c"),
        r#"{"a":{},"c":1,"d":3}"#
    );
    assert_eq!(moved(r#"{"a":1,"b":2}"#, "a", "a"), r#"{"a":1,"b":2}"#);
}

#[test]
fn a_move_through_an_array_or_a_scalar_changes_nothing() {
    for json in [
        r#"{"a":[{"b":1}],"c":{}}"#,
        r#"{"a":{"b":1},"c":[{}]}"#,
        r#"{"a":{"b":1},"c":null}"#,
        r#"{"a":{"b":1},"c":"x"}"#,
        r#"{"a":{"b":1},"c":{"d":2}}"#,
    ] {
        assert_eq!(
            moved(json, "a.b", "c.d.e"),
            moved(json, "c.none", "x"),
            "{json}"
        );
        assert!(
            !moved(json, "a.b", "c.d.e").contains('e') || json.contains(r#""c":{}"#),
            "{json}"
        );
    }
}

#[test]
fn a_target_with_the_names_of_the_source_is_another_path() {
    let json = r#"{"a":{"b":1},"x":{"a":{"b":2}}}"#;

    assert_eq!(moved(json, "a.b", "x.a.b.c"), json);
    assert_eq!(moved(json, "a.b", "x.a.b"), r#"{"a":{},"x":{"a":{"b":1}}}"#);
}

#[test]
fn changes_of_a_moved_array_move_with_it() {
    let mut node = Node::Text(r#"{"a":{"list":[{"x":1,"y":2}]}}"#);
    let changes = [
        Change::Drop {
            path: path("a.list.x"),
        },
        Change::Move {
            from: path("a.list"),
            to: path("items"),
        },
        Change::Rename {
            path: path("items.y"),
            name: "z".to_owned(),
        },
    ];
    for change in &changes {
        apply_change(&mut node, change);
    }

    let mut out = Vec::new();
    node.write(&mut out);
    assert_eq!(out, br#"{"a":{},"items":[{"z":2}]}"#);
}
