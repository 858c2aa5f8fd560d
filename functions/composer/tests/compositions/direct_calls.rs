//! A part is called only if the caller could call it directly: the composer is compared with the
//! authorizer, for each kind of credential, rule and composition.

use std::collections::BTreeSet;
use std::sync::Arc;

use authorizer::{Authorizer, http_calls};
use aws::Reach;
use composer::{CallerContext, Composer};
use composition::Missing;
use outcome::ContextField;
use serde_json::{Map, Value, json};
use telemetry::RecordLog;
use testing::http_server::{HttpReply, HttpServer};
use testing::tokens::{Signer, claims, event, noon};

use crate::support::*;

/// Compositions with the same parts. They differ in the rule of their path.
const COMPOSITIONS: [&str; 4] = ["public", "any", "key", "jwt"];
/// The paths of the parts.
const PARTS: [&str; 10] = [
    "public",
    "any",
    "any-read",
    "key",
    "key-read",
    "jwt",
    "jwt-read",
    "jwt-admin",
    "jwt-main",
    "none",
];
const KEY: &str = "test-key-000000000000000001";
const READING_KEY: &str = "test-key-000000000000000002";

fn policy(main: &Signer, partner: &Signer) -> Value {
    let issuer = |name: &str, signer: &Signer| {
        json!({"issuer": format!("https://{name}.example"), "name": name, "default_plan": "free",
               "audiences": ["https://api.example"], "jwks": signer.jwks()})
    };
    let rule = |path: &str, auth: &str, more: Value| {
        let mut rule = json!({"match": format!("GET /{path}"), "auth": auth});
        rule.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        rule
    };

    json!({
        "issuers": [issuer("main", main), issuer("partner", partner)],
        "rules": [
            rule("bff/public", "none", json!({})),
            rule("bff/any", "any", json!({})),
            rule("bff/key", "api_key", json!({})),
            rule("bff/jwt", "jwt", json!({})),
            rule("public", "none", json!({})),
            rule("any", "any", json!({})),
            rule("any-read", "any", json!({"scopes": ["read"]})),
            rule("key", "api_key", json!({})),
            rule("key-read", "api_key", json!({"scopes": ["read"]})),
            rule("jwt", "jwt", json!({})),
            rule("jwt-read", "jwt", json!({"scopes": ["read"]})),
            rule("jwt-admin", "jwt", json!({"roles": ["admin"]})),
            rule("jwt-main", "jwt", json!({"issuers": ["main"]})),
        ],
    })
}

struct Stack {
    authorizer: Authorizer,
    composer: Composer,
}

impl Stack {
    async fn start(main: &Signer, partner: &Signer) -> Self {
        let policy = policy(main, partner);
        let store = store(&json!({
            "plans": {"free": {}},
            "keys": [{"key": KEY, "key_id": "plain", "plan": "free"},
                     {"key": READING_KEY, "key_id": "reading", "plan": "free", "scopes": ["read"]}],
        }));
        let text = policy.to_string();
        let config = authorizer::Config::from_lookup(move |name| match name {
            "AUTH_POLICY" => Some(text.clone()),
            "EMBEDDED_STORE" => Some("{}".to_owned()),
            _ => None,
        });
        let calls = || http_calls(RecordLog::to(std::io::sink()), Reach::Local);

        let service = HttpServer::responding(|_| HttpReply::json(200, &json!({})));
        let parts = PARTS.map(|name| (name.to_owned(), json!({"get": format!("/{name}")})));
        let parts = Value::Object(Map::from_iter(parts));
        let routes = COMPOSITIONS.map(|name| (format!("GET /bff/{name}"), json!({"parts": parts})));
        let document = json!({
            "services": {"default": {"url": service.url()}}, "routes": Map::from_iter(routes)});
        Self {
            authorizer: Authorizer::with_clock(config.unwrap(), Arc::clone(&store), calls, noon),
            composer: composer(&document, &policy).await,
        }
    }

