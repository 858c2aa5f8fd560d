//! Runs of checks, with a local gateway that serves the console.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, TargetOptions};
use bytes::Bytes;
use console::{CONSOLE_HEADER, CONSOLE_PATH, Local};
use gateway::local::{self, Options};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

/// The time for one request, and for a run.
const LIMIT: Duration = Duration::from_secs(30);

/// A local gateway with its console.
struct Gateway {
    client: AdminClient,
    console: Arc<Local>,
    _state: tempfile::TempDir,
}

impl Gateway {
    async fn start() -> Self {
        let console = Local::new("0.0.0");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let state = tempfile::tempdir().unwrap();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            template: root.join("template.yaml"),
            parameters: Vec::new(),
            backend: None,
            endpoint: None,
            policy: None,
            compositions: None,
            services: Vec::new(),
            seeds: None,
            state: state.path().to_owned(),
            pages: Some(console.pages()),
        };
        let log = Arc::new(|_: &gateway::api::LogFormat, _: &gateway::api::Exchange| {});
        let gateway = local::start(options, log, std::io::sink()).await.unwrap();
        let url = format!("http://{}", gateway.address);
        tokio::spawn(gateway.serve(std::future::pending()));

        let target = TargetOptions {
            url: Some(url),
            ..TargetOptions::default()
        };
        let client = AdminClient::connect(&target).await.unwrap();
        Self {
            client,
            console,
            _state: state,
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(format!("{CONSOLE_PATH}/api/{path}"))
            .header(CONSOLE_HEADER, "local")
            .header("content-type", "application/json")
            .body(Bytes::from(text))
            .unwrap();
        let response = self.client.call(request, LIMIT).await.unwrap();
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status(), body)
    }

    async fn start_run(&self, request: Value) -> String {
        let (status, body) = self.call(Method::POST, "checks", Some(request)).await;
        assert_eq!(status, 202, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Waits until the status of a run meets a condition.
    async fn wait(&self, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let polling = async {
            loop {
                let (status, run) = self.call(Method::GET, &format!("checks/{id}"), None).await;
                assert_eq!(status, 200, "{run}");
                if condition(&run) {
                    return run;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, polling)
            .await
            .expect("the condition is met in time")
    }

    /// Returns the names of the plans that a run has made.
    async fn temporary_plans(&self) -> Vec<String> {
        let plans = self.client.pages("/plans").next().await.unwrap().unwrap();
        let names = plans.iter().filter_map(|plan| plan["name"].as_str());
        names
            .filter(|name| name.starts_with("check-"))
            .map(str::to_owned)
            .collect()
    }

    async fn wait_for_temporary_plan(&self) {
        let polling = async {
            while self.temporary_plans().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, polling)
            .await
            .expect("the run makes a plan");
    }
}

#[tokio::test]
async fn run_ends_with_a_report() {
    let gateway = Gateway::start().await;
    let (_, latest) = gateway.call(Method::GET, "checks", None).await;
    assert_eq!(latest["id"], Value::Null);

    let id = gateway.start_run(json!({})).await;
    let run = gateway.wait(&id, |run| run["state"] != "running").await;
    assert_eq!(run["state"], "done", "{run}");
    assert_eq!(run["finished"], run["total"]);
    assert!(run["total"].as_u64().unwrap() > 0);
    let checks = run["report"]["checks"].as_array().unwrap();
    assert!(
        checks.iter().all(|check| check["group"] == "configuration"),
        "{run}"
    );
    assert_eq!(run["report"]["counts"]["failed"], 0, "{run}");

    let (_, latest) = gateway.call(Method::GET, "checks", None).await;
    assert_eq!(latest["id"], id);
}

#[tokio::test]
async fn run_with_requests_deletes_its_plan_and_key() {
    let gateway = Gateway::start().await;
    let request = json!({"only": ["key-admitted"], "requests": true});
    let id = gateway.start_run(request).await;
    let run = gateway.wait(&id, |run| run["state"] != "running").await;
    assert_eq!(run["state"], "done", "{run}");
    assert_eq!(run["report"]["checks"][0]["status"], "ok", "{run}");
    assert_eq!(gateway.temporary_plans().await, Vec::<String>::new());
}

#[tokio::test]
async fn only_one_run_is_made_at_a_time_and_cancelling_cleans_up() {
    let gateway = Gateway::start().await;
    let request = json!({"only": ["requests"], "requests": true});
    let id = gateway.start_run(request.clone()).await;
    gateway.wait_for_temporary_plan().await;
    let (status, problem) = gateway.call(Method::POST, "checks", Some(request)).await;
    assert_eq!(status, 409, "{problem}");

    let path = format!("checks/{id}");
    let (status, body) = gateway.call(Method::DELETE, &path, None).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(gateway.temporary_plans().await, Vec::<String>::new());
    let (status, _) = gateway.call(Method::GET, &path, None).await;
    assert_eq!(status, 404);
    let id = gateway.start_run(json!({})).await;
    gateway.wait(&id, |run| run["state"] == "done").await;
}

#[tokio::test]
async fn run_is_cleaned_up_when_the_console_stops() {
    let gateway = Gateway::start().await;
    let request = json!({"only": ["requests"], "requests": true});
    gateway.start_run(request).await;
    gateway.wait_for_temporary_plan().await;

    gateway.console.stop().await;
    assert_eq!(gateway.temporary_plans().await, Vec::<String>::new());
}

#[tokio::test]
async fn catalogue_names_the_checks_that_can_be_made() {
    let gateway = Gateway::start().await;
    let (status, catalogue) = gateway.call(Method::GET, "checks/catalogue", None).await;
    assert_eq!(status, 200);

    let groups = |is_available: bool| {
        let checks = catalogue.as_array().unwrap().iter();
        let checks = checks.filter(|check| check["is_available"] == is_available);
        let mut groups: Vec<_> = checks
            .map(|check| check["group"].as_str().unwrap())
            .collect();
        groups.dedup();
        groups
    };
    assert_eq!(groups(true), ["configuration", "requests"]);
    let others = [
        "parameters",
        "account",
        "network",
        "api",
        "functions",
        "monitoring",
    ];
    assert_eq!(groups(false), others);
}
