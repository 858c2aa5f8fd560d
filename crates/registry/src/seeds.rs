//! Seeds: plans and keys in one JSON document, which fill a store at startup.

use std::collections::{BTreeMap, HashSet};

use addresses::Network;
use jiff::Timestamp;
use serde::Deserialize;
use strict_json::{JsonError, TextPosition, locate_json, parse_json};

use crate::{ApiKey, KeyHash, KeyRecord};
use limits::pointer;
use limits::{Plan, PlanDocument, PlanError};

/// `{"plans": {"free": {…}}, "keys": [{"key": "…", "key_id": "…", "plan": "free"}]}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Plans by name.
    #[serde(default, deserialize_with = "strict_json::map")]
    pub plans: BTreeMap<String, PlanDocument>,
    /// Keys with their secrets.
    #[serde(default)]
    pub keys: Vec<KeySeed>,
}

/// A key with its secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySeed {
    /// The secret. Only its hash is stored.
    pub key: String,
    /// The id of the key in every other place.
    pub key_id: String,
    /// The plan of the key.
    pub plan: String,
    /// True if the key may be used. The default is true.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The expiry in RFC 3339. The default is none. `null` is an error, because an expiry must not
    /// be lost.
    #[serde(default, deserialize_with = "limits::present_instant")]
    pub expires_at: Option<Timestamp>,
    /// The instant in RFC 3339 before which the key may not be used. The default is none.
    #[serde(default, deserialize_with = "limits::present_instant")]
    pub not_before: Option<Timestamp>,
    /// The networks from which the key may be used. The default is everywhere.
    #[serde(default)]
    pub allowed_ips: Vec<Network>,
    /// The group whose keys share their limits.
    pub group: Option<String>,
    /// The user of the key.
    pub subject: Option<String>,
    /// The scopes that rules may require.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The display name.
    pub name: Option<String>,
    /// The purpose of the key.
    pub description: Option<String>,
    /// Data of the operator.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl std::fmt::Debug for KeySeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KeySeed")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn enabled() -> bool {
    true
}

/// The reason why seeds are invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SeedsError {
    /// The text is not JSON, or not of the schema of seeds.
    #[error("{0}")]
    Shape(JsonError),
    /// An invalid plan.
    #[error("plans.{name}: {error}")]
    Plan {
        /// Its name.
        name: String,
        /// What is wrong with it.
        error: PlanError,
    },
    /// An invalid field of a key.
    #[error("keys[{index}].{field}: {problem}")]
    Key {
        /// The position of the key.
        index: usize,
        /// The name of the field.
        field: &'static str,
        /// What is wrong; it never contains the secret.
        problem: String,
    },
}

impl SeedsError {
    /// Returns the problem with its field but without the position.
    #[must_use]
    pub fn without_position(&self) -> String {
        match self {
            Self::Shape(error) => error.without_position(),
            other => other.to_string(),
        }
    }

    /// Returns the position of the problem in the text of the seeds.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<TextPosition> {
        match self {
            Self::Shape(error) => Some(error.position),
            Self::Plan { name, error } => {
                let plan = pointer(&["plans", name]);
                let mistake = error
                    .mistakes
                    .first()
                    .map_or("", |mistake| &mistake.pointer);
                locate_json(text, &format!("{plan}{mistake}")).or_else(|| locate_json(text, &plan))
            }
            Self::Key { index, field, .. } => {
                let key = format!("/keys/{index}");
                locate_json(text, &format!("{key}/{field}")).or_else(|| locate_json(text, &key))
            }
        }
    }
}

impl Seeds {
    /// Reads seeds from JSON.
    ///
    /// # Errors
    /// [`SeedsError::Shape`], which repeats no value of a key.
    pub fn parse(text: &str) -> Result<Self, SeedsError> {
        parse_json(text).map_err(|error| SeedsError::Shape(without_secrets(error)))
    }

    /// Checks every plan and key.
    ///
    /// # Errors
    /// [`SeedsError`] for the first one that is invalid.
    pub fn check(&self) -> Result<(), SeedsError> {
        self.plans()?;
        self.keys().map(drop)
    }

    /// Logs the warnings of every plan.
    pub(crate) fn log_warnings(&self) {
        for (name, plan) in &self.plans {
            log_warnings(name, plan);
        }
    }

