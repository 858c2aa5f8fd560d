//! Credentials of the plugin `jwt` as issuers of a policy.
//!
//! Kong identifies a consumer by the claim `iss` of a token. Each credential therefore becomes an
//! issuer. With `user_claim: iss`, all tokens of a credential are one caller, as in Kong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::entities::{Configuration, Credential, Index, Plugin, known_text};
use super::names::Names;
use super::public_key;
use crate::{Findings, Origin};

/// The algorithms with a shared secret, each with the minimum length of the secret in bytes.
const SECRET_ALGORITHMS: [(&str, usize); 3] = [("HS256", 32), ("HS384", 48), ("HS512", 64)];
const KEY_ALGORITHMS: [&str; 11] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
];

/// The issuers of a policy.
#[derive(Debug, Default)]
pub(super) struct Issuers(Vec<Issuer>);

/// An issuer, made from one credential.
#[derive(Debug)]
struct Issuer {
    name: String,
    consumer: Index,
    document: BTreeMap<&'static str, Value>,
}

/// The settings that all instances of the plugin `jwt` have in common, or the strictest of them.
#[derive(Debug, Default)]
struct Settings {
    max_lifetime_s: Option<u64>,
    has_base64_secrets: bool,
}

impl Issuers {
    /// Converts the credentials of every consumer that `is_refused` does not name.
    pub(super) fn read(
        configuration: &Configuration,
        is_refused: impl Fn(Index) -> bool,
        findings: &mut Findings,
    ) -> Self {
        let settings = Settings::read(configuration, findings);
        let (mut names, mut known) = (Names::default(), BTreeSet::new());
        let mut issuers = Self::default();
        for (index, consumer) in configuration.consumers.iter().enumerate() {
            for credential in &consumer.jwts {
                if is_refused(index) {
                    let text = "the consumer is disabled or restricted to addresses, which tokens cannot be, so its tokens are refused";
                    findings.stricter(&credential.origin, text);
                    continue;
                }
                let base = consumer
                    .username
                    .as_deref()
                    .or(consumer.custom_id.as_deref());
                let name = names.new_name(base.unwrap_or("consumer"));
                match document(credential, &name, &settings, findings) {
                    Ok(document) if known.insert(document["issuer"].to_string()) => {
                        let result = format!("issuer {name}, whose tokens are the consumer's");
                        findings.became(&credential.origin, result);
                        issuers.0.push(Issuer {
                            name,
                            consumer: index,
                            document,
                        });
                    }
                    Ok(_) => {
                        let text = "another credential has the same `key`, so tokens of this one are refused";
                        findings.closed(&credential.origin, text);
                    }
                    Err(problem) => {
                        let text = format!("{problem}, so tokens of this credential are refused");
                        findings.closed(&credential.origin, text);
                    }
                }
            }
        }
        issuers
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of issuers of a consumer.
    pub(super) fn count(&self, consumer: Index) -> usize {
        self.0
            .iter()
            .filter(|issuer| issuer.consumer == consumer)
            .count()
    }

    /// Returns the names of the issuers of the consumers that are accepted.
    pub(super) fn of_consumers(&self, is_accepted: impl Fn(Index) -> bool) -> BTreeSet<String> {
        let issuers = self.0.iter().filter(|issuer| is_accepted(issuer.consumer));
        issuers.map(|issuer| issuer.name.clone()).collect()
    }

    /// Sets the plan of each issuer, and returns their documents.
    pub(super) fn documents(self, plan_of: impl Fn(Index) -> Option<String>) -> Vec<Value> {
        let issuers = self.0.into_iter().map(|mut issuer| {
            let plan = plan_of(issuer.consumer).unwrap_or_default();
            issuer.document.insert("default_plan", json!(plan));
            json!(issuer.document)
        });
        issuers.collect()
    }
}

impl Settings {
    fn read(configuration: &Configuration, findings: &mut Findings) -> Self {
        let mut settings = Self::default();
        let plugins = configuration.plugins.iter();
        for plugin in plugins.filter(|plugin| plugin.name == "jwt") {
            settings.add(plugin);
            report_settings(plugin, findings);
        }
        settings
    }

