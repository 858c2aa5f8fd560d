//! The contents of the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use authorizer::log_to;
use serde_json::{Value, json};
use telemetry::RecordLog;

use crate::provider::{Provider, Reply};
use crate::support::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn authorizer_with_log(policy: &Value, log: &Log) -> TestAuthorizer {
    authorizer_recording(policy, RecordLog::to(log.clone()))
}

/// Everything that could identify or impersonate a user, each a distinct word.
const SECRETS: [&str; 12] = [
    "MARKsubject",
    "MARKemail",
    "MARKrole",
    "MARKscope",
    "MARKplan",
    "MARKclaim",
    "MARKopaque",
    "MARKclientsecret",
    "MARKcertificate",
    "MARKkey-MARKkey-MARKkey",
    "MARKpath",
    "MARKaudience",
];

#[tokio::test]
async fn log_contains_no_credential_or_claim_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(Some("trace"), move || writer.clone()));
    let (signer, provider) = (Signer::of("ES256"), Provider::start().await);
    let (keys, asked) = (provider.url("/jwks"), provider.url("/introspect"));
    provider.reply(
        "/jwks",
        Reply::json(
            &json!({"keys": [signer.jwk(), {"kty": "oct", "k": "MARKkey", "kid": "MARKkey"}]}),
        ),
    );
    provider.reply(
        "/introspect",
        Reply::json(&json!({"active": true, "sub": "MARKsubject", "email": "MARKemail"})),
    );
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["jwks_uri"] = keys.into();
    policy["introspection"] = json!({"endpoint": asked, "client_id": "MARKclientsecret", "client_secret": "MARKclientsecret", "default_plan": "free"});
    policy["mtls"] = json!({"default_plan": "free"});
    let authorizer = authorizer_with_log(&policy, &log);
    let good = signer.with(|claims| {
        for (name, value) in [
            ("sub", "MARKsubject"),
            ("email", "MARKemail"),
            ("roles", "MARKrole"),
            ("scope", "MARKscope"),
            ("x", "MARKclaim"),
        ] {
            claims[name] = value.into();
        }
    });
    let mut tokens = vec![
        "MARKopaque".to_owned(),
        "MARK.opaque.MARKopaque".to_owned(),
        good.clone(),
    ];
    for (name, value) in [
        ("plan", json!("MARKplan")),
        ("exp", json!(1)),
        ("exp", json!("MARKclaim")),
        ("aud", json!("MARKaudience")),
        ("iss", json!("MARKclaim")),
        ("sub", json!(["MARKsubject"])),
        ("cnf", json!({"x5t#S256": "MARKcertificate"})),
        ("scope", json!({"MARKscope": 1})),
    ] {
        tokens.push(signer.with(|claims| claims[name] = value));
    }
    tokens.push(Signer::fresh("MARKkey").with(|_| ()));
    let mut events: Vec<Value> = tokens.iter().map(|token| bearer_event(token)).collect();
    events.extend(tokens.iter().map(|token| {
        event(
            "/admin/x",
            json!({"authorization": format!("bearer {token}")}),
        )
    }));
    events.push(event(
        "/orders",
        json!({"x-api-key": "MARKkey-MARKkey-MARKkey"}),
    ));
    events.push(event("/orders", json!({"x-api-key": ["MARKkey"]})));
    events.push(event(
        "/a//MARKpath",
        json!({"x-api-key": PRO, "cookie": "MARKclaim"}),
    ));
    events.push(event("/orders", json!({"x-api-key": PRO})));
    events.push(json!({"version": "2.0", "type": "REQUEST", "headers": "MARKclaim"}));
    events.push(json!("MARKclaim"));
    let mut certified = event("/orders", json!({}));
    certified["requestContext"]["authentication"] = json!({"clientCert": {"clientCertPem": "MARKcertificate", "subjectDN": "MARKsubject", "issuerDN": "MARKsubject"}});
    events.push(certified);
    events.push(crate::x509::with_certificate(
        event("/orders", json!({})),
        crate::x509::certificate_of("MARKsubject"),
    ));
    let count = events.len();
    for event in events {
        let _ = handle_at(&authorizer, &event, noon()).await;
    }
    provider.reply("/introspect", Reply::status("500 Internal Server Error"));
    let _ = handle_at(&authorizer, &bearer_event("MARKopaque2"), noon()).await;
    let text = log.text();
    for secret in SECRETS {
        assert!(
            !text.contains(secret),
            "{secret}: {}",
            text.lines().find(|line| line.contains(secret)).unwrap()
        );
    }
    for token in tokens
        .iter()
        .flat_map(|token| token.split('.'))
        .filter(|part| part.len() > 8)
    {
        assert!(!text.contains(token), "{token}");
    }
    assert!(!text.contains(PRO));
    let decided = log
        .lines()
        .iter()
        .filter(|line| line["message"] == "decided")
        .count();
    assert_eq!(decided, count + 1, "one line a request");
}

