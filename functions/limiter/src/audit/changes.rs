//! The changed fields of a document, with the old and the new value of each, by JSON pointer.
//!
//! A value that may be secret or personal is replaced by `"changed"`. Long values and long lists of
//! fields are cut, so that the size of a record is bounded.

use std::collections::BTreeSet;

use policy::PRIVATE_PARAMETERS;
use registry::{KeyRecord, ManagedBy};
use serde_json::{Map, Value, json};
use telemetry::shorten;

use crate::schema::mistakes::Mistakes;

/// The most bytes of all listed fields. A field of a log line is cut after 4 KiB.
const MAX_BYTES: usize = 3_500;
/// The most bytes of one value.
const MAX_VALUE_BYTES: usize = 256;
/// Replaces a value that is not shown.
const REDACTED: &str = "changed";

/// The changed fields of a document.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// `{"old": …, "new": …}` or `"changed"`, by JSON pointer. A value that did not exist is absent.
    pub(crate) fields: Map<String, Value>,
    /// The number of changed fields that are not listed.
    pub(crate) unlisted: u64,
    bytes: usize,
}

impl Changes {
    /// Compares two versions of a key. `None` is a key that does not exist.
    pub(crate) fn of_key(before: Option<&KeyRecord>, after: Option<&KeyRecord>) -> Self {
        let fields = |record: Option<&KeyRecord>| record.map(key_fields);
        Self::between(fields(before).as_ref(), fields(after).as_ref())
    }

    /// Compares two versions of a document. `None` is a document that does not exist.
    pub(crate) fn between(before: Option<&Value>, after: Option<&Value>) -> Self {
        let mut changes = Self::default();
        changes.compare("", before, after);
        changes
    }

    /// Compares two versions of a plan or a policy. `creator` is the program that creates it.
    pub(crate) fn of_object(
        before: Option<&Value>,
        after: Option<&Value>,
        creator: Option<&ManagedBy>,
    ) -> Self {
        let mut changes = Self::default();
        if let Some(creator) = creator {
            changes.add_value("/managed_by", None, Some(&creator.as_str().into()));
        }
        changes.compare("", before, after);
        changes
    }

    /// Adds a new secret of the key. The secret before works for `grace_s`.
    pub(crate) fn with_secret(mut self, grace_s: i64) -> Self {
        self.add("/secret", REDACTED.into());
        self.add_value("/grace_s", None, Some(&grace_s.into()));
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.unlisted == 0
    }

    fn compare(&mut self, pointer: &str, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }

        let sides = [before, after];
        if all(sides, is_nonempty_object) {
            self.compare_objects(pointer, sides.map(|side| side.and_then(Value::as_object)));
        } else if all(sides, is_list_of_objects) {
            let [before, after] = sides.map(|side| {
                side.and_then(Value::as_array)
                    .map_or(&[][..], Vec::as_slice)
            });
            self.compare_lists(pointer, before, after);
        } else {
            self.add_value(pointer, before, after);
        }
    }

    fn compare_objects(&mut self, pointer: &str, sides: [Option<&Map<String, Value>>; 2]) {
        let names: BTreeSet<&String> = sides.into_iter().flatten().flat_map(Map::keys).collect();

        // The record is bounded, and metadata must not displace the fields that grant permissions.
        let (last, first): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| *name == "metadata");
        for name in first.into_iter().chain(last) {
            let [before, after] = sides.map(|fields| fields.and_then(|fields| fields.get(name)));
            self.compare(&Mistakes::field(pointer, name), before, after);
        }
    }

    /// Compares lists of objects. Equal items at both ends are skipped, so that an item that was
    /// inserted at the beginning does not change all others.
    fn compare_lists(&mut self, pointer: &str, before: &[Value], after: &[Value]) {
        let same = before
            .iter()
            .zip(after)
            .take_while(|(one, other)| one == other)
            .count();
        let (before, after) = (&before[same..], &after[same..]);

        let same_at_end = before
            .iter()
            .rev()
            .zip(after.iter().rev())
            .take_while(|(one, other)| one == other)
            .count();
        let before = &before[..before.len() - same_at_end];
        let after = &after[..after.len() - same_at_end];

        for index in 0..before.len().max(after.len()) {
            self.compare(
                &format!("{pointer}/{}", same + index),
                before.get(index),
                after.get(index),
            );
        }
    }

    fn add_value(&mut self, pointer: &str, before: Option<&Value>, after: Option<&Value>) {
        let shown = if is_secret(pointer) {
            REDACTED.into()
        } else {
            let sides = [("old", before), ("new", after)];
            let sides = sides
                .into_iter()
                .filter_map(|(side, value)| Some((side.to_owned(), short(value?))));
            Value::Object(sides.collect())
        };
        self.add(pointer, shown);
    }

    fn add(&mut self, pointer: &str, shown: Value) {
        let pointer = shorten(pointer.to_owned());
        // The size in JSON, where an escaped character takes up to six bytes.
        let bytes = Value::from(&*pointer).to_string().len() + shown.to_string().len() + 2;

        let is_listed = self.fields.contains_key(&pointer);
        if is_listed || self.bytes + bytes > MAX_BYTES {
            self.unlisted += 1;
            return;
        }
        self.bytes += bytes;
        self.fields.insert(pointer, shown);
    }
}

