//! Policies.

use std::sync::Arc;

use serde_json::json;

use crate::support::{Api, unique};

pub(crate) async fn a_policy_is_one_that_the_authorizer_can_start_with(api: Arc<Api>) {
    let path = format!("/policies/{}", unique("policy"));
    assert_eq!(api.get(&path).await.status, 404);
    let policy = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]});
    let made = api.send("PUT", &path, policy.clone()).await;
    assert_eq!((made.status, made.json()), (201, policy.clone()));
    let read = api.get(&path).await;
    assert_eq!((read.json(), read.etag()), (policy, made.etag()));
    let wrong = api.send("PUT", &path, json!({"rules": [{"match": "GET /", "auth": "jwt"}]})).await;
    assert_eq!((wrong.status, wrong.mistakes()), (422, vec!["/rules/0".to_owned()]));
    let stale = api.call("PUT", &path).header("if-match", "\"0\"").json(json!({"rules": []})).send().await;
    assert_eq!(stale.status, 412);
    assert_eq!(api.get(&path).await.etag(), made.etag());
}
