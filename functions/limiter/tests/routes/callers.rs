//! Usage of and grants to token subjects, certificates, groups and addresses.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Api, unique};

/// Returns the calls of today and the use of the first quota.
fn usage(report: &Value) -> (u64, Value) {
    let days = report["days"].as_array().unwrap();
    let calls = days.iter().map(|day| day["calls"].as_u64().unwrap()).sum();
    (calls, report["quotas"][0]["usage"].clone())
}

async fn plan(api: &Api) -> String {
    api.plan(json!({"quotas": [{"limit": 10, "period": "month"}]}))
        .await
}

pub(crate) async fn usage_of_a_subject_is_reported_and_granted(api: Arc<Api>) {
    let (plan, subject) = (plan(&api).await, unique("alice"));
    let call = json!({"issuer": "https://auth.example.com", "subject": subject, "plan": plan});
    for _ in 0..3 {
        let decision = api.send("POST", "/decisions", call.clone()).await;
        assert_eq!(decision.json()["decision"], "allowed", "{decision:?}");
    }

    let found = api
        .get(&format!(
            "/callers/sub?issuer=https://auth.example.com&subject={subject}"
        ))
        .await
        .json();
    assert_eq!(found["kind"], "sub");
    let path = format!("/callers/sub/{}/usage", found["id"].as_str().unwrap());

    let report = api.get(&format!("{path}?plan={plan}")).await.json();
    assert_eq!(usage(&report), (3, json!([3, 7])));
    assert_eq!(
        (&report["kind"], &report["plan"]),
        (&json!("sub"), &json!(plan))
    );
    let days = api.get(&path).await.json();
    assert_eq!(
        (usage(&days), &days["plan"]),
        ((3, Value::Null), &Value::Null)
    );

    let grant = api
        .send(
            "PATCH",
            &format!("{path}?plan={plan}"),
            json!({"quota": "month", "grant": 5}),
        )
        .await;
    assert_eq!(
        (grant.status, &grant.json()["usage"]),
        (200, &json!([3, 12]))
    );
    let peek = json!({"issuer": "https://auth.example.com", "subject": subject, "plan": plan, "mode": "peek"});
    assert_eq!(
        api.send("POST", "/decisions", peek).await.json()["remaining"],
        12
    );
}

pub(crate) async fn keys_of_a_group_share_the_grant(api: Arc<Api>) {
    let (plan, group) = (plan(&api).await, unique("acme"));
    let mut key_id = Value::Null;
    for _ in 0..2 {
        let made = api
            .send("POST", "/keys", json!({"plan": plan, "group": group}))
            .await
            .json();
        key_id = made["key_id"].clone();
        for _ in 0..2 {
            api.send("POST", "/decisions", json!({"key": made["key"]}))
                .await;
        }
    }

    let path = format!("/callers/group/{group}/usage?plan={plan}");
    assert_eq!(usage(&api.get(&path).await.json()), (4, json!([4, 6])));

    let id = unique("an-idempotency-key");
    for replayed in [None, Some("true")] {
        let grant = api
            .call("PATCH", &path)
            .header("idempotency-key", &id)
            .json(json!({"quota": "month", "grant": 5}))
            .send()
            .await;
        assert_eq!(grant.json()["usage"], json!([4, 11]));
        assert_eq!(grant.header("idempotent-replayed"), replayed);
    }

    // A grant to a key of the group has the same effect.
    let of_key = format!("/keys/{}/usage", key_id.as_str().unwrap());
    let grant = json!({"quota": "month", "grant": -5});
    let grant = api.send("PATCH", &of_key, grant).await;
    assert_eq!(grant.json()["usage"], json!([4, 6]));
    assert_eq!(usage(&api.get(&path).await.json()), (4, json!([4, 6])));
}

pub(crate) async fn refund_of_a_key_is_returned_to_its_group(api: Arc<Api>) {
    let (plan, group) = (plan(&api).await, unique("acme"));
    let new_key = async || {
        let body = json!({"plan": plan, "group": group});
        api.send("POST", "/keys", body).await.json()
    };
    let (key, sibling) = (new_key().await, new_key().await);
    let charge = async |key: &Value, cost: u64| {
        let body = json!({"key": key["key"], "cost": cost});
        let decision = api.send("POST", "/decisions", body).await.json();
        decision["charge"].clone()
    };
    charge(&key, 1).await;
    charge(&sibling, 2).await;
    let charged = charge(&key, 4).await;

    let group_path = format!("/callers/group/{group}/usage?plan={plan}");
    let quota = async || usage(&api.get(&group_path).await.json()).1;
    let today = async |path: &str| {
        let report = api.get(path).await.json();
        let day = report["days"].as_array().unwrap().last().unwrap().clone();
        [day["used"].clone(), day["calls"].clone()]
    };
    // Units and calls of the group, of the key, and of the other key.
    let figures = async || {
        let of_key = |key: &Value| format!("/keys/{}/usage", key["key_id"].as_str().unwrap());
        let group = today(&group_path).await;
        json!([
            group,
            today(&of_key(&key)).await,
            today(&of_key(&sibling)).await
        ])
    };
    assert_eq!(figures().await, json!([[7, 3], [5, 2], [2, 1]]));
    assert_eq!(quota().await, json!([7, 3]));

    for (refunded, reason) in [(true, "ok"), (false, "already_refunded")] {
        let refund = json!({"mode": "refund", "charge": charged});
        let response = api.send("POST", "/decisions", refund).await.json();
        assert_eq!(response, json!({"refunded": refunded, "reason": reason}));
        assert_eq!(figures().await, json!([[3, 2], [1, 1], [2, 1]]));
        assert_eq!(quota().await, json!([3, 7]));
    }
}

