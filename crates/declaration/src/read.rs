//! Reading a file.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::check::Checker;
use crate::compare::ObjectKind;
use crate::declaration::{Declaration, DeclaredKey, MAX_FILE_BYTES};
use crate::located::Located;
use crate::mistake::{DeclarationError, DeclarationMistake};
use crate::position::Position;

const FIELDS: [&str; 5] = ["name", "plans", "policies", "compositions", "keys"];
const MAX_NAME_BYTES: usize = 64;

impl Declaration {
    /// Reads a file. `file` is its name in errors.
    ///
    /// # Errors
    /// [`DeclarationError`] with every mistake in the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, DeclarationError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(too_large(file));
        }
        let located = Located::parse(file, text)?;
        let mut checker = Checker::new(&located);

        let declaration = match &located.value {
            Value::Object(fields) if !fields.is_empty() => read(fields, &mut checker),
            _ => {
                checker.add("", format!("expected an object with {}", list(&FIELDS)));
                Self::default()
            }
        };
        match checker.mistakes {
            mistakes if mistakes.is_empty() => Ok(declaration),
            mistakes => Err(located.error(mistakes)),
        }
    }
}

fn read(fields: &Map<String, Value>, checker: &mut Checker<'_>) -> Declaration {
    for field in fields
        .keys()
        .filter(|field| !FIELDS.contains(&field.as_str()))
    {
        let problem = format!("unknown field `{field}`, expected {}", list(&FIELDS));
        checker.add(&format!("/{field}"), problem);
    }

    let plans = named(fields, "plans", checker);
    for (name, plan) in &plans {
        checker.plan(&place("plans", name), name, plan);
    }
    let policies = named(fields, "policies", checker);
    for (name, policy) in &policies {
        checker.name(&place("policies", name), ObjectKind::Policy, name);
        checker.policy(&place("policies", name), policy);
    }
    let compositions = named(fields, "compositions", checker);
    for (name, composition) in &compositions {
        let place = place("compositions", name);
        checker.name(&place, ObjectKind::Composition, name);
        checker.composition(&place, composition);
    }
    Declaration {
        name: name(fields, checker),
        plans,
        policies,
        compositions,
        keys: keys(fields, checker),
    }
}

fn name(fields: &Map<String, Value>, checker: &mut Checker<'_>) -> Option<String> {
    let value = fields.get("name").filter(|value| !value.is_null())?;
    let is_name = |name: &str| {
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        name.bytes().all(is_letter) && (1..=MAX_NAME_BYTES).contains(&name.len())
    };

    let name = value.as_str().filter(|name| is_name(name));
    if name.is_none() {
        let problem = "expected 1 to 64 lower-case letters, digits and `-`";
        checker.add("/name", problem);
    }
    name.map(str::to_owned)
}

/// Returns the entries of `plans`, `policies` or `compositions`. An absent section and `null` have no entries.
fn named(
    fields: &Map<String, Value>,
    field: &str,
    checker: &mut Checker<'_>,
) -> BTreeMap<String, Value> {
    match fields.get(field) {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(entries)) => entries.clone().into_iter().collect(),
        Some(_) => {
            checker.add(
                &format!("/{field}"),
                format!("expected an object with {field} by name"),
            );
            BTreeMap::new()
        }
    }
}

fn keys(fields: &Map<String, Value>, checker: &mut Checker<'_>) -> Vec<DeclaredKey> {
    let documents = match fields.get("keys") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(documents)) => documents,
        Some(_) => {
            checker.add("/keys", "expected a list of keys");
            return Vec::new();
        }
    };

    let (mut keys, mut indices) = (Vec::new(), HashMap::new());
    for (index, document) in documents.iter().enumerate() {
        let pointer = format!("/keys/{index}");
        let Some(key_id) = checker.key(&pointer, document) else {
            continue;
        };
        if let Some(first) = indices.insert(key_id.clone(), index) {
            let problem = format!("duplicate key `{key_id}`, which is also keys[{first}]");
            checker.add(&format!("{pointer}/key_id"), problem);
        }
        keys.push(declared(key_id, document));
    }
    keys
}

fn declared(key_id: String, document: &Value) -> DeclaredKey {
    let mut fields = document.as_object().cloned().unwrap_or_default();
    fields.remove("key_id");
    let hash = fields.remove("hash");
    DeclaredKey {
        key_id,
        fields,
        hash: hash.and_then(|hash| hash.as_str().map(str::to_ascii_lowercase)),
    }
}