/// Returns the fields of a key that administrators set.
fn key_fields(record: &KeyRecord) -> Value {
    let key = &record.key;
    let [expires_at, not_before] =
        [key.expires_at, key.not_before].map(|instant| instant.map(limits::instant_text));
    let fields = json!({"name": record.name, "description": record.description, "plan": key.plan, "enabled": key.enabled,
        "expires_at": expires_at, "not_before": not_before, "allowed_ips": key.allowed_ips, "group": key.group,
        "prefix": record.prefix, "subject": key.subject, "scopes": key.scopes, "metadata": record.metadata,
        "managed_by": record.managed_by});

    let is_set = |value: &Value| !value.is_null() && *value != json!([]) && *value != json!({});
    let fields = fields
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| is_set(value));
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Returns true if each side that exists fulfils the predicate.
fn all(sides: [Option<&Value>; 2], predicate: impl Fn(&Value) -> bool) -> bool {
    sides.into_iter().flatten().all(predicate)
}

fn is_nonempty_object(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| !fields.is_empty())
}

/// Returns true for a list that is compared item by item. A list of strings is one value.
fn is_list_of_objects(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

/// Returns true for a metadata value, a client secret, and a private parameter of a JWK. A policy
/// that an earlier release stored may contain a secret.
fn is_secret(pointer: &str) -> bool {
    let is_secret_name = |name: &str| {
        name.to_ascii_lowercase().contains("secret") || PRIVATE_PARAMETERS.contains(&name)
    };
    pointer.starts_with("/metadata/") || pointer.split('/').any(is_secret_name)
}

fn short(value: &Value) -> Value {
    let value = redacted(value);
    let text = value.to_string();
    if text.len() <= MAX_VALUE_BYTES {
        return value;
    }

    let begin = &text[..text.floor_char_boundary(MAX_VALUE_BYTES)];
    format!("{begin}… ({} bytes)", text.len()).into()
}

/// Replaces the secrets in a value.
fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = if is_secret(&Mistakes::field("", name)) {
                    REDACTED.into()
                } else {
                    redacted(value)
                };
                (name.clone(), value)
            });
            fields.collect()
        }
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => public_address(text).into(),
        other => other.clone(),
    }
}

