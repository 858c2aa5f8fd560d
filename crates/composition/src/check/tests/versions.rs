use super::{FULL, assert_refused, parse};
use crate::model::Change;

const ENTRY: &str = "routes[\"GET /bff/dashboard\"].versions[0]";

fn place(field: &str, problem: &str) -> String {
    format!("{ENTRY}{field}: {problem}")
}

fn path(text: &str) -> Vec<String> {
    text.split('.').map(str::to_owned).collect()
}

/// Returns the changes for entries that replace those of the full document.
fn changes(entries: &str) -> Result<Vec<Vec<Change>>, String> {
    let start = FULL.find("\"versions\": [").unwrap();
    let end = FULL[start..].find("] },\n").unwrap() + start;
    let text = format!("{}\"versions\": [{entries}{}", &FULL[..start], &FULL[end..]);
    let compositions = parse(&text).map_err(|error| error.to_string())?;
    let route = compositions.find("GET", "/bff/dashboard").unwrap().value;
    Ok(route
        .versions
        .iter()
        .map(|shape| shape.changes.clone())
        .collect())
}

fn entry(fields: &str) -> String {
    format!("{{\"header\": \"x-app-version\", \"below\": \"2.0.0\", {fields}}}")
}

#[test]
fn fields_are_dropped_then_moved_then_renamed() {
    let entry = entry(
        r#""rename": {"orders.items": "list", "orders": "data"}, "move": {"user.city": "city"}, "drop": ["user.email"]"#,
    );
    assert_eq!(
        changes(&entry),
        Ok(vec![vec![
            Change::Drop {
                path: path("user.email")
            },
            Change::Move {
                from: path("user.city"),
                to: path("city")
            },
            Change::Rename {
                path: path("orders.items"),
                name: "list".to_owned()
            },
            Change::Rename {
                path: path("orders"),
                name: "data".to_owned()
            },
        ]])
    );
}

