//! The check of a policy before it is stored: the authorizer must be able to load it.

use policy::{FUNCTION_NAME, KeyHeader, Policy, UNREAD_SECRET};
use serde_json::Value;

use crate::problem::{Mistake, Problem};
use crate::schema;
use crate::schema::mistakes::Mistakes;

/// Reads a policy as the authorizer does, in Lambda or on a developer's machine.
///
/// # Errors
/// See [`policy_of`].
pub(super) fn policy(document: &Value, key_header: &KeyHeader) -> Result<Policy, Problem> {
    let function = std::env::var(FUNCTION_NAME).ok();
    policy_of(document, key_header, function.as_deref())
}

/// Reads a policy as the authorizer does. `function` is the name of its Lambda function, or `None` on
/// a developer's machine.
///
/// # Errors
/// 422 with every mistake in the shape of the document. If there are none, with the first mistake
/// in its meaning.
pub(crate) fn policy_of(
    document: &Value,
    key_header: &KeyHeader,
    function: Option<&str>,
) -> Result<Policy, Problem> {
    let shape = schema::remove_mistakes(&mut document.clone(), "Policy");
    let mut found: Vec<_> = inline_secret(document).into_iter().collect();

    let policy = if shape.is_empty() {
        parse(&document.to_string(), key_header, function)
            .map_err(|mistake| found.push(mistake))
            .ok()
    } else {
        None
    };

    let mistakes = shape.with(found);
    match policy {
        Some(policy) if mistakes.is_empty() => Ok(policy),
        _ => Err(Problem::invalid_body(mistakes)),
    }
}

/// Parses a policy as the authorizer does. The secrets that it names are in the environment of the
/// authorizer, so each counts as present.
fn parse(text: &str, key_header: &KeyHeader, function: Option<&str>) -> Result<Policy, Mistake> {
    let variable = |name: &str| match name {
        FUNCTION_NAME => function.map(str::to_owned),
        _ => Some(UNREAD_SECRET.to_owned()),
    };
    Policy::parse_new(text, key_header, &variable).map_err(|error| mistake(&error.to_string()))
}

/// Reports a client secret that is not a reference. Policies can be read, so they must not contain
/// secrets.
fn inline_secret(document: &Value) -> Option<Mistake> {
    const PLACE: &str = "/introspection/client_secret";
    let secret = document.pointer(PLACE)?.as_str()?;

    let is_reference = ["env:", "ssm:", "secretsmanager:"]
        .iter()
        .any(|form| secret.starts_with(form));
    let detail =
        "is a secret, expected a reference: `env:NAME`, `ssm:/NAME` or `secretsmanager:ARN`";
    (!is_reference).then(|| Mistake::at(PLACE, detail))
}

/// Converts an error of the policy crate: `rules[1].match: …` is at `/rules/1/match`.
fn mistake(error: &str) -> Mistake {
    match error
        .split_once(": ")
        .filter(|(place, _)| !place.contains([' ', '`']))
    {
        Some((place, detail)) => Mistake::at(pointer(place), detail),
        None => Mistake::at("", error),
    }
}