    fn add(&mut self, plugin: &Plugin) {
        self.has_base64_secrets |= plugin.boolean("secret_is_base64", false) == Ok(true);
        let seconds = plugin
            .setting("maximum_expiration")
            .and_then(super::document::Node::number)
            .filter(|seconds| *seconds >= 1.0);
        if let Some(seconds) = seconds {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is at least 1, and a larger one than u64 becomes its maximum"
            )]
            let seconds = seconds.min(31_536_000.0) as u64;
            self.max_lifetime_s = Some(
                self.max_lifetime_s
                    .map_or(seconds, |known| known.min(seconds)),
            );
        }
    }
}

fn report_settings(plugin: &Plugin, findings: &mut Findings) {
    findings.stricter(
        &plugin.origin,
        "tokens need the claim `exp`, which Kong checks only if `claims_to_verify` contains it",
    );
    findings.stricter(
        &plugin.origin,
        "tokens are read from `Authorization: Bearer` only, not from the query, and not from cookies",
    );
}

fn document(
    credential: &Credential,
    name: &str,
    settings: &Settings,
    findings: &mut Findings,
) -> Result<BTreeMap<&'static str, Value>, String> {
    let node = &credential.node;
    let issuer = node
        .get("key")
        .and_then(known_text)
        .ok_or("`key` is missing or a reference")?;
    let algorithm = match node.get("algorithm") {
        None => "HS256",
        Some(node) => known_text(node).ok_or("`algorithm` is not a known string")?,
    };

    let mut document = BTreeMap::from([
        ("issuer", json!(issuer)),
        ("name", json!(name)),
        ("audiences", json!("any")),
        ("algorithms", json!([algorithm])),
        ("user_claim", json!("iss")),
        ("max_lifetime_s", json!(settings.max_lifetime_s)),
        // Kong reads neither scopes nor roles nor plans from these tokens.
        ("allowed_scopes", json!([])),
        ("allowed_roles", json!([])),
        ("allowed_plans", json!([])),
    ]);
    if let Some((_, length)) = SECRET_ALGORITHMS
        .iter()
        .find(|(known, _)| *known == algorithm)
    {
        let reference = secret(credential, name, *length, settings, findings)?;
        document.insert("secret", reference);
    } else if KEY_ALGORITHMS.contains(&algorithm) {
        let pem = node
            .get("rsa_public_key")
            .and_then(known_text)
            .ok_or("`rsa_public_key` is missing or a reference")?;
        document.insert("jwks", json!({"keys": [public_key::jwk(pem)?]}));
        document.insert("kid", json!("optional"));
    } else {
        return Err(format!("the algorithm `{algorithm}` is not supported"));
    }
    Ok(document)
}

/// Returns a reference in place of a secret, which is never written to the result.
fn secret(
    credential: &Credential,
    name: &str,
    min_length: usize,
    settings: &Settings,
    findings: &mut Findings,
) -> Result<Value, String> {
    let known = credential.node.get("secret").and_then(known_text);
    if let Some(secret) = known.filter(|_| !settings.has_base64_secrets)
        && secret.len() < min_length
    {
        return Err(format!(
            "its secret has {} bytes, expected at least {min_length}",
            secret.len()
        ));
    }

    let variable = format!(
        "KONG_JWT_SECRET_{}",
        name.replace('-', "_").to_ascii_uppercase()
    );
    report_secret(&credential.origin, &variable, findings);
    let reference = json!(format!("env:{variable}"));
    Ok(if settings.has_base64_secrets {
        json!({"base64url": reference})
    } else {
        reference
    })
}

fn report_secret(origin: &Origin, variable: &str, findings: &mut Findings) {
    let text = format!(
        "its secret is not written to the file; set the environment variable {variable}, or write \
         `ssm:/NAME` or `secretsmanager:ARN` in place of `env:{variable}`"
    );
    findings.warning(origin, text);
}
