//! Plans and keys written down as one JSON document, to fill an embedded store with.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::{ApiKey, KeyError, KeyHash, Plan, PlanDocument, PlanError};

/// `{"plans": {"free": {…}}, "keys": [{"key": "…", "key_id": "…", "plan": "free"}]}`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Plans by name.
    #[serde(default, deserialize_with = "crate::unique::names")]
    pub plans: BTreeMap<String, PlanDocument>,
    /// Keys.
    #[serde(default)]
    pub keys: Vec<KeySeed>,
}

/// A key with its secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySeed {
    /// The secret; only its hash is kept.
    pub key: String,
    /// Names the key everywhere else.
    pub key_id: String,
    /// The plan that is charged.
    pub plan: String,
    /// Whether it may be used; true where absent.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// RFC 3339; never where absent. `null` is an error: a key must not outlive an end that got lost.
    #[serde(default, deserialize_with = "crate::instant::present_instant")]
    pub expires_at: Option<Timestamp>,
    /// Who uses it.
    pub subject: Option<String>,
    /// What a rule may ask for.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl std::fmt::Debug for KeySeed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeySeed").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn enabled() -> bool {
    true
}

/// What is wrong with seeds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SeedsError {
    /// Not JSON, or not of its shape.
    #[error("{0}")]
    Shape(String),
    /// A plan that cannot be.
    #[error("plans.{name}: {error}")]
    Plan {
        /// Which.
        name: String,
        /// Why.
        error: PlanError,
    },
    /// A key that cannot be.
    #[error("keys[{index}]: {error}")]
    Key {
        /// Which.
        index: usize,
        /// Why.
        error: KeyError,
    },
    /// A key of a plan that is not there.
    #[error("keys[{index}]: there is no plan `{plan}`")]
    UnknownPlan {
        /// Which key.
        index: usize,
        /// Which plan.
        plan: String,
    },
    /// One key or key id twice.
    #[error("keys[{index}]: the same {member} stands in an earlier key")]
    Repeated {
        /// Which key.
        index: usize,
        /// Which member.
        member: &'static str,
    },
}

impl Seeds {
    /// Reads seeds from JSON.
    ///
    /// # Errors
    /// [`SeedsError::Shape`], which repeats nothing of what stands among the keys.
    pub fn parse(text: &str) -> Result<Self, SeedsError> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let seeds = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| shape(&error))?;
        deserializer.end().map_err(|error| SeedsError::Shape(error.to_string()))?;
        Ok(seeds)
    }

    /// Logs the warnings of every plan.
    pub(crate) fn log_warnings(&self) {
        for (name, plan) in &self.plans {
            plan.log_warnings(name);
        }
    }

    /// Every plan, checked.
    pub(crate) fn plans(&self) -> Result<Vec<Plan>, SeedsError> {
        let check = |(name, document): (&String, &PlanDocument)| {
            let mistakes = document.check();
            let plan =
                if mistakes.is_empty() { Plan::new(name, document.clone()) } else { Err(PlanError { mistakes }) };
            plan.map_err(|error| SeedsError::Plan { name: name.clone(), error })
        };
        self.plans.iter().map(check).collect()
    }

    /// Every key by its hash, checked.
    pub(crate) fn keys(&self) -> Result<Vec<(KeyHash, ApiKey)>, SeedsError> {
        let mut keys = Vec::with_capacity(self.keys.len());
        let (mut hashes, mut ids) = (HashSet::new(), HashSet::new());
        for (index, seed) in self.keys.iter().enumerate() {
            let (hash, key) = seed.check().map_err(|error| SeedsError::Key { index, error })?;
            if !self.plans.contains_key(&key.plan) {
                return Err(SeedsError::UnknownPlan { index, plan: key.plan });
            }
            if !hashes.insert(hash) {
                return Err(SeedsError::Repeated { index, member: "key" });
            }
            if !ids.insert(seed.key_id.as_str()) {
                return Err(SeedsError::Repeated { index, member: "key_id" });
            }
            keys.push((hash, key));
        }
        Ok(keys)
    }
}

fn shape(error: &serde_path_to_error::Error<serde_json::Error>) -> SeedsError {
    let (path, cause) = (error.path().to_string(), error.inner());
    let (line, column) = (cause.line(), cause.column());
    SeedsError::Shape(match path.split_once(']').filter(|_| path.starts_with("keys[")) {
        Some((place, field)) => {
            let field = KEY_FIELDS.iter().find(|(name, _)| field.trim_start_matches('.') == *name);
            match field {
                Some((name, expected)) => {
                    format!("{place}].{name} (line {line} column {column}): expected {expected}")
                }
                None => format!(
                    "{place}] (line {line} column {column}): a key has `key`, `key_id` and `plan`, and may have `enabled`, `expires_at`, `subject` and `scopes`"
                ),
            }
        }
        None if path == "." => cause.to_string(),
        None => error.to_string(),
    })
}

/// The fields of a key, with what is expected of each. A field that is not among them may be somebody's key.
const KEY_FIELDS: [(&str, &str); 7] = [
    ("key", "a string"),
    ("key_id", "a string"),
    ("plan", "a string"),
    ("enabled", "`true` or `false`"),
    ("expires_at", "an instant such as \"2026-11-22T12:00:00Z\"; leave the field out if the key never expires"),
    ("subject", "a string"),
    ("scopes", "a list of strings"),
];