/// Returns the JSON pointer of a place: `/rules/1/match` for `rules[1].match`.
pub(crate) fn pointer(place: &str) -> String {
    let steps = place.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.fold(String::new(), |pointer, step| {
        Mistakes::field(&pointer, step)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_valid(document: Value) -> bool {
        policy(&document, &KeyHeader::default()).is_ok()
    }

    #[test]
    fn every_form_of_a_field_is_accepted() {
        let issuer = |more: Value| {
            let mut issuer = json!({"issuer": "https://a.example", "audiences": ["api"],
                                    "default_plan": "free"});
            issuer
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            json!({"issuers": [issuer], "rules": [{"match": "GET /", "auth": "jwt", "roles": ["a"]}]})
        };
        let tenants = json!({"issuer": "https://a.example/{tenantid}", "tenants": "any",
            "allowed_scopes": [], "allowed_roles": [], "allowed_plans": []});
        let mut listed = tenants.clone();
        listed["tenants"] = json!(["any", "9188040d-6c67-4c5b-b112-36a304b66dad"]);
        for more in [
            json!({"audiences": "any"}),
            json!({"audiences": ["api"], "audience_claims": ["azp", "/ext/client"]}),
            json!({"kid": "optional"}),
            json!({"user_claim": "oid", "scopes_claim": ["scope", "/ext/scopes"]}),
            json!({"roles_claim": "/realm_access/roles", "required_claims": {"/a/b": ["c", 1, true]}}),
            json!({"plan_claim": ["tier", "/meta/tier"], "plans": {"u:pro": "pro"}}),
            json!({"secret": "env:SECRET", "algorithms": ["HS512"]}),
            json!({"secret": {"base64url": "ssm:/issuer/secret"}}),
            json!({"secret": ["env:SECRET", {"base64url": "env:NEXT"}], "algorithms": ["HS512"]}),
            tenants,
            listed,
        ] {
            let checked = policy(&issuer(more.clone()), &KeyHeader::default());
            let problem = checked
                .err()
                .map(|problem| serde_json::to_value(problem).unwrap());
            assert_eq!(problem, None, "{more}");
        }
    }

    #[test]
    fn front_needs_references_and_the_header_that_is_removed() {
        let with_front = |front: Value| json!({"front": front, "rules": []});
        for front in [
            json!({"secret": "env:FRONT"}),
            json!({"header": "X-Origin-Verify", "secret": ["ssm:/front/a", "ssm:/front/b"],
                   "client_ip": "cloudfront-viewer-address"}),
        ] {
            assert!(is_valid(with_front(front.clone())), "{front}");
        }

        for (front, pointer) in [
            (json!(null), "/front"),
            (json!({}), "/front"),
            (
                json!({"secret": "0123456789abcdef0123456789abcdef"}),
                "/front/secret",
            ),
            (json!({"secret": []}), "/front/secret"),
            (
                json!({"secret": "env:A", "header": "x-other"}),
                "/front/header",
            ),
            (
                json!({"secret": "env:A", "client_ip": "x-forwarded-for"}),
                "/front/client_ip",
            ),
            (json!({"secret": "env:A", "cidr": []}), "/front/cidr"),
        ] {
            let found = pointers(with_front(front.clone()));
            assert!(found.starts_with(pointer), "{front}: {found}");
        }
        let mistake = policy(
            &with_front(json!({"secret": "hush"})),
            &KeyHeader::default(),
        );
        let mistake = serde_json::to_string(&mistake.expect_err("a literal")).unwrap();
        assert!(!mistake.contains("hush"), "{mistake}");
    }

    #[test]
    fn mistake_in_one_of_several_forms_is_found() {
        let pointers_of = |field: &str, value: Value| {
            let mut issuer = json!({"issuer": "https://a.example", "audiences": ["api"],
                                    "default_plan": "free"});
            issuer[field] = value;
            pointers(json!({"issuers": [issuer], "rules": []}))
        };
        for (field, value) in [
            ("audiences", json!("some")),
            ("audiences", json!(7)),
            ("secret", json!("hush-hush-hush-hush-hush-hush-hush")),
            ("secret", json!({"base64": "env:A"})),
            ("roles_claim", json!({})),
            ("plans", json!({"a": 1})),
            ("kid", json!("none")),
            ("tenants", json!(null)),
            ("revocation", json!("introspection")),
        ] {
            let found = pointers_of(field, value.clone());
            let expected = format!("/issuers/0/{field}");
            assert!(found.starts_with(&expected), "{field} {value}: {found}");
        }
    }

    fn pointers(document: Value) -> String {
        let problem = policy(&document, &KeyHeader::default()).expect_err("a mistake");
        let problem = serde_json::to_value(problem).unwrap();
        let errors = problem["errors"].as_array().unwrap().iter();
        let mut pointers: Vec<_> = errors
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect();
        pointers.sort_unstable();
        pointers.join(" ")
    }

    #[test]
    fn policy_that_the_authorizer_can_load_is_valid() {
        let introspection = json!({"endpoint": "https://a.example/x", "client_id": "a", "client_secret": "env:SECRET",
            "default_plan": "free"});
        let rules = json!([{"match": "ANY /{proxy+}", "auth": "any"}]);
        assert!(is_valid(json!({"rules": rules})));
        assert!(is_valid(
            json!({"rules": rules, "introspection": introspection})
        ));

        let in_secrets_manager =
            "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:idp-Ab3dEf";
        for reference in ["ssm:/tollgate/idp", in_secrets_manager] {
            let mut introspection = introspection.clone();
            introspection["client_secret"] = reference.into();
            introspection["token_pattern"] = "oat_[a-z0-9]{32}".into();
            introspection["auth"] = "post".into();
            let policy = json!({"rules": rules, "introspection": introspection});
            assert!(is_valid(policy), "{reference}");

            let with_key = json!({"endpoint": "http://hydra-admin:4445/x", "insecure_http": true, "client_id": "a",
                "auth": "private_key_jwt", "client_key": reference, "client_key_id": "1",
                "client_assertion_audience": "https://a.example", "default_plan": "free"});
            let policy = json!({"rules": rules, "introspection": with_key});
            assert!(is_valid(policy), "{reference}");
        }
    }

    #[test]
    fn client_key_is_a_reference_and_belongs_to_its_method() {
        let pointers_of = |auth: &str, key: &str| {
            let introspection = json!({"endpoint": "https://a.example/x", "client_id": "a", "auth": auth,
                "client_key": key, "default_plan": "free"});
            let document = json!({"rules": [], "introspection": introspection});
            let problem = policy(&document, &KeyHeader::default()).expect_err("a mistake");
            assert!(!format!("{problem:?}").contains("hush"), "{problem:?}");
            pointers(document)
        };
        for (auth, key) in [
            ("private_key_jwt", "-----BEGIN PRIVATE KEY-----\nhush"),
            ("private_key_jwt", "ssm:hush"),
            ("private_key_jwt", ""),
            ("none", "env:KEY"),
        ] {
            let found = pointers_of(auth, key);
            assert_eq!(found, "/introspection/client_key", "{auth} {key}");
        }
    }

    #[test]
    fn inline_secret_is_rejected_and_not_repeated() {
        let mistake_of =
            |secret: &str| inline_secret(&json!({"introspection": {"client_secret": secret}}));

        for reference in [
            "env:SECRET",
            "ssm:/tollgate/secret",
            "secretsmanager:arn:aws:secretsmanager:r:1:secret:x",
        ] {
            assert_eq!(mistake_of(reference), None);
        }

        let mistake = mistake_of("hush").unwrap();
        let pointer = mistake.pointer.as_deref();
        assert_eq!(pointer, Some("/introspection/client_secret"));
        assert!(!mistake.detail.contains("hush"));
    }

    #[test]
    fn policy_that_the_authorizer_cannot_load_is_rejected() {
        for (policy, expected) in [
            (
                json!({"rules": [{"match": "GET /", "auth": "anyone"}]}),
                "/rules/0/auth",
            ),
            (
                json!({"rules": [{"match": "/", "auth": "any"}]}),
                "/rules/0/match",
            ),
            (
                json!({"rules": [{"match": "ANY /admin/*", "auth": "any"}]}),
                "/rules/0/match",
            ),
            (
                json!({"rules": [], "paths": {"case": "lower"}}),
                "/paths/case",
            ),
            (json!({"rules": [], "rulez": []}), "/rulez"),
            (
                json!({"rules": [], "clock_tolerance_s": 301}),
                "/clock_tolerance_s",
            ),
            (
                json!({"rules": [], "api_keys": {"header": "x-my-key"}}),
                "/api_keys/header",
            ),
            (json!({}), "/rules"),
            (json!([]), ""),
            (
                json!({"rules": [{"auth": 1, "cost": -1}, []], "issuers": [{}], "introspection": {"client_secret": "x"}}),
                "/introspection/client_secret /introspection/endpoint /issuers/0/audiences /issuers/0/issuer \
                 /rules/0/auth /rules/0/cost /rules/0/match /rules/1",
            ),
            (
                json!({"rules": [], "introspection": {"endpoint": "https://a", "client_secret": "env:S", "default_plan": "p"}}),
                "/introspection/client_id",
            ),
        ] {
            assert_eq!(pointers(policy.clone()), expected, "{policy}");
        }
    }
}
