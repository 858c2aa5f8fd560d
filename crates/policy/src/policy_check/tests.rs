//! Tests of the checks, over whole policies.

use super::*;

fn policy(json: &str) -> Result<Policy, PolicyError> {
    Policy::new(
        serde_json::from_str(json).unwrap(),
        &KeyHeader::default(),
        &|_| None,
    )
}

#[test]
fn most_specific_rule_applies_in_any_order() {
    let policy = policy(
        r#"{"rules":[{"match":"ANY /{proxy+}","auth":"any"},{"match":"GET /health","auth":"none"},
                     {"match":"GET /reports/{id}","auth":"api_key","cost":5}]}"#,
    )
    .unwrap();
    let rule = |method, path| {
        policy
            .rule(method, path)
            .map(|rule| (rule.route.as_str(), rule.cost))
    };
    assert_eq!(rule("GET", "/health"), Some(("GET /health", 1)));
    assert_eq!(rule("POST", "/health"), Some(("ANY /{proxy+}", 1)));
    assert_eq!(rule("GET", "/reports/7"), Some(("GET /reports/{id}", 5)));
    assert_eq!(rule("GET", "/"), None);
}

#[test]
fn error_names_the_rule_with_a_contradiction() {
    for (rule, expected) in [
        (
            r#"{"match":"/a","auth":"any"}"#,
            "rules[1].match: `/a` is not a route key",
        ),
        (
            r#"{"match":"GET /{other}","auth":"any"}"#,
            "rules[1].match: `GET /{other}` matches the same requests as `GET /{id}`",
        ),
        (
            r#"{"match":"GET /a","auth":"any","plan":"p"}"#,
            "rules[1]: `plan` needs `limit_by`",
        ),
        (
            r#"{"match":"GET /a","auth":"none","limit_by":"ip"}"#,
            "rules[1]: `limit_by` needs a `plan`",
        ),
        (
            r#"{"match":"GET /a","auth":"any","plan":"p","limit_by":"ip"}"#,
            "rules[1]: `limit_by` is for `auth: none`",
        ),
        (
            r#"{"match":"GET /a","auth":"none","scopes":["a"]}"#,
            "rules[1]: `scopes` cannot be required",
        ),
        (
            r#"{"match":"GET /a","auth":"jwt"}"#,
            "rules[1]: `auth: jwt` needs `issuers` or",
        ),
        (
            r#"{"match":"GET /a","auth":"none","issuers":["a"]}"#,
            "rules[1]: `issuers` restricts tokens",
        ),
        (
            r#"{"match":"GET /a","auth":"api_key","issuers":["a"]}"#,
            "rules[1]: `issuers` restricts tokens",
        ),
        (
            r#"{"match":"GET /a","auth":"mtls","issuers":["a"]}"#,
            "rules[1]: `issuers` restricts tokens",
        ),
        (
            r#"{"match":"GET /a","auth":"any","issuers":[]}"#,
            "rules[1]: `issuers` is empty",
        ),
        (
            r#"{"match":"GET /a","auth":"any","issuers":["a"]}"#,
            "rules[1].issuers[0]: unknown issuer `a`",
        ),
        (
            r#"{"match":"GET /a","auth":"mtls"}"#,
            "rules[1]: `auth: mtls` needs `mtls`",
        ),
    ] {
        let error = policy(&format!(
            r#"{{"rules":[{{"match":"GET /{{id}}","auth":"any"}},{rule}]}}"#
        ))
        .expect_err(rule)
        .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn private_keys_are_refused_in_a_new_policy() {
    let point = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;
    for name in crate::PRIVATE_PARAMETERS {
        let json = format!(
            r#"{{"issuers":[{{"issuer":"https://a","audiences":["b"],"default_plan":"free","algorithms":["ES256"],
                "jwks":{{"keys":[{{"kid":"1",{point}}},{{"kid":"2",{point},"{name}":"hush"}}]}}}}],
                "rules":[{{"match":"GET /","auth":"any"}}]}}"#
        );
        let error = Policy::parse_new(&json, &KeyHeader::default(), &|_| None)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "issuers[0].jwks: keys[1] contains a private key: expected public keys only"
        );
        assert!(
            Policy::parse_stored(&json, &KeyHeader::default(), &|_| None).is_ok(),
            "{name}"
        );
        assert!(policy(&json).is_ok(), "{name}");
    }
}

#[test]
fn errors_do_not_repeat_addresses_with_passwords() {
    for member in [
        r#""issuer":"https://u:hush@a""#,
        r#""issuer":"a","jwks_uri":"http://a/?hush""#,
    ] {
        let json = format!(
            r#"{{"issuers":[{{{member},"audiences":["b"],"default_plan":"free"}}],"rules":[{{"match":"GET /","auth":"any"}}]}}"#
        );
        let error = policy(&json).unwrap_err().to_string();
        assert!(
            !error.contains("hush") && error.contains("the address"),
            "{error}"
        );
    }
}

