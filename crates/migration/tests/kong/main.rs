//! Configurations of Kong in the form that its users have, and what becomes of them.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected result"
)]

mod files;
mod invalid;
mod precedence;
mod router;

use std::collections::BTreeMap;

use declaration::Declaration;
use migration::{Migration, Outcome};
use serde_json::{Value, json};

/// A conversion, and the file that it writes, which is valid.
struct Converted {
    migration: Migration,
    declaration: Declaration,
}

impl Converted {
    fn of(name: &str, text: &str) -> Self {
        let migration = migration::kong::import(&[(name.to_owned(), text.to_owned())])
            .map_err(|error| error.to_string())
            .unwrap();
        let yaml = migration.declaration.to_yaml(&[]);
        let declaration = Declaration::parse("tollgate.yaml", &yaml)
            .map_err(|error| format!("{name}: {error}\n{yaml}"))
            .unwrap();
        assert_eq!(declaration, migration.declaration, "{name}");
        Self {
            migration,
            declaration,
        }
    }

    fn file(name: &str) -> Self {
        let path = format!("{}/tests/kong/files/{name}", env!("CARGO_MANIFEST_DIR"));
        Self::of(name, &std::fs::read_to_string(path).unwrap())
    }

    fn policy(&self) -> &Value {
        &self.declaration.policies[migration::kong::POLICY]
    }

    /// Returns each rule as `MATCH: AUTH`, and its other fields in JSON.
    fn rules(&self) -> Vec<String> {
        let rules = self.policy()["rules"].as_array().unwrap().iter();
        rules
            .map(|rule| {
                let fields = rule.as_object().unwrap().clone();
                let mut rule: BTreeMap<String, Value> = fields.into_iter().collect();
                let key = rule.remove("match").unwrap();
                let auth = rule.remove("auth").unwrap();
                let rest = if rule.is_empty() {
                    String::new()
                } else {
                    format!(" {}", json!(rule))
                };
                format!(
                    "{}: {}{rest}",
                    key.as_str().unwrap(),
                    auth.as_str().unwrap()
                )
            })
            .collect()
    }

    fn plan(&self, name: &str) -> &Value {
        &self.declaration.plans[name]
    }

    /// Returns a key with its fields and whether it takes over its secret.
    fn key(&self, key_id: &str) -> (Value, bool) {
        let mut keys = self.declaration.keys.iter();
        let key = keys.find(|key| key.key_id == key_id).unwrap();
        (Value::Object(key.fields.clone()), key.hash.is_some())
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.migration.report.count(outcome)
    }

    /// Returns the findings of an outcome as `WHAT: TEXT`.
    fn findings(&self, outcome: Outcome) -> Vec<String> {
        let findings = self.migration.report.findings.iter();
        findings
            .filter(|finding| finding.outcome == outcome)
            .map(|finding| format!("{}: {}", finding.origin.what, finding.text))
            .collect()
    }

    fn assert_finding(&self, outcome: Outcome, part: &str) {
        let findings = self.findings(outcome);
        assert!(
            findings.iter().any(|text| text.contains(part)),
            "{part}: {findings:#?}"
        );
    }

    /// Asserts that nothing is more permissive, and nothing is refused.
    fn assert_complete(&self) {
        let lists = [
            self.findings(Outcome::Laxer),
            self.findings(Outcome::Closed),
        ];
        assert_eq!(lists, [Vec::<String>::new(), Vec::new()]);
    }
}
