//! Several issuers in one policy. None can assert users of another one.

use policy::{KeyHeader, Policy};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;
use crate::x509::{certificate_of, with_certificate};

const CORP: &str = "https://corp.example";
const PARTNER: &str = "https://partner.example";

/// Two issuers whose keys have the same `kid`.
struct Issuers {
    corp: Signer,
    partner: Signer,
}

impl Issuers {
    fn new() -> Self {
        Self {
            corp: Signer::fresh("1"),
            partner: Signer::fresh("1"),
        }
    }

    fn policy(&self) -> Value {
        let entry = |issuer: &str, signer: &Signer| {
            json!({"issuer": issuer, "audiences": [AUDIENCE], "jwks": signer.jwks(), "plan_claim": "plan",
                   "default_plan": "free"})
        };
        json!({"issuers": [entry(CORP, &self.corp), entry(PARTNER, &self.partner)],
               "rules": [{"match": "ANY /admin/{proxy+}", "auth": "any", "scopes": ["admin:read"]},
                         {"match": "ANY /{proxy+}", "auth": "any"}]})
    }

    fn authorizer(&self, change: impl FnOnce(&mut Value)) -> TestAuthorizer {
        let mut policy = self.policy();
        change(&mut policy);
        authorizer(&policy)
    }

    fn of_corp(&self, change: impl FnOnce(&mut Value)) -> String {
        token_of(CORP, &self.corp, change)
    }

    fn of_partner(&self, change: impl FnOnce(&mut Value)) -> String {
        token_of(PARTNER, &self.partner, change)
    }
}

fn token_of(issuer: &str, signer: &Signer, change: impl FnOnce(&mut Value)) -> String {
    signer.with(|claims| {
        claims["iss"] = issuer.into();
        claims.as_object_mut().unwrap().remove("plan");
        change(claims);
    })
}

fn admin(token: &str) -> Value {
    event(
        "/admin/users",
        json!({"authorization": format!("Bearer {token}")}),
    )
}