    /// Returns the context of a request with these headers, if the authorizer allows it.
    async fn context(&self, path: &str, headers: &Value) -> Option<CallerContext> {
        let event = event(path, headers.clone());
        let event = serde_json::value::to_raw_value(&event).unwrap();
        let response = self.authorizer.handle(&event).await.ok()?;

        let response: Value = serde_json::from_str(response.get()).unwrap();
        let fields = response["context"].as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| {
            let field = ContextField::from_word(name).unwrap();
            (field, value.as_str().unwrap().to_owned())
        });
        (response["isAuthorized"] == true).then(|| CallerContext::new(fields))
    }

    /// Returns the parts that a caller gets through a composition. `None` if the authorizer refuses
    /// the composition.
    async fn composed(&self, composition: &str, headers: &Value) -> Option<BTreeSet<&'static str>> {
        let path = format!("/bff/{composition}");
        let mut request = get(&path);
        request.context = Some(self.context(&path, headers).await?);
        let reply = self.composer.compose(&request).await;

        let missing = missing(&reply);
        assert!(
            missing
                .iter()
                .all(|(_, reason)| *reason == Missing::Forbidden),
            "{missing:?}"
        );
        let is_missing = |part: &&str| missing.iter().any(|(name, _)| name == part);
        Some(PARTS.into_iter().filter(|part| !is_missing(part)).collect())
    }

    /// Returns the parts that a caller can call directly.
    async fn direct(&self, headers: &Value) -> BTreeSet<&'static str> {
        let mut admitted = BTreeSet::new();
        for part in PARTS {
            if self.context(&format!("/{part}"), headers).await.is_some() {
                admitted.insert(part);
            }
        }
        admitted
    }
}

#[tokio::test]
async fn no_composition_gives_a_part_that_a_direct_call_does_not() {
    let (main, partner) = (Signer::of("ES256"), Signer::of("RS256"));
    let stack = Stack::start(&main, &partner).await;
    let token = |signer: &Signer, issuer: &str, scope: &str, roles: Value| {
        let mut claims = claims();
        claims["iss"] = format!("https://{issuer}.example").into();
        claims["plan"] = Value::Null;
        claims["scope"] = scope.into();
        claims["roles"] = roles;
        format!("Bearer {}", signer.token(&claims))
    };
    let tokens = [
        None,
        Some(token(&main, "main", "other", json!([]))),
        Some(token(&main, "main", "read other", json!(["user", "admin"]))),
        Some(token(&partner, "partner", "read", json!(["admin"]))),
        Some("Bearer invalid".to_owned()),
    ];
    let keys = [
        None,
        Some(KEY),
        Some(READING_KEY),
        Some("test-key-999999999999999999"),
    ];

    let mut compared = 0;
    for token in &tokens {
        for key in keys {
            let mut headers = Map::new();
            headers.extend(
                token
                    .as_ref()
                    .map(|token| ("authorization".to_owned(), json!(token))),
            );
            headers.extend(key.map(|key| ("x-api-key".to_owned(), json!(key))));
            let headers = Value::Object(headers);
            let direct = stack.direct(&headers).await;

            for composition in COMPOSITIONS {
                let Some(composed) = stack.composed(composition, &headers).await else {
                    continue;
                };
                compared += 1;
                let is_one_credential = token.is_none() || key.is_none();
                let surplus: Vec<_> = composed.difference(&direct).collect();
                // A key opens rules for `any` credential if the client leaves an unread token out.
                let could_omit = composition == "key" && !is_one_credential;
                assert!(
                    surplus.is_empty() || could_omit,
                    "{composition} {token:?} {key:?}: {surplus:?}"
                );

                // With one credential, which the composition reads, nothing is lost.
                if is_one_credential && composition != "public" {
                    assert_eq!(composed, direct, "{composition} {token:?} {key:?}");
                }
            }
        }
    }
    assert!(compared > 30, "{compared}");
}
