//! One test per file in the folder `files`.

use migration::Outcome;
use serde_json::json;

use crate::Converted;

const CLOSED: &str = r#"api_key {"scopes":["closed-by-import"]}"#;

#[test]
fn documentation_example_becomes_a_policy_a_plan_and_a_key() {
    let converted = Converted::file("documentation.yaml");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        ["ANY /httpbin/{proxy+}: api_key", "ANY /mock/{proxy+}: none"]
    );
    assert_eq!(converted.policy()["api_keys"]["header"], "apikey");
    assert_eq!(
        *converted.plan("httpbin"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 5,
               "quotas": [{"limit": 100, "period": "hour"}]})
    );
    assert_eq!(
        converted.key("alex"),
        (json!({"name": "alex", "plan": "httpbin"}), true)
    );
    converted.assert_finding(
        Outcome::NotMapped,
        "service mockbin: point a listener rule of the load balancer for /mock to the targets of http://mockbin.example.com:80",
    );
}

#[test]
fn flat_entities_and_tokens_are_resolved() {
    let converted = Converted::file("flat.yaml");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        [r#"ANY /api/{proxy+}: jwt {"issuers":["jwt-user"]}"#]
    );
    let issuers = &converted.policy()["issuers"];
    assert_eq!(issuers[0]["issuer"], "kong-jwt-auth");
    assert_eq!(issuers[0]["default_plan"], "jwt-user");
    assert_eq!(issuers[0]["user_claim"], "iss");
    assert_eq!(issuers[0]["secret"], "env:KONG_JWT_SECRET_JWT_USER");
    assert_eq!(issuers[1]["default_plan"], "unlimited");
    assert_eq!(
        *converted.plan("jwt-user"),
        json!({"algorithm": "sliding_window", "window_s": 1, "limit": 5,
               "quotas": [{"limit": 10000, "period": "hour"}]})
    );
}

#[test]
fn secrets_are_never_in_the_result() {
    for name in [
        "flat.yaml",
        "credentials.yaml",
        "groups.yaml",
        "supabase.yaml",
    ] {
        let converted = Converted::file(name);
        let yaml = converted.declaration.to_yaml(&[]);
        let report = converted.migration.report.to_json().to_string();
        for secret in [
            "0123456789abcdef0123456789abcdef",
            "6gkrxTKAraykMSpmnLNEGiEE3Yz8XL6U",
            "iwb6Djkk4HhUlOCmLilDIKh6nZrn90ts",
            "1aa4ed9059d4d97b",
            "eyJhbGciOiJIUzI1NiIs",
        ] {
            assert!(
                !yaml.contains(secret) && !report.contains(secret),
                "{name}: {secret}"
            );
        }
    }
}

#[test]
fn address_of_a_service_is_reported_without_credentials() {
    for (service, expected) in [
        (
            "url: 'http://user:hushed@backend.example/a?token=hushed'",
            "the targets of http://backend.example",
        ),
        (
            "url: 'http://us@er:hushed@backend.example:8080'",
            "the targets of http://backend.example:8080",
        ),
        (
            "url: 'http://user:hu/hushed@backend.example'",
            "the targets of its address",
        ),
        (
            "url: 'user:hushed@backend.example'",
            "the targets of its address",
        ),
        ("url: 'hushed'", "the targets of its address"),
        (
            "host: user:hushed@backend.example, path: /hushed",
            "the targets of http://backend.example",
        ),
        (
            "host: backend.example, port: 80, protocol: https",
            "the targets of https://backend.example:80",
        ),
        ("host: '::1', port: 80", "the targets of http://::1:80"),
    ] {
        let text = format!(
            "_format_version: '3.0'\nservices: [{{name: s, {service}, routes: [{{name: r, paths: [/r]}}]}}]"
        );
        let converted = Converted::of("kong.yaml", &text);
        let report = converted.migration.report.to_json().to_string();
        assert!(!report.contains("hu"), "{service}: {report}");
        let findings = converted.findings(Outcome::NotMapped);
        assert!(
            findings.iter().any(|text| text.ends_with(expected)),
            "{service}: {findings:#?}"
        );
    }
}

