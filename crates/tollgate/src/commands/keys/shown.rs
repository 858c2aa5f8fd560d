//! Keys as rows and lines.

use jiff::Timestamp;
use serde_json::Value;

use crate::commands::list::instant_cell;
use crate::commands::value_text::text;
use crate::output::{OutputError, Table};

/// The columns of a list of keys.
pub(super) const COLUMNS: [&str; 7] = [
    "KEY_ID", "NAME", "PLAN", "GROUP", "STATUS", "EXPIRES", "HINT",
];

/// The fields of a key in the order in which they are shown.
const FIELDS: [&str; 17] = [
    "key_id",
    "name",
    "description",
    "plan",
    "group",
    "subject",
    "scopes",
    "allowed_ips",
    "not_before",
    "expires_at",
    "metadata",
    "prefix",
    "hint",
    "created_at",
    "updated_at",
    "last_used_on",
    "earlier_secrets_end_at",
];

/// Returns the cells of a key in a list.
pub(super) fn row(key: &Value, now: Timestamp) -> [String; 7] {
    let cell = |name: &str| text(&key[name]);
    [
        cell("key_id"),
        cell("name"),
        cell("plan"),
        cell("group"),
        status(key, now).to_owned(),
        instant_cell(key, "expires_at"),
        cell("hint"),
    ]
}

/// Returns the status of a key at `now`, in the order in which a request is checked.
fn status(key: &Value, now: Timestamp) -> &'static str {
    let time = |name: &str| key[name].as_str()?.parse::<Timestamp>().ok();
    if key["enabled"] == false {
        "disabled"
    } else if time("expires_at").is_some_and(|end| end <= now) {
        "expired"
    } else if time("not_before").is_some_and(|begin| begin > now) {
        "not yet valid"
    } else {
        "enabled"
    }
}

/// Prints the fields of a key, one per line. Absent fields are omitted.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print(key: &Value, etag: Option<&str>) -> Result<(), OutputError> {
    let mut table = Table::new(&["FIELD", "VALUE"]);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            table.row([name, value]);
        }
    };

    for name in FIELDS {
        row(name, &text(&key[name]));
        if name == "key_id" {
            row("status", status(key, Timestamp::now()));
        }
    }
    if key["last_use_unknown"] == true {
        row("last_used_on", "unknown");
    }
    row("managed_by", &text(&key["managed_by"]));
    row("etag", etag.unwrap_or_default());
    table.print()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn status_is_the_first_reason_to_refuse_the_key() {
        let now = "2026-11-29T12:00:00Z".parse().unwrap();
        let (past, future) = ("2026-11-29T12:00:00Z", "2026-11-29T12:00:01Z");
        for (key, expected) in [
            (json!({"enabled": true}), "enabled"),
            (
                json!({"enabled": true, "expires_at": future, "not_before": past}),
                "enabled",
            ),
            (json!({"enabled": true, "expires_at": past}), "expired"),
            (
                json!({"enabled": true, "not_before": future}),
                "not yet valid",
            ),
            (json!({"enabled": false, "expires_at": past}), "disabled"),
        ] {
            assert_eq!(status(&key, now), expected, "{key}");
        }
    }
}