fn place(field: &str, name: &str) -> String {
    format!("/{field}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn list(fields: &[&str]) -> String {
    let names: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    names.join(", ")
}

fn too_large(file: &str) -> DeclarationError {
    let problem = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
    DeclarationError {
        file: file.to_owned(),
        mistakes: vec![DeclarationMistake {
            position: Position::START,
            field: String::new(),
            problem,
        }],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = "\
name: shop
plans:
  free: {throttle: {rate: 1, burst: 5}, quotas: [{limit: 100, period: day}]}
policies:
  main:
    rules: [{match: 'ANY /{proxy+}', auth: any}]
keys:
  - key_id: acme
    name: Acme Inc.
    plan: free
    metadata: {stripe: cus_1}
    expires_at: null
";

    fn problems(text: &str) -> Vec<String> {
        let error = Declaration::parse("t.yaml", text).unwrap_err();
        error.to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn plans_policies_and_keys_are_read() {
        let declaration = Declaration::parse("t.yaml", FILE).unwrap();
        assert_eq!(declaration.name.as_deref(), Some("shop"));
        assert_eq!(
            declaration.plans["free"]["throttle"],
            json!({"rate": 1, "burst": 5})
        );
        assert_eq!(declaration.policies["main"]["rules"][0]["auth"], "any");
        let key = &declaration.keys[0];
        assert_eq!((key.key_id.as_str(), &key.hash), ("acme", &None));
        assert_eq!(key.fields["metadata"], json!({"stripe": "cus_1"}));
        assert!(!declaration.has_hashes());
    }

    #[test]
    fn every_mistake_is_reported_with_its_position() {
        let text = "\
plans:
  free: {throttle: {rate: -1, burst: 5}}
  'a b': {}
  typo: {throtle: {rate: 1, burst: 1}}
policies:
  main: {rules: [{match: GET /a, auth: apikey}]}
keys:
  - {key_id: acme, plan: free, enabled: maybe}
  - {key_id: Acme!, plan: free}
  - {key_id: twice, plan: free, expires_at: tomorrow, allowed_ips: [10.0.0.0/40]}
  - {key_id: twice, plan: free, hash: abc}
  - {key_id: lost}
color: red
";
        let problems = problems(text);
        for expected in [
            "t.yaml:2:27: plans.free.throttle.rate: ",
            "t.yaml:3:10: plans[\"a b\"]: invalid plan name",
            "t.yaml:4:",
            "t.yaml:6:",
            "t.yaml:8:41: keys[0].enabled: ",
            "t.yaml:9:14: keys[1].key_id: ",
            "t.yaml:10:45: keys[2].expires_at: expected an RFC 3339 instant",
            "t.yaml:10:69: keys[2].allowed_ips[0]: ",
            "t.yaml:11:14: keys[3].key_id: duplicate key `twice`, which is also keys[2]",
            "t.yaml:11:39: keys[3].hash: expected the SHA-256",
            "t.yaml:12:5: keys[4]: missing field `plan`",
            "t.yaml:13:8: color: unknown field `color`, expected `name`, `plans`",
        ] {
            let is_reported = problems.iter().any(|problem| problem.starts_with(expected));
            assert!(is_reported, "{expected}: {problems:#?}");
        }
        assert!(
            problems[2].contains("unknown field `throtle`"),
            "{problems:#?}"
        );
        assert!(
            problems[3].contains("policies.main.rules[0].auth: "),
            "{problems:#?}"
        );
        assert_eq!(problems.len(), 12, "{problems:#?}");
    }

    #[test]
    fn name_of_a_policy_is_a_plain_word() {
        for name in ["..", ".", "''", "a/b", "-a"] {
            let text = format!("policies: {{{name}: {{rules: []}}}}");
            let problem = &problems(&text)[0];
            assert!(problem.contains("invalid policy name"), "{name}: {problem}");
        }
    }

    #[test]
    fn empty_file_is_an_error_and_empty_sections_are_not() {
        for text in ["", "# nothing\n", "[]", "a", "{}"] {
            assert!(problems(text)[0].contains("expected an object"), "{text}");
        }
        let declaration = Declaration::parse("t.yaml", "plans:\nkeys: []\n").unwrap();
        assert_eq!(declaration, Declaration::default());
    }

    #[test]
    fn secret_in_the_place_of_a_hash_is_not_repeated() {
        let secret = "tg_averylongsecretthatmustnotappear";
        let text = format!("keys: [{{key_id: acme, plan: free, hash: {secret}}}]");
        assert!(!problems(&text)[0].contains(secret));
        let text = format!("keys: [{{key_id: acme, plan: free, hash: [{secret}]}}]");
        assert!(!problems(&text)[0].contains(secret));
    }
}