#[tokio::test]
async fn plain_allowed_decisions_are_logged_only_on_request() {
    let store = r#"{"plans":{"once":{"throttle":{"rate":0.001,"burst":1}},"shadow":{"throttle":{"rate":0.001,"burst":1},"shadow":true}},
        "keys":[{"key":"local-once-key-00000000001","key_id":"once","plan":"once"},
                {"key":"local-shadow-key-000000001","key_id":"shadow","plan":"shadow"}]}"#;
    let requests = [
        "local-once-key-00000000001",
        "local-once-key-00000000001",
        "local-shadow-key-000000001",
        "local-shadow-key-000000001",
        "an-unknown-key-of-a-test-1",
    ]
    .map(|key| event("/orders", json!({"x-api-key": key})));
    let refusals = ["rate_exceeded", "shadow_denied", "unknown_key"];
    let all = ["ok", "rate_exceeded", "ok", "shadow_denied", "unknown_key"];

    for (setting, expected) in [("refusals", &refusals[..]), ("all", &all)] {
        let environment = [("EMBEDDED_STORE", store), ("LOG_DECISIONS", setting)];
        let signer = Signer::of("ES256");
        let authorizer = authorizer_with_environment(&policy(&signer.jwks()), &environment);
        let log = Log::default();
        let writer = log.clone();
        let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));

        for request in &requests {
            let _ = handle_at(&authorizer, request, noon()).await;
        }

        let lines = log.lines();
        let reasons: Vec<_> = lines.iter().map(|line| line["reason"].as_str()).collect();
        let expected: Vec<_> = expected.iter().copied().map(Some).collect();
        assert_eq!(reasons, expected, "{setting}");
    }
}

/// The reasons of tokens that are refused although their issuer is trusted.
const REFUSED_TOKENS: [&str; 3] = ["invalid_signature", "token_expired", "invalid_claims"];

