//! The fields of a declared key.

use std::collections::BTreeMap;

use addresses::Network;
use jiff::Timestamp;
use registry::{ApiKey, KeyHash, KeyRecord, MAX_ALLOWED_IPS, is_key_id};
use serde::Deserialize;
use serde_json::Value;

/// A key in the file. `null` is the same as an absent field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the fields of a key")]
pub(crate) struct KeyFields {
    pub(crate) key_id: String,
    plan: String,
    name: Option<String>,
    description: Option<String>,
    enabled: Option<bool>,
    expires_at: Option<String>,
    not_before: Option<String>,
    allowed_ips: Option<Vec<String>>,
    group: Option<String>,
    subject: Option<String>,
    scopes: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
    prefix: Option<String>,
    hash: Option<String>,
}

/// A mistake: the JSON Pointer below the key, and the problem.
type Mistake = (String, String);

/// Returns the mistakes in a key with the fields of the admin API: for each, the JSON Pointer below the
/// key, and the problem.
#[must_use]
pub fn key_mistakes(key: &Value) -> Vec<(String, String)> {
    match KeyFields::deserialize(key) {
        Ok(fields) => fields.mistakes(),
        Err(error) => vec![(String::new(), error.to_string())],
    }
}

impl KeyFields {
    /// Returns the mistakes in the values of the fields.
    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        if !is_key_id(&self.key_id) {
            let problem = "expected 2 to 64 lower-case letters, digits, `_` or `-`, beginning with a letter or digit, \
                           or the id of an exported key";
            mistakes.push(("/key_id".to_owned(), problem.to_owned()));
        }
        if self
            .hash
            .as_deref()
            .is_some_and(|hash| KeyHash::from_hex(hash).is_none())
        {
            let problem = "expected the SHA-256 of the secret as 64 hexadecimal digits";
            mistakes.push(("/hash".to_owned(), problem.to_owned()));
        }

        let expires_at = instant("expires_at", self.expires_at.as_deref(), &mut mistakes);
        let not_before = instant("not_before", self.not_before.as_deref(), &mut mistakes);
        let allowed_ips = self.networks(&mut mistakes);
        let record = self.record(expires_at, not_before, allowed_ips);
        let in_values = record.mistakes().into_iter();
        // The id has rules of its own above.
        let in_values = in_values.filter(|(field, _)| *field != "key_id");
        mistakes.extend(in_values.map(|(field, problem)| (format!("/{field}"), problem)));
        mistakes
    }

    fn networks(&self, mistakes: &mut Vec<Mistake>) -> Vec<Network> {
        let texts = self.allowed_ips.as_deref().unwrap_or_default();
        if texts.len() > MAX_ALLOWED_IPS {
            let problem = format!("expected at most {MAX_ALLOWED_IPS} addresses and networks");
            mistakes.push(("/allowed_ips".to_owned(), problem));
            return Vec::new();
        }

        let mut networks = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(error) => {
                    let error: addresses::NetworkError = error;
                    mistakes.push((format!("/allowed_ips/{index}"), error.to_string()));
                }
            }
        }
        networks
    }

    fn record(
        &self,
        expires_at: Option<Timestamp>,
        not_before: Option<Timestamp>,
        allowed_ips: Vec<Network>,
    ) -> KeyRecord {
        let key = ApiKey {
            enabled: self.enabled.unwrap_or(true),
            expires_at,
            not_before,
            allowed_ips,
            group: self.group.clone(),
            subject: self.subject.clone(),
            scopes: self.scopes.clone().unwrap_or_default(),
            ..ApiKey::new(self.key_id.clone(), self.plan.clone())
        };
        let mut record = KeyRecord::new(key, Timestamp::UNIX_EPOCH);
        record.name.clone_from(&self.name);
        record.description.clone_from(&self.description);
        record.metadata = self.metadata.clone().unwrap_or_default();
        record.prefix.clone_from(&self.prefix);
        record
    }
}

fn instant(field: &str, text: Option<&str>, mistakes: &mut Vec<Mistake>) -> Option<Timestamp> {
    let text = text?;
    let instant = limits::parse_instant(text);
    if instant.is_none() {
        let problem = "expected an RFC 3339 instant such as \"2026-11-22T12:00:00Z\"";
        mistakes.push((format!("/{field}"), problem.to_owned()));
    }
    instant
}
