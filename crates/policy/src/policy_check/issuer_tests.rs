//! Tests of the checks of issuers, over whole policies.

use serde_json::{Value, json};

use super::*;

const ENTRA: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn policy_of(policy: &Value) -> Result<Policy, String> {
    let lookup = |name: &str| match name {
        "SECRET" => Some("0123456789".repeat(5)),
        "LINE" => Some("0123456789".repeat(5) + "\n"),
        _ => None,
    };
    Policy::parse(&policy.to_string(), &KeyHeader::default(), &lookup)
        .map_err(|error| error.without_position())
}

fn policy(issuers: Value) -> Result<Policy, String> {
    policy_of(&json!({"issuers": issuers, "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]}))
}

fn issuer(more: Value) -> Value {
    let mut issuer = json!({"issuer": "https://a", "audiences": ["api"], "default_plan": "free"});
    for (field, value) in more.as_object().unwrap() {
        issuer[field] = value.clone();
    }
    issuer
}

fn entra(more: Value) -> Value {
    let mut entra = issuer(
        json!({"issuer": ENTRA, "tenants": "any", "allowed_scopes": [],
                                  "allowed_roles": ["reader"], "allowed_plans": []}),
    );
    for (field, value) in more.as_object().unwrap() {
        entra[field] = value.clone();
    }
    entra
}

#[test]
fn entries_of_one_issuer_need_different_names_and_audiences() {
    let (spa, m2m) = (
        json!({"name": "spa"}),
        json!({"name": "m2m", "audiences": ["m2m"]}),
    );
    assert!(policy(json!([issuer(spa.clone()), issuer(m2m.clone())])).is_ok());
    assert!(policy(json!([issuer(json!({})), issuer(m2m.clone())])).is_ok());

    for (second, expected) in [
        (
            json!({"audiences": ["m2m"], "name": "spa"}),
            "issuers[1].name: is the same as in issuers[0]",
        ),
        (
            json!({"audiences": ["m2m", "api"]}),
            "issuers[1].audiences: `api` is already in issuers[0]",
        ),
    ] {
        let error = policy(json!([issuer(spa.clone()), issuer(second)])).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }

    let any = json!({"audiences": "any", "name": "rest"});
    assert!(policy(json!([issuer(spa.clone()), issuer(any.clone())])).is_ok());
    let error = policy(json!([issuer(any), issuer(spa)])).unwrap_err();
    assert!(
        error.starts_with("issuers[1].audiences: `any` is already in issuers[0]"),
        "{error}"
    );
}

#[test]
fn tenant_with_an_entry_of_its_own_conflicts_with_the_pattern() {
    let tenant = issuer(json!({"issuer": ENTRA.replace("{tenantid}", TENANT)}));
    let error = policy(json!([entra(json!({})), tenant])).unwrap_err();
    assert!(
        error.starts_with("issuers[1].audiences: `api` is already in issuers[0]"),
        "{error}"
    );

    let other = issuer(json!({"issuer": "https://b"}));
    assert!(policy(json!([entra(json!({})), other])).is_ok());
}

#[test]
fn any_tenant_needs_limits_and_a_verified_user() {
    assert!(policy(json!([entra(json!({"user_claim": ["oid", "sub"]}))])).is_ok());
    let listed = issuer(json!({"issuer": ENTRA, "tenants": [TENANT], "user_claim": "upn"}));
    assert!(policy(json!([listed])).is_ok());

    for field in ["allowed_scopes", "allowed_roles", "allowed_plans"] {
        for tenants in [json!("any"), json!(["any", TENANT])] {
            let mut entra = entra(json!({ "tenants": tenants }));
            entra.as_object_mut().unwrap().remove(field);
            let error = policy(json!([entra])).unwrap_err();
            assert!(
                error.starts_with(&format!("issuers[0].{field}: is missing")),
                "{error}"
            );
        }
    }
    for claim in [
        json!("email"),
        json!("/upn"),
        json!(["oid", "preferred_username"]),
        json!("/user/email/0"),
    ] {
        let error = policy(json!([entra(json!({"user_claim": claim}))])).unwrap_err();
        assert!(error.starts_with("issuers[0].user_claim: `"), "{error}");
    }
}

#[test]
fn keys_of_all_tenants_are_discovered_once() {
    let policy = policy(json!([entra(json!({}))])).unwrap();
    let KeyOrigin::Discovery(address) = &policy.issuers[0].1 else {
        panic!("{:?}", policy.issuers[0].1)
    };
    assert_eq!(
        address,
        "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"
    );
}

#[test]
fn secret_excludes_keys_and_their_algorithms() {
    let secret = json!({"secret": "env:SECRET"});
    let with = |field: &str, value: Value| {
        let mut secret = secret.clone();
        secret[field] = value;
        policy(json!([issuer(secret)]))
    };
    assert!(policy(json!([issuer(secret.clone())])).is_ok());
    assert!(with("algorithms", json!(["HS256", "HS384"])).is_ok());

    for (field, value, expected) in [
        (
            "jwks",
            json!({"keys": []}),
            "issuers[0].secret: must not be set together with `jwks`",
        ),
        (
            "jwks_uri",
            json!("https://a/jwks"),
            "issuers[0].secret: must not be set together with `jwks_uri`",
        ),
        (
            "algorithms",
            json!(["RS256"]),
            "issuers[0].algorithms: `RS256` is not supported with `secret`",
        ),
        (
            "algorithms",
            json!(["HS256", "ES256"]),
            "issuers[0].algorithms: `ES256` is not supported with",
        ),
        (
            "algorithms",
            json!(["HS512"]),
            "issuers[0].secret: `env:SECRET` has 50 bytes, expected at least 64",
        ),
    ] {
        let error = with(field, value).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn revocation_needs_introspection_of_the_same_issuer() {
    let with = |introspection: Value| {
        let issuers = json!([issuer(json!({"revocation": "introspection"}))]);
        policy_of(&json!({"issuers": issuers, "introspection": introspection, "rules": []}))
    };
    let server = |more: &str| -> Value {
        let text = format!(
            r#"{{"endpoint": "https://a/introspect", "auth": "none", "default_plan": "free"{more}}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    assert!(with(server(r#", "issuer": "https://a""#)).is_ok());
    for introspection in [
        Value::Null,
        server(""),
        server(r#", "issuer": "https://b""#),
    ] {
        let error = with(introspection).unwrap_err();
        assert_eq!(
            error,
            "issuers[0].revocation: needs `introspection` with `issuer` `https://a`"
        );
    }
}

#[test]
fn broad_trust_has_warnings() {
    let any_audience = policy(json!([issuer(json!({"audiences": "any"}))])).unwrap();
    let tenants = json!({"issuer": ENTRA, "tenants": [TENANT, TENANT.replace('1', "2")]});
    let several_tenants = policy(json!([issuer(tenants)])).unwrap();
    let common = json!({"issuer": "https://login.microsoftonline.com/common/v2.0"});
    let common = policy(json!([issuer(common)])).unwrap();
    let discovery = json!({"issuer": "https://a/.well-known/openid-configuration"});
    let discovery = policy(json!([issuer(discovery)])).unwrap();
    let line_break = policy(json!([issuer(json!({"secret": "env:LINE"}))])).unwrap();
    let roles = policy_of(&json!({
        "issuers": [issuer(json!({"allowed_roles": ["reader"]}))],
        "rules": [{"match": "GET /", "auth": "jwt", "roles": ["admin"]},
                  {"match": "GET /a", "auth": "jwt", "roles": ["admin", "reader"]}],
    }))
    .unwrap();
    let other_user = json!({"name": "other", "audiences": ["other"], "user_claim": "upn"});
    let other_user = policy(json!([
        issuer(json!({"allowed_plans": []})),
        issuer(other_user)
    ]))
    .unwrap();
    let nested = json!({"user_claim": "/identities/email/0"});
    let nested = policy(json!([issuer(nested)])).unwrap();
    let revocation = policy_of(&json!({
        "issuers": [issuer(json!({"revocation": "introspection", "allowed_plans": []}))],
        "introspection": {"endpoint": "https://a/introspect", "auth": "none", "issuer": "https://a",
                          "default_plan": "free"},
        "rules": [{"match": "GET /", "auth": "jwt"}],
    }))
    .unwrap();
    for (policy, place) in [
        (other_user, "issuers[1].user_claim"),
        (nested, "issuers[0].user_claim"),
        (revocation, "introspection.token_pattern"),
        (any_audience, "issuers[0].audiences"),
        (several_tenants, "issuers[0].tenants"),
        (common, "issuers[0].issuer"),
        (discovery, "issuers[0].issuer"),
        (line_break, "issuers[0].secret"),
        (roles, "rules"),
    ] {
        let warnings = policy.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0].place, place);
    }
}

#[test]
fn roles_need_tokens() {
    let issuers = json!([issuer(json!({}))]);
    let with =
        |issuers: &Value, rule: Value| policy_of(&json!({"issuers": issuers, "rules": [rule]}));
    let rule = |auth: &str, roles: Value| json!({"match": "GET /", "auth": auth, "roles": roles});
    assert!(with(&issuers, rule("any", json!(["a"]))).is_ok());
    assert!(with(&issuers, rule("jwt", json!(["a", "b"]))).is_ok());

    for (issuers, rule, expected) in [
        (
            &issuers,
            rule("jwt", json!([])),
            "rules[0]: `roles` is empty",
        ),
        (&issuers, rule("jwt", Value::Null), "rules[0].roles: "),
        (
            &issuers,
            rule("api_key", json!(["a"])),
            "rules[0]: `roles` needs tokens",
        ),
        (
            &issuers,
            rule("none", json!(["a"])),
            "rules[0]: `roles` needs tokens",
        ),
        (
            &json!([]),
            rule("any", json!(["a"])),
            "rules[0]: `roles` needs `issuers`",
        ),
    ] {
        let error = with(issuers, rule).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn mapped_plans_are_listed() {
    let plans = json!({"plan_claim": "tier", "plans": {"gold": "pro"}});
    let policy = policy(json!([issuer(plans)])).unwrap();
    let places: Vec<_> = policy
        .named_plans()
        .iter()
        .map(|named| (named.place.as_str(), named.plan.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("issuers[0].default_plan", "free"),
            ("issuers[0].plans", "pro")
        ]
    );
}