#[test]
fn wildcard_is_refused_unless_the_policy_is_already_stored() {
    let json =
        r#"{"rules":[{"match":"GET /","auth":"any"},{"match":"ANY /admin/*","auth":"any"}]}"#;
    let error = policy(json).unwrap_err().to_string();
    assert!(
        error.starts_with("rules[1].match: `*` in segment `*` is not a wildcard: write `{proxy+}`"),
        "{error}"
    );
    let stored = Policy::parse_stored(json, &KeyHeader::default(), &|_| None).unwrap();
    assert_eq!(stored.warnings()[0].place, "rules[1].match");
    assert!(
        stored.warnings()[0]
            .message
            .contains("only matches this literal text")
    );
    assert!(stored.rule("GET", "/admin/users").is_none());
}

#[test]
fn policy_without_rules_has_a_warning() {
    let policy = policy(r#"{"rules":[]}"#).unwrap();
    let warnings: Vec<_> = policy.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["rules: the policy has no rules, so every request is refused with 403"]
    );
}

#[test]
fn rules_that_a_backend_may_confuse_have_warnings() {
    let warnings = |rules: &str| {
        let policy = policy(&format!(r#"{{"rules":[{rules}]}}"#)).unwrap();
        policy
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let admin = r#"{"match":"ANY /admin/{proxy+}","auth":"jwt"}"#.replace("jwt", "api_key");
    assert_eq!(
        warnings(&format!(
            r#"{admin},{{"match":"ANY /Admin/{{proxy+}}","auth":"any"}}"#
        )),
        [
            "rules[1].match: many backends treat `ANY /Admin/{proxy+}` like `ANY /admin/{proxy+}`, whose rule requires \
             more; requests for `ANY /Admin/{proxy+}` are refused with 403 ambiguous_path"
        ]
    );
    for rules in [
        format!(r#"{admin},{{"match":"ANY /{{proxy+}}","auth":"any"}}"#),
        r#"{"match":"GET /health","auth":"none"},{"match":"ANY /{proxy+}","auth":"any"}"#
            .to_owned(),
        r#"{"match":"GET /a","auth":"any"},{"match":"GET /A","auth":"any"}"#.to_owned(),
    ] {
        assert_eq!(warnings(&rules), [""; 0], "{rules}");
    }
}

#[test]
fn folded_paths_make_rules_duplicates() {
    let with = |paths: &str, one: &str, other: &str| {
        policy(&format!(
            r#"{{"paths":{paths},"rules":[{{"match":"{one}","auth":"any"}},{{"match":"{other}","auth":"any"}}]}}"#
        ))
    };
    assert!(
        with(
            r#"{"case":"sensitive","trailing_slash":"distinct"}"#,
            "GET /a",
            "GET /A"
        )
        .is_ok()
    );
    let error = with(r#"{"case":"insensitive"}"#, "GET /a", "GET /A")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "rules[1].match: `GET /A` matches the same requests as `GET /a`"
    );
    assert!(with(r#"{"trailing_slash":"ignored"}"#, "GET /a/", "GET /a").is_err());
    for paths in [r#"{"case":"lower"}"#, r#"{"slash":"ignored"}"#] {
        let text = format!(r#"{{"paths":{paths},"rules":[]}}"#);
        let error = Policy::parse(&text, &KeyHeader::default(), &|_| None)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("paths.") && error.contains("expected"),
            "{error}"
        );
    }
}

#[test]
fn every_named_plan_is_listed_with_its_field() {
    let policy = policy(
        r#"{"issuers":[{"issuer":"https://a","audiences":["b"],"default_plan":"free"},
                       {"issuer":"https://c","audiences":["b"],"plan_claim":"plan"}],
            "introspection":{"endpoint":"https://d","client_id":"e","client_secret":"f","default_plan":"pro"},
            "mtls":{"default_plan":"team"},
            "rules":[{"match":"GET /","auth":"any"},
                     {"match":"POST /login","auth":"none","limit_by":"ip","plan":"anonymous"}]}"#,
    )
    .unwrap();
    let named: Vec<_> = policy
        .named_plans()
        .iter()
        .map(|named| (&*named.place, &*named.plan))
        .collect();
    assert_eq!(
        named,
        [
            ("issuers[0].default_plan", "free"),
            ("introspection.default_plan", "pro"),
            ("mtls.default_plan", "team"),
            ("rules[1].plan", "anonymous"),
        ]
    );
}

#[test]
fn error_names_the_untrusted_issuer() {
    let issuer = r#"{"issuer":"https://a","audiences":["b"],"default_plan":"free"}"#;
    for (issuers, expected) in [
        (
            format!("{issuer},{issuer}"),
            "issuers[1].audiences: `b` is already in issuers[0], which has the same issuer",
        ),
        (
            issuer.replace("https", "http"),
            "issuers[0].issuer: `http://a` is not https",
        ),
    ] {
        let error = policy(&format!(r#"{{"issuers":[{issuers}],"rules":[]}}"#))
            .expect_err(expected)
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let error = policy(r#"{"clock_tolerance_s":301,"rules":[]}"#)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "clock_tolerance_s: 301 is more than 300");
}

#[test]
fn policy_may_only_name_the_configured_key_header() {
    let with = |key_header: &str, api_keys: &str| {
        let document = serde_json::from_str(&format!(r#"{{{api_keys}"rules":[]}}"#)).unwrap();
        let policy = Policy::new(document, &key_header.parse().unwrap(), &|_| None);
        policy
            .map(|policy| policy.key_header)
            .map_err(|error| error.to_string())
    };
    for api_keys in [
        "",
        r#""api_keys":{},"#,
        r#""api_keys":{"header":"API-Key"},"#,
    ] {
        assert_eq!(
            with("api-key", api_keys).as_deref(),
            Ok("api-key"),
            "{api_keys}"
        );
    }
    for other in ["x-api-key", "x-my-key", "authorization", ""] {
        let error = with("api-key", &format!(r#""api_keys":{{"header":"{other}"}},"#)).unwrap_err();
        let expected = format!(
            "api_keys.header: unexpected header `{other}`, expected `api-key` (KEY_HEADER)"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn loopback_key_origins_are_refused_in_lambda() {
    let in_lambda = |name: &str| (name == FUNCTION_NAME).then(|| "authorizer".to_owned());
    for (issuer, member) in [
        (r#""issuer":"http://127.0.0.1:9001""#, "issuers[0].issuer: "),
        (
            r#""issuer":"a","jwks_uri":"http://localhost/jwks""#,
            "issuers[0].jwks_uri: ",
        ),
        (
            r#""issuer":"a","jwks_uri":"https://[::1]/jwks""#,
            "issuers[0].jwks_uri: ",
        ),
    ] {
        let json = format!(
            r#"{{"issuers":[{{{issuer},"audiences":["b"],"default_plan":"free"}}],"rules":[]}}"#
        );
        assert!(policy(&json).is_ok(), "{issuer}");
        let error = Policy::new(
            serde_json::from_str(&json).unwrap(),
            &KeyHeader::default(),
            &in_lambda,
        );
        let error = error.expect_err(issuer).to_string();
        assert!(
            error.starts_with(member) && error.contains("is a loopback address"),
            "{error}"
        );
    }
}

#[test]
fn introspection_without_tls_has_a_warning() {
    let warnings = |endpoint: &str| {
        let json = format!(
            r#"{{"introspection":{{"endpoint":"{endpoint}","insecure_http":true,"auth":"none","default_plan":"free"}},
                 "rules":[{{"match":"ANY /{{proxy+}}","auth":"any"}}]}}"#
        );
        let policy = policy(&json).unwrap();
        let warnings = policy.warnings().iter().map(ToString::to_string);
        warnings.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        warnings("http://hydra-admin:4445/introspect"),
        "introspection.insecure_http: tokens and the client's credentials are sent to the endpoint without encryption"
    );
    assert_eq!(warnings("https://auth.example.com/introspect"), "");
}

#[test]
fn bearer_keys_and_opaque_tokens_are_distinguished_by_a_pattern() {
    let with = |server: &str| {
        policy(&format!(
            r#"{{"api_keys":{{"bearer":true}},{server}"rules":[{{"match":"GET /","auth":"api_key"}}]}}"#
        ))
    };
    let server = |more: &str| {
        format!(
            r#""introspection":{{"endpoint":"https://a/introspect","client_id":"c","client_secret":"s","default_plan":"free"{more}}},"#
        )
    };
    let accepts = |policy: &Policy, value| policy.bearer_keys.as_ref().unwrap().accept(value);

    let alone = with("").unwrap();
    assert!(accepts(&alone, "oat_1"));
    let both = with(&server(r#","token_pattern":"oat_[0-9]+""#)).unwrap();
    assert!(accepts(&both, "key_1") && accepts(&both, "oat_1a") && !accepts(&both, "oat_1"));

    let error = with(&server("")).unwrap_err().to_string();
    assert!(
        error.starts_with("api_keys.bearer: needs `introspection.token_pattern`"),
        "{error}"
    );
}

#[test]
fn bearer_keys_are_off_by_default_and_have_a_warning() {
    let with = |api_keys: &str| {
        policy(&format!(
            r#"{{"api_keys":{{{api_keys}}},"rules":[{{"match":"GET /","auth":"api_key"}}]}}"#
        ))
        .unwrap()
    };
    for off in ["", r#""bearer":false"#] {
        let policy = with(off);
        assert!(policy.bearer_keys.is_none() && policy.warnings().is_empty());
    }

    let warnings = with(r#""bearer":true"#).warnings().to_vec();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].place, "api_keys.bearer");
    assert!(warnings[0].message.contains("reach the backend"));
}

#[test]
fn token_is_not_read_from_the_configured_key_header() {
    let document = serde_json::from_str(r#"{"token":{"header":"X-My-Key"},"rules":[]}"#).unwrap();
    let error = Policy::new(document, &"x-my-key".parse().unwrap(), &|_| None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("token.header: `X-My-Key` carries API keys"),
        "{error}"
    );
}