    /// Returns every plan, checked.
    pub(crate) fn plans(&self) -> Result<Vec<Plan>, SeedsError> {
        let check = |(name, document): (&String, &PlanDocument)| {
            let mistakes = document.check();
            let plan = if mistakes.is_empty() {
                Plan::new(name, document.clone())
            } else {
                Err(PlanError { mistakes })
            };
            plan.map_err(|error| SeedsError::Plan {
                name: name.clone(),
                error,
            })
        };
        self.plans.iter().map(check).collect()
    }

    /// Returns every key by its hash, checked.
    pub(crate) fn keys(&self) -> Result<Vec<(KeyHash, KeyRecord)>, SeedsError> {
        let mut keys = Vec::with_capacity(self.keys.len());
        let (mut hashes, mut ids) = (HashSet::new(), HashSet::new());
        for (index, seed) in self.keys.iter().enumerate() {
            let invalid = |(field, problem)| SeedsError::Key {
                index,
                field,
                problem,
            };
            let (hash, record) = seed.check().map_err(invalid)?;
            if !self.plans.contains_key(&seed.plan) {
                return Err(invalid((
                    "plan",
                    format!("plan `{}` does not exist", seed.plan),
                )));
            }
            if !hashes.insert(hash) {
                return Err(invalid((
                    "key",
                    "an earlier key has the same secret".to_owned(),
                )));
            }
            if !ids.insert(seed.key_id.as_str()) {
                return Err(invalid((
                    "key_id",
                    "an earlier key has the same id".to_owned(),
                )));
            }
            keys.push((hash, record));
        }
        Ok(keys)
    }
}

/// The fields of a key, and what is expected of each.
const KEY_FIELDS: [(&str, &str); 13] = [
    ("key", "a string"),
    ("key_id", "a string"),
    ("plan", "a string"),
    ("enabled", "`true` or `false`"),
    (
        "expires_at",
        "a time such as \"2026-11-22T12:00:00Z\"; leave the field out if the key never expires",
    ),
    (
        "not_before",
        "a time such as \"2026-11-22T12:00:00Z\"; leave the field out if the key is valid at once",
    ),
    (
        "allowed_ips",
        "a list of addresses and networks such as \"192.0.2.0/24\"",
    ),
    ("group", "a string"),
    ("subject", "a string"),
    ("scopes", "a list of strings"),
    ("name", "a string"),
    ("description", "a string"),
    ("metadata", "an object of strings"),
];

/// Shorter than any secret, so that a field name of this length cannot be one.
const SHORTER_THAN_SECRETS: usize = 20;

/// Replaces the message of an error among the keys: the parser quotes values, and one of them may
/// be a secret.
fn without_secrets(error: JsonError) -> JsonError {
    let Some((index, field)) = error
        .place
        .strip_prefix("keys[")
        .and_then(|rest| rest.split_once(']'))
    else {
        return error;
    };
    let name = field
        .split(['.', '['])
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let known = KEY_FIELDS.iter().find(|(field, _)| *field == name);

    let key = format!("keys[{index}]");
    let (place, problem) = match known {
        // For these errors, the parser repeats only the name of the field.
        _ if ["missing field", "duplicate field"]
            .iter()
            .any(|text| error.problem.starts_with(text)) =>
        {
            (key, error.problem)
        }
        Some((name, expected)) => (format!("{key}.{name}"), format!("expected {expected}")),
        None if name.is_empty() => (
            key,
            format!(
                "expected an object with the fields {}",
                names(&KEY_FIELDS[..3])
            ),
        ),
        None if name.len() < SHORTER_THAN_SECRETS => (
            format!("{key}.{name}"),
            format!("unknown field, expected one of {}", names(&KEY_FIELDS)),
        ),
        None => (
            key,
            format!(
                "a field has an unknown name, expected one of {}",
                names(&KEY_FIELDS)
            ),
        ),
    };
    JsonError {
        place,
        problem,
        position: error.position,
    }
}

