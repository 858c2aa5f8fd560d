//! Usage reports and grants.

use std::sync::Arc;

use serde_json::{Value, json};

use testing::Fault;

use crate::support::{Api, unique};

/// Returns the sum of the days in a report.
fn used(report: &Value) -> u64 {
    report["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["used"].as_u64().unwrap())
        .sum()
}

async fn decide(api: &Api, secret: &str) -> Value {
    api.send("POST", "/decisions", json!({"key": secret}))
        .await
        .json()
}

pub(crate) async fn report_adds_up_to_the_allowed_calls(api: Arc<Api>) {
    let quotas = json!([{"limit": 12, "period": "day"}, {"limit": 1000, "period": "month"}]);
    let plan = api.plan(json!({"quotas": quotas})).await;
    let (key_id, secret) = api.key(&plan).await;
    let mut admitted = 0_u64;
    for _ in 0..20 {
        admitted += u64::from(decide(&api, &secret).await["decision"] == "allowed");
    }
    assert_eq!(admitted, 12);

    let report = api
        .get(&format!(
            "/keys/{key_id}/usage?from=2026-11-20&to=2026-11-22"
        ))
        .await
        .json();
    let days = report["days"].as_array().unwrap();
    assert_eq!(
        days.iter()
            .map(|day| day["used"].as_u64().unwrap())
            .sum::<u64>(),
        admitted
    );
    assert_eq!(
        days[0],
        json!({"date": "2026-11-20", "used": 0, "calls": 0, "refused": 0, "quotas": {"day": [0, 12]}})
    );
    assert_eq!(
        days[2]["quotas"],
        json!({"day": [12, 0], "month": [12, 988]})
    );
    assert_eq!(
        (
            &report["quotas"][1]["usage"],
            &report["quotas"][1]["ends_at"]
        ),
        (&json!([12, 988]), &json!("2026-12-01T00:00:00Z"))
    );

    let csv = api
        .call("GET", &format!("/keys/{key_id}/usage?from=2026-11-22"))
        .header("accept", "text/csv")
        .send()
        .await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        csv.text,
        format!("Date,KeyId,Name,Plan,Used\n2026-11-22,{key_id},,{plan},12\n")
    );

    for (query, parameter) in [
        ("from=x", "from"),
        ("from=2026-11-22&to=2026-11-21", "to"),
        ("from=2025-11-01", "to"),
    ] {
        let wrong = api.get(&format!("/keys/{key_id}/usage?{query}")).await;
        assert_eq!(
            (wrong.status, wrong.mistakes()),
            (400, vec![parameter.to_owned()]),
            "{query}"
        );
    }
    assert_eq!(api.get("/keys/unknown/usage").await.status, 404);
}

pub(crate) async fn csv_report_has_one_row_per_day_and_the_name_of_the_key(api: Arc<Api>) {
    let plan = api.plan(json!({"quotas": [{"limit": 100, "period": "day"}, {"limit": 1000, "period": "month"}]})).await;
    let made = api
        .send(
            "POST",
            "/keys",
            json!({"plan": plan, "name": "=Acme, Inc."}),
        )
        .await
        .json();
    let (key_id, secret) = (
        made["key_id"].as_str().unwrap(),
        made["key"].as_str().unwrap(),
    );
    for _ in 0..3 {
        decide(&api, secret).await;
    }
    let path = format!("/keys/{key_id}/usage?from=2026-11-21&to=2026-11-22");
    let file = api
        .call("GET", &path)
        .header("accept", "text/csv")
        .send()
        .await;
    let expected = format!(
        "Date,KeyId,Name,Plan,Used\n2026-11-21,{key_id},\"'=Acme, Inc.\",{plan},0\n\
         2026-11-22,{key_id},\"'=Acme, Inc.\",{plan},3\n"
    );
    assert_eq!(file.text, expected);

    // The name is only for administrators, so the holder of the key does not see it.
    let own = api.call_as(
        "GET",
        "/_tollgate/usage?from=2026-11-22",
        json!({"lambda": {"key_id": key_id}}),
    );
    let own = own.header("accept", "text/csv").send().await;
    assert_eq!(
        own.text,
        format!("Date,KeyId,Name,Plan,Used\n2026-11-22,{key_id},,{plan},3\n")
    );
}