impl KeySeed {
    fn check(&self) -> Result<(KeyHash, ApiKey), KeyError> {
        let key = ApiKey {
            key_id: self.key_id.clone(),
            plan: self.plan.clone(),
            enabled: self.enabled,
            expires_at: self.expires_at,
            subject: self.subject.clone(),
            scopes: self.scopes.clone(),
        };
        key.check()?;
        Ok((KeyHash::of(&self.key)?, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        let seeds: Seeds = serde_json::from_str(json).unwrap();
        let plans = seeds.plans().map(|_| ());
        plans.and_then(|()| seeds.keys().map(|_| ())).expect_err(json).to_string()
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let key = |more: &str| {
            format!(
                r#"{{"plans":{{"p":{{}}}},"keys":[{{"key":"twenty-characters-01","key_id":"a","plan":"p"}},{{{more}}}]}}"#
            )
        };
        for (json, expected) in [
            (r#"{"plans":{"p":{"near_limit":2}}}"#.to_owned(), "plans.p: near_limit is 2; it is from 0 to 1"),
            (
                r#"{"plans":{"p":{"routes":{"GET /a/*":{"rate":1,"burst":1}}}}}"#.to_owned(),
                "plans.p: routes: `*` in segment `*` is not a wildcard: write `{proxy+}` as the last segment for \
                 everything below, or `{name}` for one segment",
            ),
            (
                key(r#""key":"short","key_id":"b","plan":"p""#),
                "keys[1]: a key is 20 to 128 visible ASCII characters without a comma",
            ),
            (key(r#""key":"twenty-characters-02","key_id":"b","plan":"q""#), "keys[1]: there is no plan `q`"),
            (
                key(r#""key":"twenty-characters-01","key_id":"b","plan":"p""#),
                "keys[1]: the same key stands in an earlier key",
            ),
            (
                key(r#""key":"twenty-characters-02","key_id":"a","plan":"p""#),
                "keys[1]: the same key_id stands in an earlier key",
            ),
            (
                key(r#""key":"twenty-characters-02","key_id":"-","plan":"p""#),
                "keys[1]: key_id is 1 to 128 printable ASCII characters without quote and backslash, and not `-`",
            ),
        ] {
            assert_eq!(error(&json), expected);
        }
    }

    #[test]
    fn a_seed_shown_in_a_log_does_not_show_its_key() {
        let seeds: Seeds =
            serde_json::from_str(r#"{"keys":[{"key":"twenty-characters-01","key_id":"a","plan":"p"}]}"#).unwrap();
        assert!(!format!("{seeds:?}").contains("twenty"));
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_the_key() {
        for keys in [
            r#"["my-very-secret-key-000000001"]"#,
            r#"[{"my-very-secret-key-000000001":1}]"#,
            r#"[{"key":["my-very-secret-key-000000001"]}]"#,
        ] {
            let error = Seeds::parse(&format!(r#"{{"keys":{keys}}}"#)).unwrap_err().to_string();
            assert!(error.starts_with("keys[0]") && error.contains(" (line 1 column "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn null_is_an_error_that_names_the_field() {
        let key = r#""key":"twenty-characters-01","key_id":"a","plan":"p""#;
        for (seeds, place) in [
            (r#"{"plans":{"p":{"throttle":null}}}"#.to_owned(), "plans.p.throttle: invalid type: null"),
            (r#"{"plans":{"p":{"near_limit":null}}}"#.to_owned(), "plans.p.near_limit: invalid type: null"),
            (
                r#"{"plans":{"p":{"quotas":[{"limit":1,"period":"day","starts_on":null}]}}}"#.to_owned(),
                "plans.p.quotas[0].starts_on: invalid type: null",
            ),
            (r#"{"plans":{"p":{"routes":{"GET /a":{"rate":null,"burst":1}}}}}"#.to_owned(), "plans.p.routes"),
            (format!(r#"{{"keys":[{{{key},"expires_at":null}}]}}"#), "keys[0].expires_at (line 1 column "),
            (format!(r#"{{"keys":[{{{key},"enabled":null}}]}}"#), "keys[0].enabled (line 1 column "),
        ] {
            let error = Seeds::parse(&seeds).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
        }
    }

    #[test]
    fn negative_zero_is_refused_in_seeds() {
        let seeds = r#"{"plans":{"p":{"throttle":{"rate":-0.0,"burst":1}}}}"#;
        assert_eq!(error(seeds), "plans.p: throttle.rate is -0, expected 0 or more");
    }

    #[test]
    fn a_plan_or_a_route_that_stands_there_twice_is_refused() {
        let twice =
            Seeds::parse(r#"{"plans":{"p":{"throttle":{"rate":1,"burst":1}},"p":{}}}"#).unwrap_err().to_string();
        assert!(twice.contains("`p` stands there twice"), "{twice}");
        let routes = r#"{"GET /a":{"rate":1,"burst":1},"GET /a":{"rate":9,"burst":9}}"#;
        let twice = Seeds::parse(&format!(r#"{{"plans":{{"p":{{"routes":{routes}}}}}}}"#)).unwrap_err().to_string();
        assert!(twice.contains("`GET /a` stands there twice"), "{twice}");
    }

    #[test]
    fn a_key_may_expire_in_the_year_9999() {
        let json = r#"{"plans":{"p":{}},"keys":[{"key":"twenty-characters-01","key_id":"a","plan":"p",
            "expires_at":"9999-12-31T23:59:59Z"}]}"#;
        let (_, key) = Seeds::parse(json).unwrap().keys().unwrap().remove(0);
        assert_eq!(key.expires_at, Some(Timestamp::MAX));
    }
}