#[tokio::test]
async fn log_line_has_decision_caller_and_reason() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let signer = Signer::of("ES256");
    let authorizer = authorizer_with_log(&policy(&signer.jwks()), &log);
    let both = event(
        "/orders",
        json!({"authorization": format!("Bearer {}", signer.with(|_| ())), "x-api-key": PRO}),
    );
    let other = Signer::fresh("ES256").with(|_| ());
    let keyed = |path: &str, key: &str| event(path, json!({"x-api-key": key}));
    let (disabled, expired) = ("local-disabled-key-00000001", "local-expired-key-000000001");
    let good = signer.with(|_| ());
    let with = |key: &str| {
        event(
            "/orders",
            json!({"authorization": format!("Bearer {good}"), "x-api-key": key}),
        )
    };
    for (event, reason, auth, key, plan) in [
        (both, "ok", "jwt", "local-pro", "pro"),
        (
            keyed("/orders", disabled),
            "key_disabled",
            "api_key",
            "local-disabled",
            "free",
        ),
        (
            keyed("/orders", expired),
            "key_expired",
            "api_key",
            "local-expired",
            "free",
        ),
        (with(expired), "key_expired", "jwt", "local-expired", "free"),
        (
            with("no-such-key-no-such-key"),
            "unknown_key",
            "jwt",
            "-",
            "-",
        ),
        (bearer_event(&other), "invalid_signature", "-", "-", "-"),
        (
            bearer_event(&signer.with(|claims| claims["exp"] = 1.into())),
            "token_expired",
            "-",
            "-",
            "-",
        ),
        (
            bearer_event(&signer.with(|claims| claims["aud"] = "x".into())),
            "invalid_claims",
            "-",
            "-",
            "-",
        ),
        (bearer_event("a.b.c"), "invalid_token", "-", "-", "-"),
        (
            event("/orders", json!({"authorization": "Basic YTpi"})),
            "malformed_credentials",
            "-",
            "-",
            "-",
        ),
        (
            event("/orders", json!({})),
            "missing_credentials",
            "-",
            "-",
            "-",
        ),
        (
            event("/orders", json!({"x-api-key": "no-such-key-no-such-key"})),
            "unknown_key",
            "-",
            "-",
            "-",
        ),
    ] {
        let _ = handle_at(&authorizer, &event, noon()).await;
        let line = log.lines().pop().unwrap();
        assert_eq!(
            [
                &line["reason"],
                &line["auth"],
                &line["key_id"],
                &line["plan"]
            ],
            [reason, auth, key, plan],
            "{line}"
        );
        assert!(
            line["duration_ms"].is_number() && line["request_id"].is_string(),
            "{line}"
        );
        assert_eq!(line["route"], "ANY /{proxy+}");
        assert_eq!(
            line["issuer"],
            if auth == "jwt" || REFUSED_TOKENS.contains(&reason) {
                json!(ISSUER)
            } else {
                Value::Null
            },
            "{line}"
        );
    }
}

#[tokio::test]
async fn failed_key_fetch_is_logged_and_recorded() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let (signer, provider) = (Signer::of("ES256"), Provider::start().await);
    let mut policy = policy(&Value::Null);
    policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
    policy["issuers"][0]["jwks_uri"] = provider.url("/jwks").into();
    let authorizer = authorizer_with_log(&policy, &log);
    let _ = handle_at(&authorizer, &bearer_event(&signer.with(|_| ())), noon()).await;
    let lines = log.lines();
    assert!(
        lines
            .iter()
            .any(|line| line["reason"] == "keys_unavailable"),
        "{lines:?}"
    );
    let record = lines
        .iter()
        .find(|line| line.get("api_call").is_some())
        .unwrap();
    assert_eq!(
        (
            &record["api_call"]["service"],
            &record["api_call"]["success"]
        ),
        (&json!("jwks"), &json!(false))
    );
    assert_eq!(record["request_id"], lines.last().unwrap()["request_id"]);
}

#[tokio::test]
async fn failed_introspection_is_a_detail_and_not_a_problem() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let provider = Provider::start().await;
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["introspection"] = json!({"endpoint": provider.url("/introspect"), "client_id": "c", "client_secret": "s",
        "default_plan": "free"});
    let authorizer = authorizer_with_log(&policy, &log);
    for (status, reason, field) in [
        ("503 Service Unavailable", "keys_unavailable", "detail"),
        ("403 Forbidden", "keys_unavailable", "detail"),
        ("401 Unauthorized", "fault", "problem"),
    ] {
        provider.reply("/introspect", Reply::status(status));
        let _ = handle_at(&authorizer, &bearer_event(status), noon()).await;
        let _ = handle_at(&authorizer, &bearer_event("opaque"), noon()).await;
        let line = log.lines().pop().unwrap();
        let other = if field == "detail" {
            "problem"
        } else {
            "detail"
        };
        assert_eq!(line["reason"], reason, "{line}");
        assert!(
            line[field].as_str().unwrap().contains(&status[..3]) && line.get(other).is_none(),
            "{line}"
        );
    }
}

/// Returns a line of the log of one request.
async fn logged(policy: &Value, event: &Value, message: &str) -> Option<Value> {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let _ = handle_at(&authorizer_with_log(policy, &log), event, noon()).await;
    log.lines()
        .into_iter()
        .find(|line| line["message"] == message)
}