pub(crate) async fn grant_changes_the_remaining_calls_exactly(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let (key_id, secret) = api.key(&plan).await;
    decide(&api, &secret).await;
    let path = format!("/keys/{key_id}/usage");
    for (amount, granted, usage) in [
        (500, 500, [1, 509]),
        (-500, -500, [1, 9]),
        (-500, -9, [1, 0]),
    ] {
        let body = json!({"quota": "day", "grant": amount});
        let grant = api.send("PATCH", &path, body).await.json();
        assert_eq!(
            grant,
            json!({"quota": "day", "granted": granted, "usage": usage, "id": grant["id"]})
        );
    }
    let body = json!({"quota": "day", "grant": -1});
    assert_eq!(
        api.send("PATCH", &path, body).await.json(),
        json!({"quota": "day", "granted": 0, "usage": [1, 0]})
    );

    let once = || {
        api.call("PATCH", &path)
            .header("idempotency-key", "0123456789abcdef")
            .json(json!({"quota": "day", "grant": 5}))
            .send()
    };
    assert_eq!(once().await.json()["usage"], json!([1, 5]));
    assert_eq!(once().await.json()["usage"], json!([1, 5]));

    let wrong = api
        .send("PATCH", &path, json!({"quota": "week", "grant": 1}))
        .await;
    assert_eq!(
        (wrong.status, wrong.mistakes()),
        (422, vec!["/quota".to_owned()])
    );

    let wrong = api.send("PATCH", &path, json!({"grant": 1.5})).await;
    assert_eq!(
        (wrong.status, wrong.mistakes().join(" ")),
        (422, "/grant /quota".to_owned())
    );
}

pub(crate) async fn repeated_grant_returns_the_first_response_and_other_grants_are_rejected(
    api: Arc<Api>,
) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let ((key_id, secret), (other, _), id) = (
        api.key(&plan).await,
        api.key(&plan).await,
        unique("an-idempotency-key"),
    );
    let grant = |key_id: &str, amount: i64| {
        let call = api
            .call("PATCH", &format!("/keys/{key_id}/usage"))
            .header("idempotency-key", &id);
        call.json(json!({"quota": "day", "grant": amount})).send()
    };
    let first = grant(&key_id, 5).await;
    let granted = first.json();
    assert_eq!(
        (first.status, &granted),
        (
            200,
            &json!({"quota": "day", "granted": 5, "usage": [0, 15], "id": granted["id"]})
        )
    );

    decide(&api, &secret).await;
    api.send(
        "PATCH",
        &format!("/keys/{key_id}/usage"),
        json!({"quota": "day", "grant": 100}),
    )
    .await;
    let again = grant(&key_id, 5).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(
        (
            first.header("idempotent-replayed"),
            again.header("idempotent-replayed")
        ),
        (None, Some("true"))
    );

    for (key_id, amount) in [(&key_id, 6), (&key_id, -5), (&other, 5)] {
        let another = grant(key_id, amount).await;
        assert_eq!(another.status, 422, "{another:?}");
        assert!(
            another.json()["detail"]
                .as_str()
                .unwrap()
                .contains("Idempotency-Key"),
            "{another:?}"
        );
    }
    assert_eq!(decide(&api, &secret).await["remaining"], 113);
}

pub(crate) async fn grants_are_limited_to_the_largest_quota(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let (key_id, _) = api.key(&plan).await;
    let path = format!("/keys/{key_id}/usage");
    let grant = |amount: i64| api.send("PATCH", &path, json!({"quota": "day", "grant": amount}));
    assert_eq!(
        grant(999_999_999_999_989).await.json()["usage"],
        json!([0, 999_999_999_999_999_u64])
    );

    let more = grant(1).await;
    assert_eq!(
        (more.status, more.mistakes()),
        (422, vec!["/grant".to_owned()])
    );
    assert!(more.text.contains("999999999999999"), "{more:?}");
}

pub(crate) async fn key_sees_only_its_own_usage(api: Arc<Api>) {
    let (key_id, _) = api.key("free").await;
    let own = |authorizer: Value| api.call_as("GET", "/_tollgate/usage", authorizer);
    let seen = own(json!({"lambda": {"key_id": key_id}})).send().await;
    assert_eq!((seen.status, &seen.json()["key_id"]), (200, &json!(key_id)));

    for authorizer in [
        json!({"lambda": {"key_id": "-"}}),
        json!({"lambda": {}}),
        Value::Null,
    ] {
        let refused = own(authorizer)
            .header("x-tollgate-key-id", &key_id)
            .header("key_id", &key_id)
            .send()
            .await;
        assert_eq!(refused.status, 403);
    }
}