fn names(fields: &[(&str, &str)]) -> String {
    fields
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl KeySeed {
    fn check(&self) -> Result<(KeyHash, KeyRecord), (&'static str, String)> {
        let key = ApiKey {
            enabled: self.enabled,
            expires_at: self.expires_at,
            not_before: self.not_before,
            allowed_ips: self.allowed_ips.clone(),
            group: self.group.clone(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone(),
            ..ApiKey::new(self.key_id.clone(), self.plan.clone())
        };
        let record = KeyRecord {
            name: self.name.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            ..KeyRecord::bare(key)
        };

        if let Some(mistake) = record.mistakes().into_iter().next() {
            return Err(mistake);
        }
        let hash = KeyHash::of(&self.key).map_err(|error| ("key", error.to_string()))?;
        Ok((hash, record))
    }
}

/// Logs what is valid in a plan but probably not intended.
pub(crate) fn log_warnings(plan: &str, document: &PlanDocument) {
    for warning in document.warnings() {
        tracing::warn!(plan, pointer = warning.pointer, "plan `{plan}`: {warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        let seeds: Seeds = serde_json::from_str(json).unwrap();
        let plans = seeds.plans().map(|_| ());
        plans
            .and_then(|()| seeds.keys().map(|_| ()))
            .expect_err(json)
            .to_string()
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let key = |more: &str| {
            format!(
                r#"{{"plans":{{"p":{{}}}},"keys":[{{"key":"twenty-characters-01","key_id":"a","plan":"p"}},{{{more}}}]}}"#
            )
        };
        for (json, expected) in [
            (
                r#"{"plans":{"p":{"near_limit":2}}}"#.to_owned(),
                "plans.p: near_limit is 2, expected 0 to 1",
            ),
            (
                r#"{"plans":{"p":{"routes":{"GET /a/*":{"rate":1,"burst":1}}}}}"#.to_owned(),
                "plans.p: routes: `*` in segment `*` is not a wildcard: write `{proxy+}` as the last segment for \
                 everything below, or `{name}` for one segment",
            ),
            (
                key(r#""key":"short","key_id":"b","plan":"p""#),
                "keys[1].key: a key is 20 to 128 visible ASCII characters without a comma",
            ),
            (
                key(r#""key":"twenty-characters-02","key_id":"b","plan":"q""#),
                "keys[1].plan: plan `q` does not exist",
            ),
            (
                key(r#""key":"twenty-characters-01","key_id":"b","plan":"p""#),
                "keys[1].key: an earlier key has the same secret",
            ),
            (
                key(r#""key":"twenty-characters-02","key_id":"a","plan":"p""#),
                "keys[1].key_id: an earlier key has the same id",
            ),
            (
                key(r#""key":"twenty-characters-02","key_id":"-","plan":"p""#),
                "keys[1].key_id: key_id is 1 to 128 printable ASCII characters without quote and backslash, and not `-`",
            ),
        ] {
            assert_eq!(error(&json), expected);
        }
    }

    #[test]
    fn a_seed_shown_in_a_log_does_not_show_its_key() {
        let seeds: Seeds = serde_json::from_str(
            r#"{"keys":[{"key":"twenty-characters-01","key_id":"a","plan":"p"}]}"#,
        )
        .unwrap();
        assert!(!format!("{seeds:?}").contains("twenty"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_the_key() {
        for keys in [
            r#"["my-very-secret-key-000000001"]"#,
            r#"[{"my-very-secret-key-000000001":1}]"#,
            r#"[{"key":["my-very-secret-key-000000001"]}]"#,
        ] {
            let error = Seeds::parse(&format!(r#"{{"keys":{keys}}}"#))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("keys[0]") && error.contains(" at line 1 column "),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn null_is_an_error_that_names_the_field() {
        let key = r#""key":"twenty-characters-01","key_id":"a","plan":"p""#;
        for (seeds, place) in [
            (
                r#"{"plans":{"p":{"throttle":null}}}"#.to_owned(),
                "plans.p.throttle: invalid type: null",
            ),
            (
                r#"{"plans":{"p":{"near_limit":null}}}"#.to_owned(),
                "plans.p.near_limit: invalid type: null",
            ),
            (
                r#"{"plans":{"p":{"quotas":[{"limit":1,"period":"day","starts_on":null}]}}}"#
                    .to_owned(),
                "plans.p.quotas[0].starts_on: invalid type: null",
            ),
            (
                r#"{"plans":{"p":{"routes":{"GET /a":{"rate":null,"burst":1}}}}}"#.to_owned(),
                "plans.p.routes",
            ),
            (
                format!(r#"{{"keys":[{{{key},"expires_at":null}}]}}"#),
                "keys[0].expires_at: expected a time such as",
            ),
            (
                format!(r#"{{"keys":[{{{key},"enabled":null}}]}}"#),
                "keys[0].enabled: expected `true` or `false`",
            ),
        ] {
            let error = Seeds::parse(&seeds).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }

    #[test]
    fn negative_zero_is_refused_in_seeds() {
        let seeds = r#"{"plans":{"p":{"throttle":{"rate":-0.0,"burst":1}}}}"#;
        assert_eq!(
            error(seeds),
            "plans.p: throttle.rate is -0, expected 0 or more"
        );
    }

    #[test]
    fn a_plan_or_a_route_that_stands_there_twice_is_refused() {
        let twice = Seeds::parse(r#"{"plans":{"p":{"throttle":{"rate":1,"burst":1}},"p":{}}}"#)
            .unwrap_err()
            .to_string();
        assert!(twice.contains("duplicate field `p`"), "{twice}");
        let routes = r#"{"GET /a":{"rate":1,"burst":1},"GET /a":{"rate":9,"burst":9}}"#;
        let twice = Seeds::parse(&format!(r#"{{"plans":{{"p":{{"routes":{routes}}}}}}}"#))
            .unwrap_err()
            .to_string();
        assert!(twice.contains("duplicate field `GET /a`"), "{twice}");
    }

    #[test]
    fn a_key_may_expire_in_the_year_9999() {
        let json = r#"{"plans":{"p":{}},"keys":[{"key":"twenty-characters-01","key_id":"a","plan":"p",
            "expires_at":"9999-12-31T23:59:59Z"}]}"#;
        let (_, record) = Seeds::parse(json).unwrap().keys().unwrap().remove(0);
        assert_eq!(record.key.expires_at, Some(Timestamp::MAX));
    }

    #[test]
    fn an_error_among_the_keys_names_the_field_and_what_was_expected() {
        for (field, expected) in [
            (
                r#""expires_at":"2027-01-01""#,
                "keys[0].expires_at: expected a time such as \"2026-11-22T12:00:00Z\"",
            ),
            (
                r#""expire_at":"x""#,
                "keys[0].expire_at: unknown field, expected one of `key`, `key_id`",
            ),
            (
                r#""scopes":["a",7]"#,
                "keys[0].scopes: expected a list of strings",
            ),
            (
                r#""metadata":{"a":1}"#,
                "keys[0].metadata: expected an object of strings",
            ),
            (
                r#""plan":"p","plan":"q""#,
                "keys[0]: duplicate field `plan`",
            ),
            (r#""subject":"a""#, "keys[0]: missing field `plan`"),
        ] {
            let text = format!(
                "{{\"keys\":[\n{{\"key\":\"twenty-characters-01\",\"key_id\":\"a\",{field}}}]}}"
            );
            let error = Seeds::parse(&text).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert_eq!(
                error.position(&text).map(|position| position.line),
                Some(2),
                "{error}"
            );
        }
    }

    #[test]
    fn an_invalid_plan_or_key_has_a_position() {
        let text = "{\"plans\": {\"p\": {}, \"q.r\":\n  {\"throttle\": {\"rate\": 1, \"burst\": 1000000000}}},\n\
                    \"keys\": [{\"key\": \"twenty-characters-01\", \"key_id\": \"a\",\n \"plan\": \"s\"}]}";
        let seeds = Seeds::parse(text).unwrap();
        let error = seeds.check().unwrap_err();
        assert_eq!(error.position(text).unwrap().to_string(), "2:37", "{error}");
        let error = seeds.keys().unwrap_err();
        assert_eq!(error.position(text).unwrap().to_string(), "4:10", "{error}");
    }

    #[test]
    fn a_seeded_key_has_its_name_description_and_metadata() {
        let seeds = r#"{"plans":{"p":{}},"keys":[{"key":"twenty-characters-01","key_id":"a","plan":"p","name":"Acme",
                        "description":"mobile","metadata":{"team":"blue"}}]}"#;
        let keys = Seeds::parse(seeds).unwrap().keys().unwrap();
        let record = &keys[0].1;
        assert_eq!(
            (record.name.as_deref(), record.description.as_deref()),
            (Some("Acme"), Some("mobile"))
        );
        assert_eq!(record.metadata["team"], "blue");

        let long = seeds.replace("Acme", &"x".repeat(1_025));
        let error = Seeds::parse(&long)
            .unwrap()
            .check()
            .unwrap_err()
            .to_string();
        assert_eq!(error, "keys[0].name: it has at most 1024 characters");
    }
}
