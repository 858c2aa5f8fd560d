//! Issuers with many tenants, such as Entra ID.

use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn tenant(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// An identity provider with tenants, whose key set is for all of them.
struct Entra {
    provider: Provider,
    signer: Signer,
}

impl Entra {
    async fn start() -> Self {
        let entra = Self {
            provider: Provider::start().await,
            signer: Signer::of("RS256"),
        };
        let document =
            json!({"issuer": entra.issuer("{tenantid}"), "jwks_uri": entra.provider.url("/keys")});
        let discovery = "/common/v2.0/.well-known/openid-configuration";
        entra.provider.reply(discovery, Reply::json(&document));
        entra.publish(&[entra.jwk(&entra.issuer("{tenantid}"))]);
        entra
    }

    fn issuer(&self, tenant: &str) -> String {
        self.provider.url(&format!("/{tenant}/v2.0"))
    }

    fn jwk(&self, issuer: &str) -> Value {
        let mut jwk = self.signer.jwk();
        jwk["issuer"] = issuer.into();
        jwk
    }

    fn publish(&self, keys: &[Value]) {
        self.provider
            .reply("/keys", Reply::json(&json!({ "keys": keys })));
    }

    fn authorizer(&self, tenants: Value) -> TestAuthorizer {
        let mut policy = policy(&Value::Null);
        let issuer = &mut policy["issuers"][0];
        issuer.as_object_mut().unwrap().remove("jwks");
        issuer["issuer"] = self.issuer("{tenantid}").into();
        issuer["tenants"] = tenants;
        for field in ["allowed_scopes", "allowed_roles"] {
            issuer[field] = json!([]);
        }
        issuer["allowed_plans"] = json!(["burst-of-one", "free", "pro"]);
        authorizer(&policy)
    }

    fn token(&self, tenant: &str) -> String {
        self.token_with(tenant, |claims| claims["tid"] = tenant.into())
    }

    fn token_with(&self, tenant: &str, change: impl FnOnce(&mut Value)) -> String {
        self.signer.with(|claims| {
            claims["iss"] = self.issuer(tenant).into();
            change(claims);
        })
    }
}

#[tokio::test]
async fn all_tenants_share_one_discovery_and_one_key_set() {
    let entra = Entra::start().await;
    let authorizer = entra.authorizer(json!("any"));
    for number in 0..50 {
        let event = bearer_event(&entra.token(&tenant(number)));
        let context = context(&authorizer, event).await;
        assert_eq!(context["reason"], "ok");
        assert_eq!(context["issuer"], entra.issuer(&tenant(number)));
    }
    assert_eq!(entra.provider.requests("/keys"), 1);
    let discovery = "/common/v2.0/.well-known/openid-configuration";
    assert_eq!(entra.provider.requests(discovery), 1);
}

#[tokio::test]
async fn only_accepted_tenants_pass() {
    let entra = Entra::start().await;
    let (one, two) = (tenant(1), tenant(2));
    for (tenants, accepted, refused) in [
        (json!([one]), vec![&*one], vec![&*two, PERSONAL]),
        (json!("any"), vec![&*one, &*two], vec![PERSONAL]),
        (json!(["any", PERSONAL]), vec![&*one, PERSONAL], vec![]),
    ] {
        let authorizer = entra.authorizer(tenants.clone());
        for (tenant, expected) in accepted
            .into_iter()
            .map(|tenant| (tenant, "ok"))
            .chain(refused.into_iter().map(|tenant| (tenant, "401")))
        {
            let event = bearer_event(&entra.token(tenant));
            let reason = reason_of(&authorizer, event).await;
            assert_eq!(reason, expected, "{tenants} {tenant}");
        }
    }
}

#[tokio::test]
async fn tid_must_be_the_tenant_of_the_issuer() {
    let entra = Entra::start().await;
    let authorizer = entra.authorizer(json!("any"));
    for tid in [
        json!(tenant(2)),
        json!(null),
        json!(7),
        json!(""),
        json!([tenant(1)]),
    ] {
        let token = entra.token_with(&tenant(1), |claims| claims["tid"] = tid.clone());
        let reason = reason_of(&authorizer, bearer_event(&token)).await;
        assert_eq!(reason, "401", "{tid}");
    }
    let without = entra.token_with(&tenant(1), |_| ());
    assert_eq!(reason_of(&authorizer, bearer_event(&without)).await, "401");

    for tenant in ["common", "organizations", "{tenantid}", "", "../x"] {
        let event = bearer_event(&entra.token(tenant));
        assert_eq!(reason_of(&authorizer, event).await, "401", "{tenant}");
    }
}

#[tokio::test]
async fn key_that_names_an_issuer_serves_only_its_tokens() {
    let entra = Entra::start().await;
    entra.publish(&[entra.jwk(&entra.issuer(&tenant(1)))]);
    let authorizer = entra.authorizer(json!("any"));

    let own = bearer_event(&entra.token(&tenant(1)));
    assert_eq!(reason_of(&authorizer, own).await, "ok");
    let other = bearer_event(&entra.token(&tenant(2)));
    assert_eq!(reason_of(&authorizer, other).await, "401");
}

#[tokio::test]
async fn issuer_without_tenants_refuses_the_key_of_another_issuer() {
    let signer = Signer::of("RS256");
    for (key_issuer, expected) in [
        (ISSUER, "ok"),
        ("https://login.microsoftonline.com/{tenantid}/v2.0", "ok"),
        ("https://other.example", "401"),
        ("", "401"),
    ] {
        let mut jwk = signer.jwk();
        jwk["issuer"] = key_issuer.into();
        let authorizer = authorizer(&policy(&json!({ "keys": [jwk] })));
        let event = bearer_event(&signer.with(|_| ()));
        assert_eq!(
            reason_of(&authorizer, event).await,
            expected,
            "{key_issuer}"
        );
    }
}

#[tokio::test]
async fn equal_subjects_of_two_tenants_are_two_callers() {
    let entra = Entra::start().await;
    let authorizer = entra.authorizer(json!("any"));
    for (number, expected) in [(1, "allowed"), (1, "throttled"), (2, "allowed")] {
        let token = entra.token_with(&tenant(number), |claims| {
            claims["tid"] = tenant(number).into();
            claims["plan"] = "burst-of-one".into();
        });
        let decision = context(&authorizer, bearer_event(&token)).await["decision"].take();
        assert_eq!(decision, expected, "tenant {number}");
    }
}

#[tokio::test]
async fn tenant_cannot_assert_what_the_policy_does_not_allow() {
    let entra = Entra::start().await;
    let authorizer = entra.authorizer(json!("any"));
    let token = entra.token_with(&tenant(1), |claims| {
        claims["tid"] = tenant(1).into();
        claims["scope"] = "admin:read admin:write".into();
        claims["roles"] = json!(["admin"]);
    });
    let context = context(&authorizer, bearer_event(&token)).await;
    assert_eq!([&context["scopes"], &context["roles"]], ["-", "-"]);

    let headers = json!({"authorization": format!("Bearer {token}")});
    let reason = reason_of(&authorizer, event("/admin/users", headers)).await;
    assert_eq!(reason, "insufficient_scope");
}