#[tokio::test]
async fn marked_request_is_rejected_before_any_handler() {
    let api = Api::embedded();
    let (key_id, _) = api.key("free").await;

    for (path, method) in [
        ("/_tollgate/usage", "GET"),
        ("/_tollgate/usage?from=x", "GET"),
        ("/_tollgate/openapi.json", "GET"),
        ("/_tollgate/v1/plans", "GET"),
        ("/_tollgate/v1/keys", "POST"),
        ("/nowhere", "GET"),
    ] {
        for (decision, reason, status) in [
            ("throttled", "rate_exceeded", 429),
            ("throttled", "quota_exceeded", 429),
            ("unavailable", "store_unavailable", 503),
            ("a-decision-of-a-later-release", "ok", 503),
        ] {
            let context = json!({"decision": decision, "reason": reason, "retry_after": "17", "key_id": key_id});
            let both = json!({"lambda": context, "iam": {"accountId": "123456789012"}});
            let response = api.call_as(method, path, both).send().await;
            assert_eq!(
                (response.status, response.header("retry-after")),
                (status, Some("17")),
                "{decision} {path}"
            );
            assert_eq!(
                response.header("content-type"),
                Some("application/problem+json")
            );
            if status == 429 {
                assert_eq!(response.json()["reason"], reason);
            }
        }
    }
    for retry_after in [Value::Null, json!("0"), json!("soon"), json!(17)] {
        let context = json!({"lambda": {"decision": "throttled", "retry_after": retry_after}});
        let response = api.call_as("GET", "/_tollgate/usage", context).send().await;
        assert_eq!(
            (response.status, response.header("retry-after")),
            (429, Some("1"))
        );
    }
}

pub(crate) async fn own_report_shows_the_charged_plan(api: Arc<Api>) {
    let (key_id, _) = api.key("free").await;
    let own = |plan: &str| {
        let context = json!({"lambda": {"decision": "allowed", "key_id": key_id, "plan": plan}});
        api.call_as("GET", "/_tollgate/usage", context).send()
    };
    let (shown, degraded) = (own("open").await, own("-").await);
    assert_eq!((shown.status, &shown.json()["plan"]), (200, &json!("open")));
    assert_eq!(
        (degraded.status, &degraded.json()["plan"]),
        (200, &json!("free"))
    );

    let deleted = own("a-plan-that-was-deleted").await;
    assert_eq!(
        (deleted.status, &deleted.json()["quotas"]),
        (200, &json!([]))
    );
}

pub(crate) async fn usage_of_a_deleted_key_is_readable(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 1000, "period": "month"}]}))
        .await;
    let ((key_id, secret), (unused, _)) = (api.key(&plan).await, api.key(&plan).await);
    for _ in 0..7 {
        decide(&api, &secret).await;
    }
    let path = format!("/keys/{key_id}/usage");
    assert_eq!(api.get(&path).await.json().get("deleted_at"), None);

    for key_id in [&key_id, &unused] {
        assert_eq!(
            api.call("DELETE", &format!("/keys/{key_id}"))
                .send()
                .await
                .status,
            204
        );
    }

    let report = api.get(&path).await;
    assert_eq!((report.status, used(&report.json())), (200, 7));
    assert_eq!(report.json()["quotas"][0]["usage"], json!([7, 993]));
    assert_eq!(
        (&report.json()["plan"], &report.json()["deleted_at"]),
        (&json!(plan), &json!("2026-11-22T12:00:00Z"))
    );

    let earlier = api
        .get(&format!("{path}?from=2026-10-01&to=2026-10-31"))
        .await;
    assert_eq!((earlier.status, used(&earlier.json())), (200, 0));

    let csv = api
        .call("GET", &path)
        .header("accept", "text/csv")
        .send()
        .await;
    assert!(
        csv.text
            .contains(&format!("2026-11-22,{key_id},,{plan},7\n")),
        "{csv:?}"
    );

    let report = api.get(&format!("/keys/{unused}/usage")).await;
    assert_eq!((report.status, used(&report.json())), (200, 0));

    // The key itself does not exist any more, so nothing can be granted to it.
    assert_eq!(api.get(&format!("/keys/{key_id}")).await.status, 404);
    assert_eq!(
        api.send("PATCH", &path, json!({"quota": "month", "grant": 5}))
            .await
            .status,
        404
    );
}

/// Of a deleted key, earlier releases kept only the usage.
pub(crate) async fn usage_of_a_key_deleted_by_an_earlier_release_is_readable(api: Arc<Api>) {
    let key_id = unique("deleted-by-an-earlier-release");
    assert_eq!(api.get(&format!("/keys/{key_id}/usage")).await.status, 404);

    api.charge(&key_id, 3).await;

    let report = api.get(&format!("/keys/{key_id}/usage")).await;
    assert_eq!(
        (report.status, used(&report.json()), &report.json()["plan"]),
        (200, 3, &Value::Null)
    );
    assert_eq!(
        api.get(&format!("/keys/{}/usage", unique("never-made")))
            .await
            .status,
        404
    );
}