#[tokio::test]
async fn refusal_is_logged_with_a_configured_plan() {
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["allowed_plans"] = json!(["free", "no-such-plan"]);
    policy["mtls"] = json!({"default_plan": "no-such-plan"});
    let admin = |plan: Value| {
        let token = signer.with(|claims| claims["plan"] = plan);
        event(
            "/admin/users",
            json!({"authorization": format!("Bearer {token}")}),
        )
    };
    let certified = crate::x509::with_certificate(
        event("/orders", json!({})),
        crate::x509::certificate_of("a"),
    );
    for (event, reason, plan) in [
        (admin(json!(null)), "insufficient_scope", "free"),
        (admin(json!("free")), "insufficient_scope", "free"),
        (admin(json!("MARKplan")), "insufficient_scope", "-"),
        (certified, "unknown_plan", "no-such-plan"),
    ] {
        let line = logged(&policy, &event, "decided").await.unwrap();
        assert_eq!([&line["reason"], &line["plan"]], [reason, plan], "{line}");
    }
}

#[tokio::test]
async fn refusal_is_logged_with_a_detail_without_request_values() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let signer = Signer::of("ES256");
    let mut policy = policy(&signer.jwks());
    policy["issuers"][0]["default_plan"] = "gone".into();
    policy["rules"] = json!([
        {"match": "GET /admin/{proxy+}", "auth": "any", "scopes": ["admin:write"]},
        {"match": "GET /{proxy+}", "auth": "any"},
    ]);
    let authorizer = authorizer_with_log(&policy, &log);
    let token = |plan: Value| bearer_event(&signer.with(|claims| claims["plan"] = plan.clone()));
    let key = |path: &str, name: &str| event(path, json!({"x-api-key": PRO, name: "MARK"}));
    let mut post = key("/MARK", "accept");
    post["requestContext"]["http"]["method"] = "POST".into();
    let mut odd = key("/MARK", "accept");
    odd["requestContext"]["http"]["method"] = "MARK".into();
    for (event, reason, detail) in [
        (post, "no_rule", "no rule matches the method and the path"),
        (
            odd,
            "unusual_method",
            "the method is not GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS in upper case",
        ),
        (
            key("/MARK", "x-tollgate-MARK"),
            "forbidden_header",
            "a header reads like x-tollgate-*, which only the gateway may set",
        ),
        (
            key("/MARK/../a", "accept"),
            "malformed_path",
            "the path contains `..`",
        ),
        (
            key("/ADMIN/MARK", "accept"),
            "ambiguous_path",
            "rule `GET /{proxy+}`; a backend may apply `GET /admin/{proxy+}`, which requires more",
        ),
        (
            key("/admin/MARK", "accept"),
            "insufficient_scope",
            "scope `admin:write` is missing",
        ),
        (
            token("MARK".into()),
            "unknown_plan",
            "the plan that the token names does not exist",
        ),
        (
            token("gone".into()),
            "unknown_plan",
            "plan `gone` does not exist",
        ),
    ] {
        let _ = handle_at(&authorizer, &event, noon()).await;
        let line = log.lines().pop().unwrap();
        assert_eq!(
            [&line["reason"], &line["detail"]],
            [reason, detail],
            "{line}"
        );
        assert!(!line.to_string().contains("MARK"), "{line}");
    }
}