/// Removes the user info and the query of a URL, which may contain a password or a token. Other
/// texts are returned unchanged.
fn public_address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, "?changed"),
        None => (rest, ""),
    };

    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;
    use registry::ApiKey;

    fn fields(before: Value, after: Value) -> Value {
        let changes = Changes::between(Some(&before), Some(&after));
        assert_eq!(changes.unlisted, 0);
        changes.fields.into()
    }

    #[test]
    fn each_changed_field_has_its_old_and_its_new_value() {
        let before =
            json!({"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 9}], "shadow": true});
        let after = json!({"throttle": {"rate": 2, "burst": 5}, "quotas": [{"limit": 9}], "routes": {"GET /a": {"rate": 1}}});
        assert_eq!(
            fields(before, after),
            json!({"/throttle/rate": {"old": 1, "new": 2}, "/shadow": {"old": true}, "/routes/GET ~1a/rate": {"new": 1}})
        );
        assert_eq!(fields(json!({"a": [1]}), json!({"a": [1]})), json!({}));
        assert_eq!(
            fields(json!({"a": 1}), json!({"a": 1, "b": {}})),
            json!({"/b": {"new": {}}})
        );

        let made = Changes::between(None, Some(&json!({})));
        assert_eq!(Value::from(made.fields), json!({"": {"new": {}}}));
    }

    #[test]
    fn inserted_item_changes_no_other_item() {
        let rule = |path: &str, auth: &str| json!({"match": path, "auth": auth});
        let (a, b, c) = (rule("/a", "any"), rule("/b", "any"), rule("/c", "any"));
        let list = |rules: &[&Value]| json!({"rules": rules});
        assert_eq!(
            fields(list(&[&b, &c]), list(&[&a, &b, &c])),
            json!({"/rules/0/match": {"new": "/a"}, "/rules/0/auth": {"new": "any"}})
        );
        assert_eq!(
            fields(list(&[&a, &b, &c]), list(&[&a, &c])),
            json!({"/rules/1/match": {"old": "/b"}, "/rules/1/auth": {"old": "any"}})
        );

        let none = rule("/b", "none");
        assert_eq!(
            fields(list(&[&a, &b]), list(&[&a, &none])),
            json!({"/rules/1/auth": {"old": "any", "new": "none"}})
        );
    }

    #[test]
    fn secrets_and_metadata_values_are_never_shown() {
        for (before, after) in [
            (
                json!({"introspection": {"client_secret": "hush-1"}}),
                json!({"introspection": {"client_secret": "hush-2"}}),
            ),
            (
                json!({}),
                json!({"introspection": {"client_secret": ["hush"]}}),
            ),
            (
                json!({}),
                json!({"issuers": [{"keys": [{"kty": "oct", "k": "hush"}, {"kty": "EC", "d": "hush"}]}]}),
            ),
            (
                json!({"issuers": [{"secret": {"base64url": "hush"}}]}),
                json!({}),
            ),
            (
                json!({"metadata": {"a": "hush"}}),
                json!({"metadata": {"b": "hush"}}),
            ),
            (
                json!({"introspection": 1}),
                json!({"introspection": {"client_secret": "hush"}}),
            ),
            (json!({"a": [1]}), json!({"a": [1, {"secret": "hush"}]})),
            (
                json!({"issuers": [{"jwks": {"keys": [{"kty": "RSA", "p": "hush-1"}]}}]}),
                json!({"issuers": [{"jwks": {"keys": [{"kty": "RSA", "p": "hush-2"}]}}]}),
            ),
            (
                json!({"a": "https://user:hush@host/path?token=hush"}),
                json!({"a": "https://host/?token=hush"}),
            ),
        ] {
            let changes = Changes::between(Some(&before), Some(&after));
            let shown = Value::from(changes.fields).to_string();
            assert!(
                !shown.contains("hush") && shown.contains(REDACTED),
                "{shown}"
            );
        }
    }

    #[test]
    fn every_changed_field_is_listed_or_counted() {
        let long = |number: u32| format!("{}{number}", "c".repeat(600));
        let claims = |value: u32| -> Value {
            (0..5)
                .map(|number| (long(number), value.into()))
                .collect::<Map<_, _>>()
                .into()
        };
        let changes = Changes::between(Some(&claims(1)), Some(&claims(2)));
        assert_eq!(changes.fields.len() as u64 + changes.unlisted, 5);

        let metadata =
            (0..16).map(|number| (format!("{}{number}", "\u{1}".repeat(60)), "a".into()));
        let metadata: Map<String, Value> = metadata.collect();
        let changes = Changes::between(
            None,
            Some(&json!({"metadata": metadata, "plan": "pro", "scopes": ["a"]})),
        );
        let text = Value::from(changes.fields.clone()).to_string();
        assert!(text.len() <= MAX_BYTES + 2, "{}", text.len());
        assert!(changes.fields.contains_key("/plan") && changes.fields.contains_key("/scopes"));
    }

    #[test]
    fn url_is_shown_without_password_and_query() {
        for (address, shown) in [
            ("https://a/b", "https://a/b"),
            ("https://u:p@a:1/b?c=d", "https://a:1/b?changed"),
            ("https://a?c", "https://a?changed"),
            ("GET /a?b", "GET /a?b"),
        ] {
            assert_eq!(public_address(address), shown);
        }
    }

    #[test]
    fn key_is_recorded_without_hash_and_metadata_values() {
        let key = ApiKey {
            expires_at: Some(Timestamp::MAX),
            scopes: vec!["a".to_owned()],
            ..ApiKey::new("k1".to_owned(), "free".to_owned())
        };
        let mut before = KeyRecord::new(key, Timestamp::UNIX_EPOCH);
        before.metadata = [("stripe".to_owned(), "cus_1".to_owned())].into();
        assert_eq!(
            Value::from(Changes::of_key(None, Some(&before)).fields),
            json!({"/plan": {"new": "free"}, "/enabled": {"new": true}, "/scopes": {"new": ["a"]},
                "/expires_at": {"new": "9999-12-31T23:59:59Z"}, "/metadata/stripe": "changed"})
        );

        let mut after = before.clone();
        after.key.enabled = false;
        after.key.scopes.clear();
        assert_eq!(
            Value::from(Changes::of_key(Some(&before), Some(&after)).fields),
            json!({"/enabled": {"old": true, "new": false}, "/scopes": {"old": ["a"]}})
        );
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "\\PC{0,400}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map("\\PC{0,8}", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn changes_are_bounded_and_empty_only_if_nothing_changed(before in json_value(), after in json_value()) {
            let changes = Changes::between(Some(&before), Some(&after));
            prop_assert!(Value::from(changes.fields.clone()).to_string().len() < 4_096);
            prop_assert_eq!(before == after, changes.is_empty());
        }
    }
}