pub(crate) async fn usage_is_readable_after_the_plan_was_deleted(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 1000, "period": "day"}]}))
        .await;
    let (key_id, secret) = api.key(&plan).await;
    decide(&api, &secret).await;
    for path in [format!("/keys/{key_id}"), format!("/plans/{plan}")] {
        assert_eq!(api.call("DELETE", &path).send().await.status, 204, "{path}");
    }

    let report = api.get(&format!("/keys/{key_id}/usage")).await;
    assert_eq!((report.status, used(&report.json())), (200, 1));
    assert_eq!(
        (&report.json()["plan"], &report.json()["quotas"]),
        (&json!(plan), &json!([]))
    );
}

pub(crate) async fn each_key_of_a_shared_plan_sees_its_own_calls(api: Arc<Api>) {
    let plan = api
        .plan(json!({"shared_by_plan": true, "quotas": [{"limit": 100, "period": "day"}]}))
        .await;
    let keys = [api.key(&plan).await, api.key(&plan).await];
    for ((_, secret), calls) in keys.iter().zip([3, 4]) {
        for _ in 0..calls {
            decide(&api, secret).await;
        }
    }

    for ((key_id, _), calls) in keys.iter().zip([3, 4]) {
        let report = api
            .get(&format!("/keys/{key_id}/usage?from=2026-11-21"))
            .await
            .json();
        let today = json!({"date": "2026-11-22", "used": calls, "calls": calls, "refused": 0,
            "quotas": {"day": [7, 93]}});
        assert_eq!(
            report["days"],
            json!([{"date": "2026-11-21", "used": 0, "calls": 0, "refused": 0, "quotas": {}}, today])
        );
        assert_eq!(report["quotas"][0]["usage"], json!([7, 93]));
    }

    // The same is true for a deleted key of a shared plan.
    let (key_id, _) = &keys[0];
    assert_eq!(
        api.call("DELETE", &format!("/keys/{key_id}"))
            .send()
            .await
            .status,
        204
    );
    assert_eq!(
        used(&api.get(&format!("/keys/{key_id}/usage")).await.json()),
        3
    );
}

/// With one write each of the usage item and of its list of grants, which sets their expiry.
#[tokio::test]
async fn deleting_a_key_lets_its_usage_expire() {
    let (api, proxy, _server) = Api::behind_proxy().await;
    let plan = api
        .plan(json!({"quotas": [{"limit": 1000, "period": "month"}]}))
        .await;

    for (fault, writes) in [(Fault::None, 2..=2), (Fault::ServerError, 1..=18)] {
        let (key_id, secret) = api.key(&plan).await;
        decide(&api, &secret).await;
        let before = proxy.count("UpdateItem");

        proxy.fault_by(move |_, operation| match operation {
            "UpdateItem" => fault,
            _ => Fault::None,
        });
        let path = format!("/keys/{key_id}");
        let deleted = api.call("DELETE", &path).send().await;
        proxy.fault_all(Fault::None);

        // The key is deleted even if the expiry cannot be set.
        assert_eq!(deleted.status, 204, "{fault:?}");
        assert_eq!(api.get(&path).await.status, 404, "{fault:?}");
        let made = proxy.count("UpdateItem") - before;
        assert!(writes.contains(&made), "{fault:?}: {made} writes");
    }
}

pub(crate) async fn key_of_a_group_sees_its_own_days_and_the_quotas_of_the_group(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let group = unique("group");
    let mut keys = Vec::new();
    for calls in [2, 3] {
        let made = api
            .send("POST", "/keys", json!({"plan": plan, "group": group}))
            .await
            .json();
        for _ in 0..calls {
            decide(&api, made["key"].as_str().unwrap()).await;
        }
        keys.push((made["key_id"].as_str().unwrap().to_owned(), calls));
    }

    let check = |report: &Value, calls: u64| {
        assert_eq!(report["quotas"][0]["usage"], json!([5, 5]), "{report}");
        let [yesterday, today] = &report["days"].as_array().unwrap()[..] else {
            panic!("not two days: {report}");
        };
        assert_eq!(
            (&yesterday["quotas"], &today["quotas"]),
            (&json!({}), &json!({"day": [5, 5]}))
        );
        assert_eq!(today["calls"], calls, "{report}");
    };
    let days = "from=2026-11-21&to=2026-11-22";
    for (key_id, calls) in &keys {
        let report = api.get(&format!("/keys/{key_id}/usage?{days}")).await;
        check(&report.json(), *calls);

        // The authorizer names the group, unless it does not know the plan.
        for plan in [&*plan, "-"] {
            let context = json!({"lambda": {"key_id": key_id, "plan": plan, "caller": format!("group#{group}")}});
            let path = format!("/_tollgate/usage?{days}");
            let own = api.call_as("GET", &path, context).send().await.json();
            check(&own, *calls);
            assert_eq!(own["key_id"], **key_id);
        }
    }

    api.call("DELETE", &format!("/keys/{}", keys[0].0))
        .send()
        .await;
    let report = api.get(&format!("/keys/{}/usage?{days}", keys[0].0)).await;
    check(&report.json(), keys[0].1);
}

