//! Consumers as declared keys.

use std::collections::HashSet;

use declaration::DeclaredKey;
use serde_json::{Map, Value, json};

use super::acl::GroupList;
use super::address_lists::AddressLists;
use super::catalog::{Effect, effect};
use super::entities::{Configuration, Consumer, Credential, Index, Plugin, Scope, known_text};
use super::guards::is_termination;
use super::names::{Names, sha256};
use super::plans::Assignment;
use crate::Findings;

/// The lengths of keys that Tollgate accepts.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 20..=128;
/// The fewest different characters of a key that looks random.
const MIN_DIFFERENT_CHARACTERS: usize = 8;
const MAX_METADATA_CHARACTERS: usize = 256;
const MAX_NAME_CHARACTERS: usize = 1_024;
const MAX_SCOPES: usize = 64;

/// Returns the reason why all requests of a consumer are refused, if there is one.
pub(super) fn refusal(
    configuration: &Configuration,
    consumer: Index,
    findings: &mut Findings,
) -> Option<String> {
    let declared = &configuration.consumers[consumer];
    if let Some(problem) = &declared.unknown {
        findings.closed(
            &declared.origin,
            format!("{problem}, so its keys are disabled"),
        );
        return Some(problem.clone());
    }

    let concerns = |plugin: &&Plugin| {
        plugin.scope.consumer == Some(consumer)
            || plugin
                .scope
                .group
                .as_ref()
                .is_some_and(|group| declared.groups.contains(group))
    };
    for plugin in configuration.plugins.iter().filter(concerns) {
        let is_group = plugin.scope.group.is_some();
        match (effect(&plugin.name), plugin.name.as_str()) {
            (Effect::Guard, name) => {
                let text = format!(
                    "{name} may restrict access and is not supported, so the keys are disabled"
                );
                findings.closed(&plugin.origin, text);
                return Some(format!("{name} is not supported"));
            }
            (_, "request-termination") if is_termination(plugin, findings) => {
                let only_consumer = Scope {
                    consumer: plugin.scope.consumer,
                    group: plugin.scope.group.clone(),
                    ..Scope::default()
                };
                if plugin.scope == only_consumer {
                    findings.became(&plugin.origin, "`enabled: false` of the keys");
                } else {
                    let text = "a key cannot be disabled for one route, so it is disabled for all";
                    findings.closed(&plugin.origin, text);
                }
                return Some("request-termination".to_owned());
            }
            (_, "ip-restriction") if is_group && !AddressLists::has_only_denied(plugin) => {
                let text =
                    "addresses of a consumer group are not supported, so the keys are disabled";
                findings.closed(&plugin.origin, text);
                return Some("ip-restriction".to_owned());
            }
            _ => {}
        }
    }
    None
}

/// The fields that all keys of a consumer share.
pub(super) struct Owner<'c> {
    pub(super) consumer: &'c Consumer,
    pub(super) assignment: &'c Assignment,
    pub(super) is_refused: bool,
    pub(super) allowed_ips: Option<Vec<String>>,
    pub(super) groups: &'c [GroupList],
}