pub(crate) async fn usage_of_certificates_and_addresses_is_reported_and_granted(api: Arc<Api>) {
    let plan = plan(&api).await;
    let certificate = unique("0b").replace('-', "");
    let certificate = format!("cert/{certificate:0<64}");
    for (path, form) in [
        (certificate.as_str(), certificate.as_str()),
        ("ip/198.51.100.9", "ip/198.51.100.9"),
        ("ip/MTk4LjUxLjEwMC4xMA", "ip/198.51.100.10"),
        ("ip/2001:db8::9", "ip/2001:db8::a"),
    ] {
        let path = format!("/callers/{path}/usage?plan={plan}");
        let grant = json!({"quota": "month", "grant": 5});
        let granted = api.send("PATCH", &path, grant).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        assert_eq!(granted.json()["usage"], json!([0, 15]));

        let same = format!("/callers/{form}/usage?plan={plan}");
        let report = api.get(&same).await.json();
        assert_eq!(usage(&report), (0, json!([0, 15])), "{same}");
    }

    // On another plan, an address is another caller.
    let other = self::plan(&api).await;
    let path = format!("/callers/ip/198.51.100.9/usage?plan={other}");
    let report = api.get(&path).await.json();
    assert_eq!(usage(&report), (0, json!([0, 10])));
    assert_eq!(report["days"], json!([]));
}

pub(crate) async fn subject_of_a_shared_plan_has_its_own_days(api: Arc<Api>) {
    let plan = api
        .plan(json!({"shared_by_plan": true, "quotas": [{"limit": 10, "period": "month"}]}))
        .await;
    let subjects = [unique("alice"), unique("bob")];
    let issuer = "https://auth.example.com";
    for (subject, calls) in subjects.iter().zip([1, 2]) {
        for _ in 0..calls {
            let call = json!({"issuer": issuer, "subject": subject, "plan": plan});
            api.send("POST", "/decisions", call).await;
        }
    }

    for (subject, calls) in subjects.iter().zip([1, 2]) {
        let query = format!("/callers/sub?issuer={issuer}&subject={subject}");
        let found = api.get(&query).await.json();
        let id = found["id"].as_str().unwrap();
        let path = format!("/callers/sub/{id}/usage?plan={plan}");
        let report = api.get(&path).await.json();
        assert_eq!(usage(&report), (calls, json!([3, 7])));
    }
}

pub(crate) async fn details_name_the_mistake(api: Arc<Api>) {
    for (path, part) in [
        ("/callers/sub/alice/usage", "64 lower-case hexadecimal"),
        ("/callers/group/Acme/usage", "name of a group"),
        ("/callers/ip/192.0.2/usage?plan=free", "such as 192.0.2.7"),
        ("/callers/key/k1/usage", "below /keys"),
        ("/callers/ip/192.0.2.7/usage", "missing"),
        (
            "/callers/group/acme/usage?plan=none",
            "`none` does not exist",
        ),
        ("/callers/sub?issuer=https://a", "missing"),
        ("/callers/sub?issuer=&subject=alice", "missing"),
    ] {
        let wrong = api.get(path).await;
        assert!((400..=404).contains(&wrong.status), "{wrong:?}");
        assert!(wrong.text.contains(part), "{path}: {wrong:?}");
    }
}

pub(crate) async fn invalid_callers_are_rejected(api: Arc<Api>) {
    let (plan, unknown) = (plan(&api).await, "0a".repeat(32));
    for path in [
        "/callers/sub/alice/usage",
        "/callers/key/k1/usage",
        "/callers/ip/192.0.2/usage?plan=free",
        "/callers/group/Acme/usage",
        &format!("/callers/cert/{unknown}/usage"),
    ] {
        assert_eq!(api.get(path).await.status, 404, "{path}");
    }

    let shared = api
        .plan(json!({"shared_by_plan": true, "quotas": [{"limit": 10, "period": "month"}]}))
        .await;
    let grant = json!({"quota": "month", "grant": 5});
    for (method, path) in [
        ("GET", "/callers/ip/192.0.2.7/usage".to_owned()),
        ("GET", format!("/callers/cert/{unknown}/usage?plan=unknown")),
        ("PATCH", format!("/callers/cert/{unknown}/usage")),
        (
            "PATCH",
            format!("/callers/cert/{unknown}/usage?plan={shared}"),
        ),
    ] {
        let wrong = if method == "GET" {
            api.get(&path).await
        } else {
            api.send(method, &path, grant.clone()).await
        };
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (400, vec!["plan".to_owned()]),
            "{method} {path}"
        );
    }

    let address = api
        .get(&format!("/callers/ip/192.0.2.7/usage?plan={plan}"))
        .await;
    assert_eq!(usage(&address.json()), (0, json!([0, 10])));
}