#[test]
fn basic_authentication_closes_its_routes_and_long_keys_need_new_secrets() {
    let converted = Converted::file("supabase.yaml");
    assert_eq!(
        converted.rules(),
        [
            format!("ANY /: {CLOSED}"),
            "ANY /auth/v1/verify/{proxy+}: none".to_owned(),
            r#"ANY /auth/v1/{proxy+}: api_key {"scopes":["any-of:admin|anon"]}"#.to_owned(),
            r#"ANY /pg/{proxy+}: api_key {"scopes":["admin"]}"#.to_owned(),
            r#"ANY /rest/v1/{proxy+}: api_key {"scopes":["any-of:admin|anon"]}"#.to_owned(),
            format!("ANY /{{proxy+}}: {CLOSED}"),
        ]
    );
    assert_eq!(
        (
            converted.count(Outcome::Laxer),
            converted.count(Outcome::Closed)
        ),
        (0, 1)
    );
    assert_eq!(
        converted.key("service_role"),
        (
            json!({"name": "service_role", "plan": "unlimited", "scopes": ["admin", "any-of:admin|anon"]}),
            false
        )
    );
    converted.assert_finding(
        Outcome::Stricter,
        "consumer service_role: a key of 164 bytes",
    );
}

#[test]
fn consumer_groups_have_plans_of_their_own() {
    let converted = Converted::file("consumer_groups.yaml");
    converted.assert_complete();
    assert_eq!(
        *converted.plan("gold"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 600,
               "quotas": [{"limit": 10000, "period": "hour"}]})
    );
    // The plugin of the group and the other plugin of all routes apply together.
    assert_eq!(
        *converted.plan("default-silver"),
        json!({"algorithm": "sliding_window", "window_s": 30, "limit": 5,
               "quotas": [{"limit": 1, "period": "hour"}]})
    );
    assert_eq!(
        *converted.plan("basic"),
        json!({"quotas": [{"limit": 937, "period": "day"}]})
    );
    for (key, plan) in [
        ("amal", "gold"),
        ("dana", "default-silver"),
        ("foo", "basic"),
        ("none", "default"),
    ] {
        assert_eq!(converted.key(key).0["plan"], plan);
    }
}

#[test]
fn public_key_becomes_a_key_set_and_methods_become_rules() {
    let converted = Converted::file("admin_api.yaml");
    converted.assert_complete();
    let issuer = &converted.policy()["issuers"][0];
    assert_eq!(issuer["jwks"]["keys"][0]["crv"], "P-256");
    assert_eq!(issuer["max_lifetime_s"], 3600);
    assert_eq!(converted.rules().len(), 7);
    converted.assert_finding(Outcome::NotMapped, "method TRACE");
}

#[test]
fn key_and_token_of_a_consumer_share_a_plan() {
    let converted = Converted::file("credentials.yaml");
    converted.assert_complete();
    assert_eq!(converted.rules(), ["ANY /r/{proxy+}: any"]);
    assert_eq!(
        *converted.plan("c1"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 30, "shared_by_plan": true})
    );
    assert_eq!(converted.policy()["issuers"][0]["default_plan"], "c1");
    assert_eq!(converted.key("c1").0["plan"], "c1");
    converted.assert_finding(
        Outcome::Stricter,
        "`mtls_auth_credentials` are not supported",
    );
    converted.assert_finding(
        Outcome::Stricter,
        "which Kong serves as the consumer guest, are refused",
    );
}

#[test]
fn json_with_tabs_and_defaults_is_read() {
    let converted = Converted::file("entities_with_tags.json");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        ["GET /r1/{proxy+}: api_key", "POST /r2/{proxy+}: api_key"]
    );
    assert_eq!(
        converted.key("foo").0["metadata"],
        json!({"kong_custom_id": "7", "kong_tags": "team-a"})
    );
}

#[test]
fn settings_of_several_plugins_are_merged() {
    let converted = Converted::file("shared_config.yaml");
    converted.assert_complete();
    assert_eq!(
        *converted.plan("svc1"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 100,
               "routes": {"ANY /{proxy+}": {"rate": 1.666_666, "burst": 3}}, "on_store_failure": "deny"})
    );
}

#[test]
fn values_of_the_environment_are_never_taken_literally() {
    let converted = Converted::file("environment.yaml");
    for key_id in ["foo", "foo-2", "foo-3"] {
        assert!(!converted.key(key_id).1, "{key_id}");
    }
    assert_eq!(converted.plan("foo")["limit"], 0);
    converted.assert_finding(
        Outcome::Laxer,
        "route r2: it is not known which requests it selects",
    );
    converted.assert_finding(Outcome::Closed, "so the limit becomes 0 calls");
}

#[test]
fn termination_closes_a_service_and_disables_a_key() {
    let converted = Converted::file("termination.yaml");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        [
            "ANY /current/{proxy+}: api_key".to_owned(),
            format!("ANY /legacy/{{proxy+}}: {CLOSED}")
        ]
    );
    assert_eq!(converted.key("blocked").0["enabled"], false);
    assert_eq!(converted.key("active").0.get("enabled"), None);
}