fn error(policy: &Value) -> String {
    Policy::parse(&policy.to_string(), &KeyHeader::default(), &|_| None)
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn subjects_of_two_issuers_are_different_users() {
    let issuers = Issuers::new();
    let authorizer = issuers.authorizer(|_| ());
    for (token, issuer) in [
        (issuers.of_corp(|_| ()), CORP),
        (issuers.of_partner(|_| ()), PARTNER),
    ] {
        let context = context(&authorizer, bearer_event(&token)).await;
        assert_eq!([&context["user_id"], &context["issuer"]], ["alice", issuer]);
    }
    // The users with this subject have separate limits.
    for _ in 0..4 {
        assert_eq!(
            context(&authorizer, bearer_event(&issuers.of_corp(|_| ()))).await["decision"],
            "allowed"
        );
    }
    assert_eq!(
        context(&authorizer, bearer_event(&issuers.of_corp(|_| ()))).await["decision"],
        "throttled"
    );
    assert_eq!(
        context(&authorizer, bearer_event(&issuers.of_partner(|_| ()))).await["decision"],
        "allowed"
    );
}

#[tokio::test]
async fn key_with_a_subject_has_no_issuer() {
    let issuers = Issuers::new();
    let authorizer = issuers.authorizer(|_| ());
    let key = context(&authorizer, event("/orders", json!({"x-api-key": PRO}))).await;
    assert_eq!(
        [&key["user_id"], &key["issuer"], &key["auth"]],
        ["alice", "-", "api_key"]
    );

    let bearer = format!("Bearer {}", issuers.of_partner(|_| ()));
    let both = context(
        &authorizer,
        event(
            "/orders",
            json!({"authorization": bearer, "x-api-key": PRO}),
        ),
    )
    .await;
    assert_eq!(
        [&both["user_id"], &both["issuer"], &both["auth"]],
        ["alice", PARTNER, "jwt"]
    );
}

#[tokio::test]
async fn issuer_is_encoded_for_headers() {
    let signer = Signer::of("ES256");
    let issuer = "https://issuer.example/\"a\\b\u{fc} c";
    let authorizer = authorizer_for_issuer(&signer, |entry| entry["issuer"] = issuer.into());
    let token = signer.with(|claims| claims["iss"] = issuer.into());
    let context = context(&authorizer, bearer_event(&token)).await;
    assert_eq!(
        context["issuer"],
        "https://issuer.example/%22a%5Cb%C3%BC%20c"
    );
}

#[tokio::test]
async fn rule_accepts_only_tokens_of_its_issuers() {
    let issuers = Issuers::new();
    for (names, rule) in [
        ([None, None], CORP),
        ([Some("corp"), Some("partner")], "corp"),
        ([None, Some("p")], CORP),
    ] {
        let authorizer = issuers.authorizer(|policy| {
            for (index, name) in names.into_iter().enumerate() {
                if let Some(name) = name {
                    policy["issuers"][index]["name"] = name.into();
                }
            }
            policy["rules"][0]["issuers"] = json!([rule]);
        });
        let scoped = |claims: &mut Value| claims["scope"] = "admin:read".into();
        assert_eq!(
            reason_of(&authorizer, admin(&issuers.of_corp(scoped))).await,
            "ok",
            "{rule}"
        );
        assert_eq!(
            reason_of(&authorizer, admin(&issuers.of_partner(scoped))).await,
            "issuer_not_accepted",
            "{rule}"
        );
        // On other routes the partner's tokens are accepted.
        assert_eq!(
            reason_of(&authorizer, bearer_event(&issuers.of_partner(scoped))).await,
            "ok",
            "{rule}"
        );
    }
}

#[tokio::test]
async fn issuers_of_a_rule_restrict_only_tokens() {
    let issuers = Issuers::new();
    let authorizer = issuers.authorizer(|policy| {
        policy["rules"][1]["issuers"] = json!([CORP]);
        policy["mtls"] = json!({"default_plan": "free"});
    });
    assert_eq!(
        reason_of(&authorizer, event("/orders", json!({"x-api-key": PRO}))).await,
        "ok"
    );
    let with_certificate = with_certificate(event("/orders", json!({})), certificate_of("a"));
    assert_eq!(reason_of(&authorizer, with_certificate).await, "ok");

    // A token that is sent with a key must be accepted too.
    let bearer = format!("Bearer {}", issuers.of_partner(|_| ()));
    let both = event(
        "/orders",
        json!({"authorization": bearer, "x-api-key": PRO}),
    );
    assert_eq!(reason_of(&authorizer, both).await, "issuer_not_accepted");
}

#[tokio::test]
async fn issuer_cannot_exceed_its_limits() {
    let issuers = Issuers::new();
    let authorizer = issuers.authorizer(|policy| {
        policy["issuers"][1]["allowed_scopes"] = json!(["orders:read"]);
        policy["issuers"][1]["allowed_roles"] = json!(["reader"]);
        policy["issuers"][1]["allowed_plans"] = json!(["free"]);
    });
    let excessive = |claims: &mut Value| {
        claims["scope"] = "orders:read admin:read".into();
        claims["roles"] = json!(["admin", "reader"]);
    };
    let partner = context(&authorizer, bearer_event(&issuers.of_partner(excessive))).await;
    assert_eq!(
        [&partner["scopes"], &partner["roles"], &partner["plan"]],
        ["orders:read", "reader", "free"]
    );
    assert_eq!(
        reason_of(&authorizer, admin(&issuers.of_partner(excessive))).await,
        "insufficient_scope"
    );
    assert_eq!(
        reason_of(&authorizer, admin(&issuers.of_corp(excessive))).await,
        "ok"
    );

    let of_plan = |plan: Value| move |claims: &mut Value| claims["plan"] = plan;
    for (plan, expected) in [
        (json!("free"), "ok"),
        (json!(null), "ok"),
        (json!("pro"), "plan_not_allowed"),
    ] {
        let token = issuers.of_partner(of_plan(plan.clone()));
        assert_eq!(
            reason_of(&authorizer, bearer_event(&token)).await,
            expected,
            "{plan}"
        );
    }
    assert_eq!(
        reason_of(
            &authorizer,
            bearer_event(&issuers.of_corp(of_plan(json!("pro"))))
        )
        .await,
        "ok"
    );

    // With a key, the plan of the key is charged and that of the token ignored.
    let bearer = format!("Bearer {}", issuers.of_partner(of_plan(json!("pro"))));
    let both = context(
        &authorizer,
        event(
            "/orders",
            json!({"authorization": bearer, "x-api-key": PRO}),
        ),
    )
    .await;
    assert_eq!([&both["reason"], &both["plan"]], ["ok", "pro"]);
}

#[tokio::test]
async fn empty_lists_allow_no_assertions() {
    let issuers = Issuers::new();
    let authorizer = issuers.authorizer(|policy| {
        for list in ["allowed_scopes", "allowed_roles", "allowed_plans"] {
            policy["issuers"][1][list] = json!([]);
        }
    });
    let token = issuers.of_partner(|claims| claims["roles"] = json!(["reader"]));
    let context = context(&authorizer, bearer_event(&token)).await;
    assert_eq!(
        [&context["scopes"], &context["roles"], &context["plan"]],
        ["-", "-", "free"]
    );
    let token = issuers.of_partner(|claims| claims["plan"] = "free".into());
    assert_eq!(
        reason_of(&authorizer, bearer_event(&token)).await,
        "plan_not_allowed"
    );
}

#[test]
fn error_names_the_ambiguous_issuer() {
    let issuers = Issuers::new();
    let cases: [(&str, Value, &str); 8] = [
        ("/issuers/1/issuer", json!(CORP), "issuers[1].audiences: "),
        (
            "/issuers/1/name",
            json!(CORP),
            "issuers[1].name: `https://corp.example` is",
        ),
        ("/issuers/0/name", json!(PARTNER), "issuers[1].name: "),
        ("/issuers/1/name", json!(""), "issuers[1].name: is empty"),
        (
            "/rules/0/issuers",
            json!(["corp"]),
            "rules[0].issuers[0]: unknown issuer `corp`, expected one of `https://corp",
        ),
        (
            "/rules/1/issuers",
            json!([CORP, "x"]),
            "rules[1].issuers[1]: unknown issuer `x`",
        ),
        (
            "/rules/1/issuers",
            json!([]),
            "rules[1]: `issuers` is empty",
        ),
        (
            "/issuers/1/allowed_plans",
            json!(["pro"]),
            "issuers[1].default_plan: `free` is missing in `allowed_plans`",
        ),
    ];
    for (place, value, expected) in cases {
        let mut policy = issuers.policy();
        let (parent, field) = place.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[field] = value;
        let error = error(&policy);
        assert!(error.starts_with(expected), "{place}: {error}");
    }
    let mut policy = issuers.policy();
    (policy["issuers"][0]["name"], policy["issuers"][1]["name"]) = ("a".into(), "a".into());
    assert_eq!(
        error(&policy),
        "issuers[1].name: `a` is the name of another issuer"
    );
}

#[test]
fn several_unlimited_issuers_have_a_warning() {
    let issuers = Issuers::new();
    let warnings = |change: &dyn Fn(&mut Value)| {
        let mut policy = issuers.policy();
        change(&mut policy);
        let policy = Policy::parse(&policy.to_string(), &KeyHeader::default(), &|_| {
            Some("s".to_owned())
        })
        .unwrap();
        policy
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let introspection = json!({"endpoint": "https://opaque.example/introspect", "client_id": "tollgate",
        "client_secret": "env:S", "default_plan": "free"});
    let only_corp = |policy: &mut Value| drop(policy["issuers"].as_array_mut().unwrap().pop());

    let both = warnings(&|_| ());
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(
        both[0].starts_with(&format!(
            "issuers: each of the issuers `{CORP}`, `{PARTNER}` can assert"
        )),
        "{both:?}"
    );
    assert_eq!(
        warnings(&|policy| {
            only_corp(policy);
            policy["introspection"] = introspection.clone();
        })
        .len(),
        1
    );
    // A third, limited issuer does not affect the other two.
    assert_eq!(
        warnings(&|policy| {
            policy["introspection"] = introspection.clone();
            policy["introspection"]["allowed_roles"] = json!([]);
        })
        .len(),
        1
    );

    assert!(warnings(&only_corp).is_empty());
    assert!(warnings(&|policy| policy["rules"][0]["issuers"] = json!([CORP])).is_empty());
    for list in ["allowed_scopes", "allowed_roles"] {
        assert!(
            warnings(&|policy| policy["issuers"][1][list] = json!([])).is_empty(),
            "{list}"
        );
    }
    // Signed and opaque tokens of one issuer.
    assert!(
        warnings(&|policy| {
            only_corp(policy);
            policy["introspection"] = introspection.clone();
            policy["introspection"]["issuer"] = CORP.into();
        })
        .is_empty()
    );
}

#[test]
fn allowed_plans_are_checked_for_existence() {
    let issuers = Issuers::new();
    let mut policy = issuers.policy();
    policy["issuers"][1]["allowed_plans"] = json!(["free", "pro"]);
    let policy = Policy::parse(&policy.to_string(), &KeyHeader::default(), &|_| None).unwrap();
    let named: Vec<_> = policy
        .named_plans()
        .iter()
        .map(|named| (named.place.as_str(), named.plan.as_str()))
        .collect();
    assert!(
        named.contains(&("issuers[1].allowed_plans[1]", "pro")),
        "{named:?}"
    );
}

fn introspecting(issuers: &Issuers, provider: &Provider, change: impl FnOnce(&mut Value)) -> Value {
    let mut policy = issuers.policy();
    policy["introspection"] = json!({"endpoint": provider.url("/introspect"), "client_id": "tollgate",
        "client_secret": "s", "default_plan": "free"});
    change(&mut policy);
    policy
}

#[tokio::test]
async fn introspection_cannot_assert_another_issuer() {
    let issuers = Issuers::new();
    let provider = Provider::start().await;
    let endpoint = provider.url("/introspect");
    let authorizer = authorizer(&introspecting(&issuers, &provider, |_| ()));
    for _ in 0..5 {
        assert_eq!(
            context(&authorizer, bearer_event(&issuers.of_corp(|_| ()))).await["decision"],
            "allowed"
        );
    }
    for (index, iss) in [json!(CORP), json!("https://elsewhere.example"), json!(null)]
        .into_iter()
        .enumerate()
    {
        provider.reply(
            "/introspect",
            Reply::json(&json!({"active": true, "sub": "alice", "iss": iss})),
        );
        let context = context(&authorizer, bearer_event(&format!("opaque-{index}"))).await;
        assert_eq!(
            [&context["user_id"], &context["issuer"]],
            ["alice", endpoint.as_str()],
            "{iss}"
        );
        assert_eq!(context["decision"], "allowed", "corp's alice is charged");
    }
}

#[tokio::test]
async fn introspection_may_only_name_its_configured_issuer() {
    let issuers = Issuers::new();
    let provider = Provider::start().await;
    let authorizer = authorizer(&introspecting(&issuers, &provider, |policy| {
        policy["introspection"]["issuer"] = "https://opaque.example".into();
    }));
    for (iss, expected) in [
        (json!("https://opaque.example"), "ok"),
        (json!(CORP), "401"),
        (json!(null), "401"),
        (json!(7), "401"),
    ] {
        provider.reply(
            "/introspect",
            Reply::json(&json!({"active": true, "sub": "alice", "iss": iss})),
        );
        let event = bearer_event(&format!("opaque-{iss}").replace(['"', ':', '/'], "-"));
        assert_eq!(
            reason_of(&authorizer, event.clone()).await,
            expected,
            "{iss}"
        );
        if expected == "ok" {
            assert_eq!(
                context(&authorizer, event).await["issuer"],
                "https://opaque.example"
            );
        }
    }
}

#[tokio::test]
async fn rules_and_limits_apply_to_introspection() {
    let issuers = Issuers::new();
    for name in [None, Some("opaque")] {
        let provider = Provider::start().await;
        let rule = name.map_or_else(|| provider.url("/introspect"), str::to_owned);
        provider.reply(
            "/introspect",
            Reply::json(
                &json!({"active": true, "sub": "alice", "scope": "admin:read", "roles": ["admin"], "plan": "pro"}),
            ),
        );
        let authorizer = authorizer(&introspecting(&issuers, &provider, |policy| {
            if let Some(name) = name {
                policy["introspection"]["name"] = name.into();
            }
            policy["rules"][0]["issuers"] = json!([rule]);
            policy["rules"]
                .as_array_mut()
                .unwrap()
                .push(json!({"match": "GET /plain", "auth": "any", "issuers": [CORP]}));
        }));
        let opaque = |path: &str| event(path, json!({"authorization": "Bearer opaque"}));
        assert_eq!(reason_of(&authorizer, opaque("/admin/users")).await, "ok");
        assert_eq!(
            reason_of(&authorizer, opaque("/plain")).await,
            "issuer_not_accepted"
        );
        let of_corp = issuers.of_corp(|claims| claims["scope"] = "admin:read".into());
        assert_eq!(
            reason_of(&authorizer, admin(&of_corp)).await,
            "issuer_not_accepted"
        );

        let limited = crate::support::authorizer(&introspecting(&issuers, &provider, |policy| {
            for (list, allowed) in [
                ("allowed_scopes", "a"),
                ("allowed_roles", "b"),
                ("allowed_plans", "free"),
            ] {
                policy["introspection"][list] = json!([allowed]);
            }
        }));
        let context = context(&limited, opaque("/orders")).await;
        assert_eq!(
            [&context["scopes"], &context["roles"], &context["plan"]],
            ["-", "-", "free"]
        );
    }
}

#[tokio::test]
async fn issuer_can_have_signed_and_opaque_tokens() {
    let issuers = Issuers::new();
    let provider = Provider::start().await;
    provider.reply(
        "/introspect",
        Reply::json(&json!({"active": true, "sub": "alice", "iss": CORP})),
    );
    let policy = introspecting(&issuers, &provider, |policy| {
        policy["introspection"]["issuer"] = CORP.into();
        policy["rules"][1]["issuers"] = json!([CORP]);
    });
    let authorizer = authorizer(&policy);
    for token in [issuers.of_corp(|_| ()), "opaque".to_owned()] {
        let context = context(&authorizer, bearer_event(&token)).await;
        assert_eq!([&context["reason"], &context["issuer"]], ["ok", CORP]);
    }

    let mut taken = policy;
    taken["introspection"]["name"] = PARTNER.into();
    assert_eq!(
        error(&taken),
        "introspection.name: `https://partner.example` is the name of another issuer"
    );
}