#[test]
fn later_entry_may_use_names_of_earlier_ones() {
    let first = entry(r#""rename": {"orders": "data"}, "move": {"user.city": "place.city"}"#);
    let second = entry(r#""rename": {"data": "list"}, "drop": ["place.city"]"#);
    assert!(changes(&format!("{first}, {second}")).is_ok());
    assert_eq!(
        changes(&format!("{second}, {first}")).unwrap_err(),
        place(
            ".drop[0]",
            "unknown field `place`, expected one of user, orders, promotions"
        )
    );
}

fn versions(header: &str, range: &str, fields: &str) -> String {
    format!("{{\"header\": \"{header}\", {range}, {fields}}}")
}

#[test]
fn two_fields_do_not_get_one_path_from_entries_that_can_both_match() {
    let below_2 = r#""below": "2.0.0""#;
    let from_2 = r#""from": "2.0.0""#;
    let orders = r#""rename": {"orders": "data"}"#;
    let user = r#""rename": {"user": "data"}"#;
    for (first, second, is_valid) in [
        (
            versions("x-v", below_2, orders),
            versions("x-w", below_2, user),
            false,
        ),
        (
            versions("x-v", below_2, orders),
            versions("x-v", below_2, user),
            false,
        ),
        (
            versions("x-v", below_2, orders),
            versions("x-w", below_2, orders),
            true,
        ),
        (
            versions("x-v", below_2, orders),
            versions("x-v", from_2, user),
            true,
        ),
        (
            versions("x-v", from_2, orders),
            versions("x-v", below_2, user),
            true,
        ),
        (
            versions("x-v", below_2, r#""move": {"user.city": "place.city"}"#),
            versions("x-w", below_2, r#""rename": {"orders": "place"}"#),
            false,
        ),
        (
            versions("x-v", below_2, r#""rename": {"user.a": "x"}"#),
            versions("x-w", below_2, r#""rename": {"user.b": "x"}"#),
            false,
        ),
        (
            versions("x-v", below_2, orders),
            versions(
                "x-w",
                below_2,
                r#""drop": ["data"], "rename": {"user": "data"}"#,
            ),
            true,
        ),
        (
            versions("x-v", below_2, orders),
            versions(
                "x-w",
                below_2,
                r#""rename": {"data": "list", "user": "data"}"#,
            ),
            true,
        ),
    ] {
        let result = changes(&format!("{first}, {second}"));
        assert_eq!(result.is_ok(), is_valid, "{first}, {second}: {result:?}");
        if let Err(message) = result {
            let expected = "an earlier entry gives another field this path";
            assert!(
                message.contains(expected) && message.contains("versions[1]"),
                "{message}"
            );
        }
    }
}

#[test]
fn name_of_a_dropped_part_is_free() {
    assert!(
        changes(&entry(
            r#""drop": ["orders"], "rename": {"promotions": "orders"}"#
        ))
        .is_ok()
    );
}

#[test]
fn invalid_ranges_are_refused() {
    let range = "\"from\": \"1.0.0\", \"below\": \"2.0.0\", ";
    assert_refused(&[
        (
            range,
            "",
            &place("", "missing range, expected `from`, `below` or both"),
        ),
        (
            range,
            "\"below\": \"2\", ",
            &place(
                ".below",
                "invalid version, expected a semantic version such as 2.0.0",
            ),
        ),
        (
            range,
            "\"below\": \"v2.0.0\", ",
            &place(".below", "invalid version"),
        ),
        (
            range,
            "\"from\": \"\", ",
            &place(".from", "invalid version"),
        ),
        (
            range,
            "\"from\": \"2.0.0\", \"below\": \"2.0.0\", ",
            &place(
                ".from",
                "no version is in the range, expected a version before 2.0.0",
            ),
        ),
        (
            range,
            "\"from\": \"2.0.0\", \"below\": \"2.0.0-rc.1\", ",
            &place(".from", "no version is in the range"),
        ),
        (
            range,
            "\"from\": \"2.0.0\", \"below\": \"2.0.0+1\", ",
            &place(".from", "no version is in the range"),
        ),
    ]);
}

#[test]
fn invalid_changes_are_refused() {
    for (fields, expected) in [
        (
            "\"drop\": []",
            place("", "no change, expected `rename`, `drop` or `move`"),
        ),
        (
            r#""drop": ["account.email"]"#,
            place(
                ".drop[0]",
                "unknown field `account`, expected one of user, orders, promotions",
            ),
        ),
        (
            r#""drop": ["offers"]"#,
            place(".drop[0]", "unknown field `offers`, "),
        ),
        (
            r#""drop": ["usr.email"]"#,
            place(".drop[0]", "unknown field `usr`, did you mean `user`?"),
        ),
        (r#""drop": [""]"#, place(".drop[0]", "invalid path")),
        (r#""drop": ["user."]"#, place(".drop[0]", "invalid path")),
        (r#""drop": ["user.a b"]"#, place(".drop[0]", "invalid path")),
        (
            r#""drop": ["user", "user.email"]"#,
            place(
                ".drop[1]",
                "an earlier change of this version takes the field away",
            ),
        ),
        (
            r#""drop": ["user"], "rename": {"user": "account"}"#,
            place(
                ".rename.user",
                "an earlier change of this version takes the field away",
            ),
        ),
        (
            r#""drop": ["user.a.b.c.d.e.f.g.h"]"#,
            place(
                ".drop[0]",
                "9 names in a path are too many, expected at most 8",
            ),
        ),
        (
            r#""rename": {"orders": "user"}"#,
            place(
                ".rename.orders",
                "`user` is the name of a part, expected another name",
            ),
        ),
        (
            r#""rename": {"orders": "_metadata"}"#,
            place(".rename.orders", "`_metadata` is reserved"),
        ),
        (
            r#""rename": {"orders": "a.b"}"#,
            place(
                ".rename.orders",
                "invalid new name, expected 1 to 64 bytes without spaces and `.,()`",
            ),
        ),
        (
            r#""rename": {"orders": ""}"#,
            place(".rename.orders", "invalid new name"),
        ),
        (
            r#""rename": {"orders": "a(b)"}"#,
            place(".rename.orders", "invalid new name"),
        ),
        (
            r#""rename": {"orders": "x", "user": "x"}"#,
            place(
                ".rename.user",
                "an earlier change of this version has this new path",
            ),
        ),
        (
            r#""rename": {"_metadata": "x"}"#,
            place(".rename._metadata", "unknown field `_metadata`"),
        ),
        (
            r#""move": {"user.city": "orders"}"#,
            place(".move[\"user.city\"]", "`orders` is the name of a part"),
        ),
        (
            r#""move": {"user.city": "_metadata.city"}"#,
            place(".move[\"user.city\"]", "`_metadata` is reserved"),
        ),
        (
            r#""move": {"user": "user.account"}"#,
            place(".move.user", "a field cannot move below itself"),
        ),
        (
            r#""move": {"user.a": "x", "user.b": "x.y"}"#,
            place(
                ".move[\"user.b\"]",
                "an earlier change of this version has this new path",
            ),
        ),
        (
            r#""move": {"user.a": "x.", "user.b": "x.y"}"#,
            place(".move[\"user.a\"]", "invalid path"),
        ),
    ] {
        let message = changes(&entry(fields)).unwrap_err();
        assert!(message.starts_with(&expected), "{fields}: {message}");
    }
}

#[test]
fn number_of_changes_and_entries_has_limits() {
    let paths: Vec<_> = (0..51).map(|index| format!("\"user.f{index}\"")).collect();
    let many = entry(&format!("\"drop\": [{}]", paths.join(", ")));
    assert_eq!(
        changes(&many).unwrap_err(),
        place("", "51 changes are too many, expected at most 50")
    );

    let entries = vec![entry(r#""drop": ["user"]"#); 21].join(", ");
    assert_eq!(
        changes(&entries).unwrap_err(),
        "routes[\"GET /bff/dashboard\"].versions: 21 versions are too many, expected at most 20"
    );
}
