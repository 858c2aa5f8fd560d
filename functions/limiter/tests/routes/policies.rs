//! Authorization policies.

use std::sync::Arc;

use serde_json::json;

use crate::support::{Api, unique};

pub(crate) async fn only_valid_policies_are_stored(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    assert_eq!(api.get(&path).await.status, 404);

    let policy = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
    let made = api.send("PUT", &path, policy.clone()).await;
    assert_eq!((made.status, made.json()), (201, policy.clone()));

    let read = api.get(&path).await;
    assert_eq!((read.json(), read.etag()), (policy, made.etag()));

    let wrong = api
        .send(
            "PUT",
            &path,
            json!({"rules": [{"match": "GET /", "auth": "jwt"}]}),
        )
        .await;
    assert_eq!(
        (wrong.status, wrong.mistakes()),
        (422, vec!["/rules/0".to_owned()])
    );

    let leaking = json!({"api_keys": {"header": "x-my-key"}, "rules": []});
    let refused = api.send("PUT", &path, leaking).await;
    assert_eq!(
        (refused.status, refused.mistakes()),
        (422, vec!["/api_keys/header".to_owned()])
    );

    let stale = api
        .call("PUT", &path)
        .header("if-match", "\"0\"")
        .json(json!({"rules": []}))
        .send()
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(api.get(&path).await.etag(), made.etag());
}

pub(crate) async fn policy_with_a_missing_plan_is_stored_with_a_warning(api: Arc<Api>) {
    let (path, plan) = (format!("/policies/{}", unique("policy")), unique("plan"));
    let policy = json!({
        "mtls": {"default_plan": plan},
        "rules": [{"match": "POST /login", "auth": "none", "limit_by": "ip", "plan": plan}],
    });
    let put = api.send("PUT", &path, policy.clone()).await;
    assert_eq!(put.status, 201);

    let mut body = put.json();
    let warnings = body.as_object_mut().unwrap().remove("warnings").unwrap();
    let detail =
        format!("plan `{plan}` does not exist; requests that need it are refused with 403");
    assert_eq!(
        warnings,
        json!([{"pointer": "/mtls/default_plan", "detail": detail}, {"pointer": "/rules/0/plan", "detail": detail}])
    );
    assert_eq!(
        (body, api.get(&path).await.json()),
        (policy.clone(), policy.clone())
    );

    assert_eq!(
        api.send("PUT", &format!("/plans/{plan}"), json!({}))
            .await
            .status,
        201
    );
    assert_eq!(api.send("PUT", &path, policy.clone()).await.json(), policy);
}

pub(crate) async fn wildcard_in_a_policy_or_plan_is_rejected(api: Arc<Api>) {
    let policy = json!({"rules": [{"match": "ANY /admin/*", "auth": "any"}]});
    let plan = json!({"routes": {"GET /a/*": {"rate": 1, "burst": 1}}});

    for (path, document, place) in [
        (
            format!("/policies/{}", unique("policy")),
            policy,
            "/rules/0/match",
        ),
        (
            format!("/plans/{}", unique("plan")),
            plan,
            "/routes/GET ~1a~1*",
        ),
    ] {
        let wrong = api.send("PUT", &path, document).await;
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (422, vec![place.to_owned()])
        );
        assert!(wrong.text.contains("{proxy+}"), "{}", wrong.text);
    }
}

pub(crate) async fn rules_that_differ_only_in_case_are_stored_with_a_warning(api: Arc<Api>) {
    let policy = json!({"rules": [{"match": "GET /users/me", "auth": "any"}, {"match": "GET /users/ME", "auth": "none"}]});
    let put = api
        .send("PUT", &format!("/policies/{}", unique("policy")), policy)
        .await;

    assert_eq!(
        (put.status, &put.json()["warnings"][0]["pointer"]),
        (201, &json!("/rules/1/match"))
    );
}
