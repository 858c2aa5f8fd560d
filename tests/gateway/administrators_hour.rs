//! What an administrator does in an hour, each task with at most two requests.

use http::StatusCode;
use jiff::{ToSpan as _, Zoned};
use serde_json::{Value, json};
use tests::{Answer, Gateway, Setup};

const CUSTOMERS: usize = 20;
/// The plan of every customer, by its number.
const PLANS: [&str; 3] = ["basic", "standard", "premium"];
/// The most requests of a task.
const MAX_REQUESTS: usize = 2;

/// One task of an administrator, which counts its requests.
struct Task<'g> {
    gateway: &'g Gateway,
    requests: usize,
}

impl Task<'_> {
    async fn send(&mut self, method: &str, path: &str, body: Value) -> Answer {
        self.requests += 1;
        assert!(self.requests <= MAX_REQUESTS, "{method} {path}");

        let call = self
            .gateway
            .call(method, &format!("/_tollgate/v1{path}"))
            .header("content-type", "application/json");
        let answer = call.body(body.to_string()).send().await;
        assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
        answer
    }

    async fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, Value::Null).await.json()
    }
}

fn task(gateway: &Gateway) -> Task<'_> {
    Task {
        gateway,
        requests: 0,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn key_ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| text(&item["key_id"])).collect()
}

/// Creates three products and twenty customers. Returns the secrets of the customers.
async fn create_customers(gateway: &Gateway) -> Vec<String> {
    for (number, plan) in PLANS.into_iter().enumerate() {
        let limit = 10_000 * (number + 1);
        let document = json!({"quotas": [{"limit": limit, "period": "month"}]});
        task(gateway)
            .send("PUT", &format!("/plans/{plan}"), document)
            .await;
    }

    let mut secrets = Vec::new();
    for number in 0..CUSTOMERS {
        let metadata =
            json!({"email": format!("c{number}@example.com"), "stripe": format!("cus_{number}")});
        let body = json!({"plan": PLANS[number % 3], "metadata": metadata});
        let path = format!("/keys/customer-{number:02}");
        let created = task(gateway).send("PUT", &path, body).await.json();
        secrets.push(text(&created["key"]).to_owned());
    }
    secrets
}

async fn status(gateway: &Gateway, secret: &str) -> StatusCode {
    gateway.get("/orders", secret).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn each_task_takes_at_most_two_requests() {
    let gateway = Setup::default().start().await;
    let secrets = create_customers(&gateway).await;
    for (number, secret) in secrets.iter().enumerate() {
        for _ in 0..=number % 4 {
            assert_eq!(status(&gateway, secret).await, StatusCode::OK);
        }
    }

    change_plan_of_a_customer_known_by_email(&gateway).await;
    rotate_a_leaked_secret(&gateway, &secrets[1]).await;
    grant_calls_and_list_them(&gateway).await;
    report_usage(&gateway).await;
    find_keys_without_use(&gateway).await;
    stop_a_plan(&gateway, &secrets).await;
    find_out_who_did_it(&gateway).await;
}

async fn change_plan_of_a_customer_known_by_email(gateway: &Gateway) {
    let mut task = task(gateway);
    let found = task.get("/keys?metadata.email=c4%40example.com").await;
    assert_eq!(key_ids(&found), ["customer-04"]);

    let changed = task
        .send("PATCH", "/keys/customer-04", json!({"plan": "premium"}))
        .await;
    assert_eq!(changed.json()["plan"], "premium");
}

async fn rotate_a_leaked_secret(gateway: &Gateway, leaked: &str) {
    let mut task = task(gateway);
    let decision = json!({"key": leaked, "mode": "peek"});
    let decision = task.send("POST", "/decisions", decision).await.json();
    let path = format!("/keys/{}/rotate", text(&decision["key_id"]));
    task.send("POST", &path, json!({"grace_s": 0})).await;

    assert_eq!(status(gateway, leaked).await, StatusCode::UNAUTHORIZED);
}

async fn grant_calls_and_list_them(gateway: &Gateway) {
    let mut task = task(gateway);
    let grant = json!({"quota": "month", "grant": 10_000});
    task.send("PATCH", "/keys/customer-03/usage", grant).await;

    let usage = task.get("/keys/customer-03/usage").await;
    assert_eq!(usage["quotas"][0]["usage"], json!([4, 19_996]), "{usage}");
}

async fn report_usage(gateway: &Gateway) {
    let today = Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
    let week = format!("from={}&to={today}", today.saturating_sub(6.days()));
    let last_week = task(gateway)
        .get(&format!("/keys/customer-03/usage?{week}"))
        .await;
    assert_eq!(last_week["days"].as_array().unwrap().len(), 7);

    let top = task(gateway).get("/usage?order=calls&limit=10").await;
    let calls = top["items"].as_array().unwrap().iter();
    let calls: Vec<_> = calls.map(|row| row["calls"].as_u64().unwrap()).collect();
    assert_eq!(calls, [4, 4, 4, 4, 4, 3, 3, 3, 3, 3]);

    let export = task(gateway).get("/usage?limit=100").await;
    let billed = export["items"].as_array().unwrap().iter();
    let billed: u64 = billed.filter_map(|row| row["calls"].as_u64()).sum();
    assert_eq!(billed, 50, "{export}");
}

async fn find_keys_without_use(gateway: &Gateway) {
    let since = Zoned::now().date().saturating_sub(90.days());
    let unused = task(gateway)
        .get(&format!("/keys?unused_since={since}"))
        .await;
    let unused = key_ids(&unused);
    assert!(
        !unused.is_empty() && unused.iter().all(|key| !key.starts_with("customer-")),
        "only the seeded keys, which have no call: {unused:?}"
    );
}

/// Disables the plan, and then all of its keys.
async fn stop_a_plan(gateway: &Gateway, secrets: &[String]) {
    let document = json!({"enabled": false, "quotas": [{"limit": 10_000, "period": "month"}]});
    task(gateway).send("PUT", "/plans/basic", document).await;
    assert_eq!(status(gateway, &secrets[0]).await, StatusCode::FORBIDDEN);

    let mut task = task(gateway);
    let mut change =
        json!({"filter": {"plan": "basic"}, "set": {"enabled": false}, "dry_run": true});
    let preview = task.send("POST", "/keys/bulk", change.clone()).await.json();
    change["dry_run"] = false.into();
    change["token"] = preview["token"].clone();
    task.send("POST", "/keys/bulk", change).await;
    assert_eq!(status(gateway, &secrets[0]).await, StatusCode::UNAUTHORIZED);
}

async fn find_out_who_did_it(gateway: &Gateway) {
    let records = task(gateway).get("/audit?target=basic").await;
    let record = &records["items"][0];
    assert_eq!(record["action"], "plan.put", "{record}");
    assert!(record["principal"].is_string(), "{record}");
}