impl Owner<'_> {
    /// Returns a declared key for a credential.
    pub(super) fn key(
        &self,
        credential: &Credential,
        key_id: &str,
        known_hashes: &mut HashSet<String>,
        findings: &mut Findings,
    ) -> DeclaredKey {
        let mut fields = Map::new();
        let name = self
            .consumer
            .username
            .as_ref()
            .or(self.consumer.custom_id.as_ref());
        if let Some(name) = name {
            let name: String = name.chars().take(MAX_NAME_CHARACTERS).collect();
            fields.insert("name".to_owned(), json!(name));
        }
        fields.insert("plan".to_owned(), json!(self.assignment.plan));
        if let Some(group) = &self.assignment.group {
            fields.insert("group".to_owned(), json!(group));
        }
        if let Some(addresses) = &self.allowed_ips {
            fields.insert("allowed_ips".to_owned(), json!(addresses));
        }

        let scopes = self.scopes(credential, findings);
        if !scopes.is_empty() {
            fields.insert("scopes".to_owned(), json!(scopes));
        }
        let metadata = self.metadata(credential, findings);
        if !metadata.is_empty() {
            fields.insert("metadata".to_owned(), Value::Object(metadata));
        }
        if self.is_refused || has_unknown_end(credential, findings) {
            fields.insert("enabled".to_owned(), json!(false));
        }

        let mut hash = hash(credential, findings);
        if hash
            .as_ref()
            .is_some_and(|hash| !known_hashes.insert(hash.clone()))
        {
            let text = "another key has the same value, so that it needs a new secret";
            findings.stricter(&credential.origin, text);
            hash = None;
        }
        let result = if hash.is_some() {
            format!("key {key_id} on plan {}", self.assignment.plan)
        } else {
            format!(
                "key {key_id} on plan {}, with a new secret",
                self.assignment.plan
            )
        };
        findings.became(&credential.origin, result);
        DeclaredKey {
            key_id: key_id.to_owned(),
            fields,
            hash,
        }
    }

    fn scopes(&self, credential: &Credential, findings: &mut Findings) -> Vec<String> {
        let lists = self
            .groups
            .iter()
            .filter(|list| list.accepts(self.consumer));
        let mut scopes: Vec<String> = lists.map(GroupList::scope).collect();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.len() > MAX_SCOPES {
            let text = format!("a key has at most {MAX_SCOPES} scopes, so it lacks others");
            findings.closed(&credential.origin, text);
            scopes.truncate(MAX_SCOPES);
        }
        scopes
    }

    fn metadata(&self, credential: &Credential, findings: &mut Findings) -> Map<String, Value> {
        let tags = self.consumer.tags.join(",");
        let entries = [
            ("kong_consumer_id", self.consumer.id.clone()),
            ("kong_custom_id", self.consumer.custom_id.clone()),
            ("kong_tags", Some(tags).filter(|tags| !tags.is_empty())),
        ];

        let mut metadata = Map::new();
        for (name, value) in entries {
            match value {
                Some(value) if value.chars().count() <= MAX_METADATA_CHARACTERS => {
                    metadata.insert(name.to_owned(), json!(value));
                }
                Some(_) => {
                    let text =
                        format!("{name} is longer than {MAX_METADATA_CHARACTERS} characters");
                    findings.not_mapped(&credential.origin, text);
                }
                None => {}
            }
        }
        metadata
    }
}

/// Returns the ids of a consumer's keys.
pub(super) fn key_ids(consumer: &Consumer, names: &mut Names) -> Vec<String> {
    let base = consumer
        .username
        .as_deref()
        .or(consumer.custom_id.as_deref())
        .or(consumer.id.as_deref())
        .unwrap_or("consumer");
    (0..consumer.keys.len())
        .map(|_| names.new_name(base))
        .collect()
}

/// True if a key expires at an instant that is not known.
fn has_unknown_end(credential: &Credential, findings: &mut Findings) -> bool {
    let has_ttl = credential.node.get("ttl").is_some();
    if has_ttl {
        let text =
            "it has a `ttl`; set `expires_at` and enable the key, which is disabled until then";
        findings.closed(&credential.origin, text);
    }
    has_ttl
}

/// Returns the hash of a key's secret. Without one, `apply` makes a new secret.
fn hash(credential: &Credential, findings: &mut Findings) -> Option<String> {
    let secret = credential.node.get("key").and_then(known_text);
    let Some(secret) = secret else {
        let text = "its value is missing or a reference, so that it needs a new secret";
        findings.stricter(&credential.origin, text);
        return None;
    };
    let is_plain = secret
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b',');
    if !is_plain || !KEY_LENGTHS.contains(&secret.len()) {
        let text = format!(
            "a key of {} bytes is not accepted, expected {} to {} visible ASCII characters without a comma, so that it needs a new secret",
            secret.len(),
            KEY_LENGTHS.start(),
            KEY_LENGTHS.end()
        );
        findings.stricter(&credential.origin, text);
        return None;
    }

    let mut characters: Vec<u8> = secret.bytes().collect();
    characters.sort_unstable();
    characters.dedup();
    if characters.len() < MIN_DIFFERENT_CHARACTERS {
        let text = "its value is easy to guess, and its hash reveals it; rotate the key soon";
        findings.warning(&credential.origin, text);
    }
    Some(sha256(secret))
}