#[tokio::test]
async fn failed_key_fetch_names_the_cause() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let (signer, provider) = (Signer::of("ES256"), Provider::start().await);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = format!("http://{}/jwks", closed.local_addr().unwrap());
    drop(closed);
    provider.reply(
        "/other/.well-known/openid-configuration",
        Reply::json(&json!({"issuer": "https://o\n"})),
    );
    provider.reply("/html", Reply::bytes(b"<html>".to_vec()));
    provider.reply(
        "/twice",
        Reply::json(&json!({"keys": [signer.jwk(), Signer::fresh("ES256").jwk()]})),
    );

    let other = format!(
        "the discovery document is for issuer `https://o\\n`, expected `{}`",
        provider.url("/other")
    );
    for (issuer, keys, cause, problem) in [
        (
            ISSUER.to_owned(),
            Some(refusing),
            "refused",
            "connection refused",
        ),
        (
            ISSUER.to_owned(),
            Some("https://no-such-idp.invalid/".to_owned()),
            "dns",
            "cannot resolve the name",
        ),
        (
            ISSUER.to_owned(),
            Some(provider.url("/missing")),
            "status",
            "responded with status 404",
        ),
        (
            ISSUER.to_owned(),
            Some(provider.url("/html")),
            "key_set",
            "not a JSON object with a list `keys`",
        ),
        (
            ISSUER.to_owned(),
            Some(provider.url("/twice")),
            "key_set",
            "shares its `kid` with another key",
        ),
        (provider.url("/other"), None, "discovery", other.as_str()),
    ] {
        let mut policy = policy(&Value::Null);
        policy["issuers"][0].as_object_mut().unwrap().remove("jwks");
        policy["issuers"][0]["issuer"] = issuer.clone().into();
        if let Some(keys) = keys {
            policy["issuers"][0]["jwks_uri"] = keys.into();
        }
        let token = signer.with(|claims| claims["iss"] = issuer.clone().into());
        let _ = handle_at(
            &authorizer_with_log(&policy, &log),
            &bearer_event(&token),
            noon(),
        )
        .await;
        let lines = log.lines();
        let line = lines
            .iter()
            .rfind(|line| line["message"] == "cannot fetch the issuer's signing keys")
            .unwrap();
        assert_eq!(
            (&line["cause"], &line["issuer"]),
            (&json!(cause), &json!(issuer)),
            "{line}"
        );
        assert!(
            line["problem"].as_str().unwrap().contains(problem) && line["host"].is_string(),
            "{line}"
        );
    }
}

#[tokio::test]
async fn long_header_value_is_logged_without_the_value() {
    const MESSAGE: &str = "a value is too long for its header, and `-` is sent instead";
    let signer = Signer::of("ES256");
    let policy = policy(&signer.jwks());
    let many: Vec<String> = (0..300).map(|index| format!("MARKrole-{index}")).collect();
    for (claim, value, field) in [
        ("roles", json!(many), "roles"),
        ("scope", json!(many.join(" ")), "scopes"),
        ("email", json!("MARK".repeat(300)), "email"),
    ] {
        let token =
            signer.with(|claims| (claims[claim], claims["email_verified"]) = (value, true.into()));
        let event = bearer_event(&token);
        let line = logged(&policy, &event, MESSAGE).await.expect(field);
        assert_eq!([&line["level"], &line["field"]], ["WARN", field], "{line}");
        assert!(
            !line.to_string().contains("MARK") && line["span"]["request_id"].is_string(),
            "{line}"
        );
        assert_eq!(context(&authorizer(&policy), event).await[field], "-");
    }
    assert_eq!(
        logged(&policy, &bearer_event(&signer.with(|_| ())), MESSAGE).await,
        None
    );
}

#[tokio::test]
async fn policy_warnings_are_logged_at_startup() {
    let log = Log::default();
    let writer = log.clone();
    let _guard = tracing::subscriber::set_default(log_to(None, move || writer.clone()));
    let mut policy = policy(&Signer::of("ES256").jwks());
    policy["issuers"][0]["default_plan"] = "gone".into();
    policy["rules"] = json!([
        {"match": "GET /users/ME", "auth": "none"},
        {"match": "GET /users/me", "auth": "any"},
    ]);
    let authorizer = authorizer_with_log(&policy, &log);
    authorizer.at(noon()).load_policy().await.unwrap();
    let warned = || {
        let lines = log.lines();
        let warnings = lines.iter().filter(|line| line["level"] == "WARN");
        warnings
            .map(|line| line["message"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for _ in 0..1_000 {
        if warned().len() > 1 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(
        warned(),
        [
            "policy warning: rules[0].match: many backends treat `GET /users/ME` like `GET /users/me`, whose rule \
             requires more; requests for `GET /users/ME` are judged by this rule",
            "policy warning: issuers[0].default_plan: plan `gone` does not exist; requests that need it are refused \
             with 403",
        ]
    );
}