#[test]
fn unsupported_guards_refuse_every_request() {
    let converted = Converted::file("guards.yaml");
    let open: Vec<String> = converted
        .rules()
        .into_iter()
        .filter(|rule| !rule.ends_with(CLOSED))
        .collect();
    assert_eq!(open, ["ANY /open/{proxy+}: none"]);
    assert_eq!(converted.rules().len(), 14);
    converted.assert_finding(Outcome::Laxer, "plugin bot-detection of route open");
    for part in [
        "basic-auth",
        "openid-connect",
        "my-company-auth",
        "pre-function",
        "`kid`",
        "`new_setting`",
    ] {
        converted.assert_finding(Outcome::Closed, part);
    }
}

#[test]
fn addresses_of_consumers_become_those_of_keys() {
    let converted = Converted::file("addresses.yaml");
    assert_eq!(
        converted.key("office").0["allowed_ips"],
        json!(["192.0.2.0/24", "2001:db8::1"])
    );
    assert_eq!(
        converted.key("partner").0["allowed_ips"],
        json!(["198.51.100.7"])
    );
    assert_eq!(
        converted.findings(Outcome::Laxer),
        [
            "plugin ip-restriction of consumer partner: a policy cannot refuse addresses; block each of them: 198.51.100.8"
        ]
    );
}

#[test]
fn lists_of_groups_become_scopes_of_keys_and_accepted_issuers() {
    let converted = Converted::file("groups.yaml");
    converted.assert_complete();
    assert_eq!(
        converted.rules(),
        [
            r#"ANY /rest/{proxy+}: api_key {"scopes":["none-of:guests"]}"#,
            r#"ANY /staff/{proxy+}: api_key {"scopes":["staff"]}"#,
            r#"ANY /team/{proxy+}: api_key {"scopes":["any-of:guests|staff"]}"#,
            r#"ANY /tokens/{proxy+}: jwt {"issuers":["ann"]}"#,
        ]
    );
    assert_eq!(
        converted.key("ann").0["scopes"],
        json!(["any-of:guests|staff", "none-of:guests", "staff"])
    );
    assert_eq!(
        converted.key("gil").0["scopes"],
        json!(["any-of:guests|staff"])
    );
}

#[test]
fn limits_of_routes_services_and_consumers_are_combined() {
    let converted = Converted::file("scopes_of_limits.yaml");
    assert_eq!(
        *converted.plan("create-default-reports"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 60,
               "quotas": [{"limit": 50, "period": "day"}, {"limit": 100000, "period": "month"}],
               "routes": {"POST /orders/new/{proxy+}": {"rate": 0.05, "burst": 3}}})
    );
    assert_eq!(
        *converted.plan("large"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 600,
               "quotas": [{"limit": 9000000, "period": "year"}]})
    );
    assert_eq!(converted.key("small-2").0["group"], "small");
    assert!(converted.rules().contains(
        &r#"ANY /status/{proxy+}: none {"limit_by":"ip","plan":"status-public"}"#.to_owned()
    ));
    assert_eq!(
        converted.findings(Outcome::Laxer),
        [
            "plugin rate-limiting of service reports: keys and tokens are limited per caller, not per address"
        ]
    );
}

#[test]
fn count_of_a_service_is_shared_by_all_callers() {
    let converted = Converted::file("shared_count.yaml");
    converted.assert_complete();
    assert_eq!(
        *converted.plan("svc"),
        json!({"algorithm": "sliding_window", "window_s": 60, "limit": 10, "shared_by_plan": true})
    );
}

#[test]
fn streams_and_disabled_services_have_no_rules() {
    let converted = Converted::file("streams_and_others.yaml");
    converted.assert_complete();
    assert_eq!(converted.rules(), ["ANY /on/{proxy+}: none"]);
}

#[test]
fn unknown_fields_of_a_service_close_its_routes() {
    let converted = Converted::file("filters.yaml");
    assert_eq!(converted.rules(), [format!("ANY /r/{{proxy+}}: {CLOSED}")]);
    converted.assert_finding(Outcome::Closed, "unknown field `filter_chains`");
}

#[test]
fn anonymous_consumer_without_access_requires_a_key_or_a_token() {
    let converted = Converted::file("anonymous.yaml");
    converted.assert_complete();
    assert_eq!(converted.rules(), ["ANY /r/{proxy+}: any"]);
    let findings = converted.findings(Outcome::Stricter);
    assert!(
        !findings.iter().any(|text| text.contains("nobody")),
        "{findings:#?}"
    );
}

#[test]
fn tokens_that_cannot_be_verified_are_refused() {
    let converted = Converted::file("weak_tokens.yaml");
    assert_eq!(converted.rules(), [format!("ANY /r/{{proxy+}}: {CLOSED}")]);
    for part in [
        "its secret has 8 bytes",
        "the algorithm `none`",
        "not a public key",
    ] {
        converted.assert_finding(Outcome::Closed, part);
    }
}