pub(crate) async fn token_and_certificate_see_their_own_usage(api: Arc<Api>) {
    let plan = api
        .plan(json!({"quotas": [{"limit": 10, "period": "day"}]}))
        .await;
    let subject = unique("alice");
    let call = json!({"issuer": "https://auth.example.com", "subject": subject, "plan": plan});
    let mut caller = Value::Null;
    for _ in 0..3 {
        caller = api.send("POST", "/decisions", call.clone()).await.json()["caller"].clone();
    }
    assert!(caller.as_str().unwrap().starts_with("sub#"), "{caller}");

    let own = |context: Value| {
        let path = "/_tollgate/usage?from=2026-11-22";
        api.call_as("GET", path, json!({"lambda": context}))
    };
    let report = own(json!({"caller": caller, "plan": plan})).send().await;
    assert_eq!(report.status, 200, "{report:?}");
    let report = report.json();
    assert_eq!(
        (&report["caller"], &report["plan"], report.get("key_id")),
        (&caller, &json!(plan), None)
    );
    assert_eq!(report["quotas"][0]["usage"], json!([3, 7]));
    assert_eq!(report["days"][0]["quotas"], json!({"day": [3, 7]}));

    let file = own(json!({"caller": caller, "plan": plan})).header("accept", "text/csv");
    assert_eq!(
        file.send().await.text,
        format!(
            "Date,Caller,Plan,Used\n2026-11-22,{},{plan},3\n",
            caller.as_str().unwrap()
        )
    );

    let certificate = format!("cert#{}", "0a".repeat(32));
    let unused = own(json!({"caller": certificate, "plan": plan}));
    let unused = unused.send().await.json();
    assert_eq!(
        (&unused["caller"], &unused["quotas"][0]["usage"]),
        (&json!(certificate), &json!([0, 10]))
    );
    let without_plan = own(json!({"caller": caller, "plan": "-"})).send().await;
    let without_plan = without_plan.json();
    assert_eq!(
        (&without_plan["days"][0]["used"], &without_plan["quotas"]),
        (&json!(3), &json!([]))
    );
}

pub(crate) async fn caller_comes_from_the_authorizer_alone(api: Arc<Api>) {
    let victim = format!("sub#{}", "0a".repeat(32));
    let own = |authorizer: Value, path: &str| {
        let call = api.call_as("GET", path, authorizer);
        let call = call.header("x-tollgate-caller", &victim);
        call.header("caller", &victim).send()
    };
    for authorizer in [
        Value::Null,
        json!({"lambda": {}}),
        json!({"lambda": {"caller": "-"}}),
        json!({"lambda": {"caller": ["sub"]}}),
        json!({"lambda": {"caller": "sub#0a"}}),
        json!({"lambda": {"caller": "ip#192.0.2.7#free", "plan": "free"}}),
        json!({"lambda": {"caller": "plan#free", "plan": "free"}}),
        json!({"lambda": {"caller": "group#acme", "plan": "free"}}),
        json!({"lambda": {"caller": "key#seeded", "plan": "free"}}),
        // Claims of a JWT authorizer of API Gateway.
        json!({"jwt": {"claims": {"caller": victim}}}),
    ] {
        let refused = own(authorizer.clone(), "/_tollgate/usage").await;
        assert_eq!(refused.status, 403, "{authorizer}");
    }

    let other = format!("sub#{}", "0b".repeat(32));
    let authorizer = json!({"lambda": {"caller": other, "plan": "free"}});
    let report = own(authorizer.clone(), "/_tollgate/usage").await;
    assert_eq!(report.json()["caller"], other);
    let query = format!("/_tollgate/usage?caller={}", victim.replace('#', "%23"));
    let report = own(authorizer, &query).await;
    assert_eq!(
        (report.status, report.mistakes()),
        (400, vec!["caller".to_owned()])
    );
}
