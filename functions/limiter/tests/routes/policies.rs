//! Authorization policies.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit_records::records;
use crate::support::{Api, POLICY_IN_USE, unique};

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

fn policy(auth: &str) -> Value {
    json!({"rules": [{"match": "ANY /{proxy+}", "auth": auth}]})
}

pub(crate) async fn policies_are_listed_page_by_page_with_their_candidates(api: Arc<Api>) {
    let prefix = unique("listed");
    for number in 0..3 {
        let path = format!("/policies/{prefix}-{number}");
        assert_eq!(api.send("PUT", &path, policy("any")).await.status, 201);
    }
    let candidate = format!("/policies/{prefix}-1/candidate");
    assert_eq!(
        api.send("PUT", &candidate, policy("api_key")).await.status,
        201
    );

    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/policies?limit=2&cursor={cursor}")).await;
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2, "{page}");
        listed.extend(items.clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }

    listed.retain(|item| item["name"].as_str().unwrap().starts_with(&prefix));
    let found = listed
        .iter()
        .map(|item| (item["name"].as_str().unwrap(), item["candidate"] == true));
    let expected = [0, 1, 2].map(|number| (format!("{prefix}-{number}"), number == 1));
    assert!(
        found.eq(expected.iter().map(|(name, is)| (name.as_str(), *is))),
        "{listed:?}"
    );

    let first = api.get(&format!("/policies/{prefix}-0")).await;
    assert_eq!(listed[0]["etag"], first.etag());
    assert_eq!(api.get("/policies?cursor=x").await.mistakes(), ["cursor"]);
}

pub(crate) async fn policy_is_deleted_with_its_candidate(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let candidate = format!("{path}/candidate");
    assert_eq!(api.call("DELETE", &path).send().await.status, 404);

    let made = api.send("PUT", &path, policy("any")).await;
    api.send("PUT", &candidate, policy("none")).await;
    let stale = api.call("DELETE", &path).header("if-match", "\"0\"");
    assert_eq!(stale.send().await.status, 412);

    let deleted = api.call("DELETE", &path).header("if-match", made.etag());
    assert_eq!(deleted.send().await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.get(&candidate).await.status, 404);
}

pub(crate) async fn policy_in_use_is_deleted_only_by_force(api: Arc<Api>) {
    let path = format!("/policies/{POLICY_IN_USE}");
    assert_eq!(api.call("DELETE", &path).send().await.status, 404);
    assert_eq!(api.send("PUT", &path, policy("any")).await.status, 201);

    let refused = api.call("DELETE", &path).send().await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("force=true"), "{}", refused.text);
    assert_eq!(api.get(&path).await.status, 200);

    let unclear = api.call("DELETE", &format!("{path}?force=yes")).send();
    assert_eq!(unclear.await.mistakes(), ["force"]);
    let forced = api.call("DELETE", &format!("{path}?force=true")).send();
    assert_eq!(forced.await.status, 204);
    assert_eq!(api.get(&path).await.status, 404);
}

pub(crate) async fn candidate_is_written_read_and_deleted(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let candidate = format!("{path}/candidate");
    let orphan = api.send("PUT", &candidate, policy("any")).await;
    assert_eq!(orphan.status, 404, "{orphan:?}");

    api.send("PUT", &path, policy("any")).await;
    let wrong = api.send("PUT", &candidate, policy("anyone")).await;
    assert_eq!(wrong.mistakes(), ["/rules/0/auth"]);
    assert_eq!(api.get(&candidate).await.status, 404);

    let made = api.send("PUT", &candidate, policy("none")).await;
    assert_eq!((made.status, made.json()), (201, policy("none")));
    let read = api.get(&candidate).await;
    assert_eq!((read.json(), read.etag()), (policy("none"), made.etag()));
    assert_eq!(api.get(&path).await.json(), policy("any"));

    let stale = api.call("PUT", &candidate).header("if-match", "\"0\"");
    assert_eq!(stale.json(policy("api_key")).send().await.status, 412);
    let replaced = api
        .call("PUT", &candidate)
        .header("if-match", made.etag())
        .json(policy("api_key"));
    assert_eq!(replaced.send().await.status, 200);

    let stale = api
        .call("DELETE", &candidate)
        .header("if-match", made.etag());
    assert_eq!(stale.send().await.status, 412);
    assert_eq!(api.call("DELETE", &candidate).send().await.status, 204);
    assert_eq!(api.call("DELETE", &candidate).send().await.status, 404);
    assert_eq!(api.get(&path).await.json(), policy("any"));
}

pub(crate) async fn candidate_is_put_in_force(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let (candidate, promote) = (format!("{path}/candidate"), format!("{path}/promote"));
    assert_eq!(api.call("POST", &promote).send().await.status, 404);

    api.send("PUT", &path, policy("any")).await;
    assert_eq!(api.call("POST", &promote).send().await.status, 404);
    let made = api.send("PUT", &candidate, policy("api_key")).await;
    let stale = api.call("POST", &promote).header("if-match", "\"0\"");
    assert_eq!(stale.send().await.status, 412);

    let promoted = api.call("POST", &promote).header("if-match", made.etag());
    let promoted = promoted.send().await;
    assert_eq!((promoted.status, promoted.json()), (200, policy("api_key")));
    let read = api.get(&path).await;
    assert_eq!(
        (read.json(), read.etag()),
        (policy("api_key"), promoted.etag())
    );
    assert_eq!(api.get(&candidate).await.status, 404);
}

/// Otherwise the candidate would undo the change.
pub(crate) async fn candidate_of_an_earlier_policy_is_not_put_in_force(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let (candidate, promote) = (format!("{path}/candidate"), format!("{path}/promote"));
    api.send("PUT", &path, policy("none")).await;
    api.send("PUT", &candidate, policy("any")).await;
    api.send("PUT", &path, policy("api_key")).await;

    let refused = api.call("POST", &promote).send().await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert_eq!(api.get(&path).await.json(), policy("api_key"));

    assert_eq!(api.send("PUT", &candidate, policy("any")).await.status, 200);
    assert_eq!(api.call("POST", &promote).send().await.status, 200);
    assert_eq!(api.get(&path).await.json(), policy("any"));
}

/// A promotion and a change of the policy exclude each other.
pub(crate) async fn candidate_is_put_in_force_as_a_whole_or_not_at_all(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    let (candidate, promote) = (format!("{path}/candidate"), format!("{path}/promote"));
    api.send("PUT", &path, policy("none")).await;
    api.send("PUT", &candidate, policy("any")).await;

    let (one, two, change) = tokio::join!(
        api.call("POST", &promote).send(),
        api.call("POST", &promote).send(),
        api.call("PUT", &path).json(policy("api_key")).send(),
    );
    let promotions = [one.status, two.status];
    let promoted = promotions.iter().filter(|status| **status == 200).count();
    let is_expected = |status: &u64| matches!(status, 200 | 404 | 409);
    assert!(promotions.iter().all(is_expected), "{one:?} {two:?}");
    assert_eq!(change.status, 200, "{change:?}");

    // A promotion that meets the other one may succeed, but only one is made and recorded.
    let name = path.trim_start_matches("/policies/");
    let all = records(&api, &format!("target={name}")).await;
    let recorded = all
        .iter()
        .filter(|record| record["action"] == "candidate.promote")
        .count();
    assert_eq!(recorded, promoted.min(1), "{one:?} {two:?}");

    // The change came last, or the candidate was not put in force.
    assert_eq!(api.get(&path).await.json(), policy("api_key"));
    let left = api.get(&candidate).await.status;
    assert_eq!(left, if promoted > 0 { 404 } else { 200 });
}
