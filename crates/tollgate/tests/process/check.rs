//! `tollgate check` of an API.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::apply::Api;
use crate::operator::failure;
use crate::program::{GatewayProcess, project, run, text, tollgate};

/// Runs `check` with JSON, and returns the exit code and the report.
pub(crate) fn report(command: &mut Command) -> (i32, Value) {
    let output = command.arg("--json").output().unwrap();
    assert!(!output.stdout.is_empty(), "{output:?}");
    let report = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), report)
}

/// Returns the check with this id.
pub(crate) fn check<'r>(report: &'r Value, id: &str) -> &'r Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["id"] == id).unwrap()
}

/// Runs `check` of a URL.
fn check_url(url: &str, arguments: &[&str]) -> Output {
    run(&[&["check", "--url", url], arguments].concat())
}

/// Returns a server with no plans, keys and policies.
fn empty_api() -> HttpServer {
    let server = HttpServer::start();
    let list = json!({"items": [], "next_cursor": null});
    for name in ["plans", "keys", "policies"] {
        let route = format!("GET /_tollgate/v1/{name}");
        server.reply(&route, HttpReply::json(200, &list));
    }
    server
}

#[test]
fn healthy_gateway_passes_every_check_that_applies() {
    let api = Api::start();
    let (code, report) = report(&mut api.command(&["check", "--echo", "/orders"]));
    assert_eq!(code, 0, "{report:#}");
    for check in report["checks"].as_array().unwrap() {
        let is_healthy = check["status"] == "ok" || check["status"] == "not_applicable";
        assert!(is_healthy, "{check:#}");
    }
    assert!(report["counts"]["ok"].as_u64().unwrap() > 10, "{report:#}");
}

#[test]
fn header_with_the_key_can_be_named() {
    let gateway =
        GatewayProcess::start(&["--log-format", "off", "--parameter", "KeyHeader=api-key"]);
    let url = format!("http://{}", gateway.address);
    let only = ["--only", "key-admitted"];
    let (code, named) =
        report(tollgate(&["check", "--url", &url, "--key-header", "api-key"]).args(only));
    assert_eq!(code, 0, "{named:#}");
    assert_eq!(check(&named, "key-admitted")["status"], "ok", "{named:#}");

    let (_, default) = report(tollgate(&["check", "--url", &url]).args(only));
    assert_ne!(check(&default, "key-admitted")["status"], "ok");
}

#[test]
fn readme_shows_the_checks_of_a_healthy_gateway() {
    let gateway = GatewayProcess::start(&["--log-format", "off"]);
    let url = format!("http://{}", gateway.address);
    let output = tollgate(&["check", "--url", &url, "--echo", "/orders"])
        .env("LC_ALL", "C.UTF-8")
        .env_remove("TERM")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let printed = text(&output.stdout).replace(&url, "http://127.0.0.1:3000");
    let block = format!("$ cargo run -- check --echo /orders\n{printed}```");
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    assert!(readme.contains(&block), "README.md lacks this:\n{block}");
}

#[test]
fn gateway_without_plans_and_keys_passes() {
    let (code, report) = report(&mut Api::start_empty().command(&["check"]));
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(check(&report, "key-admitted")["status"], "ok");
}

#[test]
fn policy_with_a_missing_plan_fails_with_the_next_step() {
    let api = Api::start();
    let policy =
        r#"{"rules": [{"match": "GET /open", "auth": "none", "plan": "gold", "limit_by": "ip"}]}"#;
    let file = api.file("policy.json", policy);
    let written = api.tollgate(&["policies", "set", "main", "--from", &file]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");

    let output = api.tollgate(&["check", "--only", "plans-exist"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    for part in [
        "    policy main: rules[0].plan names plan gold, which does not exist\n",
        "    Fix: Create the plan with `tollgate plans create`",
        "    See docs/operations/check.md#plans-exist\n",
        ": 1 failed\nFailed: plans-exist\n",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn gateway_that_is_gone_is_one_error() {
    let message = failure(&run(&["check", "--url", "http://127.0.0.1:1"]), 2);
    assert!(message.contains("connection refused"), "{message}");
    assert!(message.contains("tollgate serve"), "{message}");
    assert!(message.lines().count() <= 2, "{message}");
}

#[test]
fn server_that_is_not_tollgate_is_one_error() {
    let server = HttpServer::start();
    let page = HttpReply::text(200, "text/html", "<html>Sign in</html>");
    server.reply("GET /_tollgate/v1/plans", page);
    let message = failure(&check_url(&server.url(), &[]), 2);
    assert!(message.contains("is it Tollgate?"), "{message}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn only_what_is_selected_is_requested() {
    let server = empty_api();
    let output = check_url(&server.url(), &["--only", "plans-exist,leftovers"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let requests = server.requests();
    assert!(requests.iter().all(|one| one.method == "GET"));
    assert!(
        requests
            .iter()
            .all(|one| one.target.starts_with("/_tollgate/v1/"))
    );
}

#[test]
fn skipped_checks_are_not_made() {
    let url = empty_api().url();
    let arguments = [
        "check",
        "--url",
        &url,
        "--no-requests",
        "--skip",
        "leftovers",
    ];
    let (_, report) = report(tollgate(&arguments).args(["--skip", "plans-exist,policies-valid"]));
    let checks = report["checks"].as_array().unwrap();
    let ids: Vec<_> = checks.iter().map(|check| &check["id"]).collect();
    let expected = [
        "admin-api-reachable",
        "version-matches",
        "policy-in-force",
        "default-plan-exists",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn unknown_names_are_invalid_input() {
    let similar = failure(&run(&["check", "--only", "plan-exist"]), 2);
    assert!(
        similar.contains("similar value exists: 'plans-exist'"),
        "{similar}"
    );
    assert!(!similar.contains("possible values"), "{similar}");

    for (arguments, problem) in [
        (
            &["--only", "network"][..],
            "--only network needs --stack NAME",
        ),
        (&["--only", "parameters-known"], "needs --parameters FILE"),
        (
            &["--only", "requests", "--no-requests"],
            "the options select no check",
        ),
        (&["--path", "orders"], "expected a path such as /orders"),
        (&["--parameter", "A=b"], "--parameters <FILE>"),
        (&["--wait", "soon"], "expected a duration such as 10m"),
        (&["--wait", "-1s"], "expected a duration such as 10m"),
        (&["--template", "a.yaml"], "--parameters <FILE>"),
    ] {
        let error = failure(&run(&[&["check"], arguments].concat()), 2);
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn strict_run_fails_if_something_is_not_proven() {
    let api = Api::start();
    let only = ["check", "--only", "spoofed-identity-removed"];
    assert_eq!(api.tollgate(&only).status.code(), Some(0));
    let strict = api.tollgate(&[&only[..], &["--strict"]].concat());
    assert_eq!(strict.status.code(), Some(3), "{strict:?}");

    let proven = [&only[..], &["--strict", "--echo", "/orders"]].concat();
    assert_eq!(api.tollgate(&proven).status.code(), Some(0));
}

#[test]
fn gateway_that_does_not_respond_yet_is_awaited() {
    let server = HttpServer::start();
    let route = "GET /_tollgate/v1/plans";
    server.reply(route, HttpReply::text(200, "text/html", "<html>"));
    server.reply(
        route,
        HttpReply::json(200, &json!({"items": [], "next_cursor": null})),
    );

    let only = ["--only", "admin-api-reachable,default-plan-exists"];
    let output = check_url(&server.url(), &[&only[..], &["--wait", "10m"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = text(&output.stderr);
    assert!(
        note.ends_with("is it Tollgate?; next run in 1 s\n"),
        "{note}"
    );
    assert!(
        text(&output.stdout).contains("All checks passed."),
        "{output:?}"
    );
}

#[test]
fn failed_checks_are_repeated_until_they_pass() {
    let server = empty_api();
    let version = |version: &str| HttpReply::json(200, &json!({"info": {"version": version}}));
    let route = "GET /_tollgate/openapi.json";
    server.reply(route, HttpReply::json(503, &json!({})));
    server.reply(route, version(env!("CARGO_PKG_VERSION")));

    let only = ["--only", "version-matches,default-plan-exists"];
    let output = check_url(&server.url(), &[&only[..], &["--wait", "10m"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let note = "Waiting for version-matches; next run in 1 s\n";
    assert_eq!(text(&output.stderr), note);
}

#[test]
fn time_to_wait_ends() {
    let server = HttpServer::start();
    let output = check_url(
        &server.url(),
        &["--only", "version-matches", "--wait", "0s"],
    );
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn interrupted_run_deletes_its_plan_and_key() {
    let api = Api::start();
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = api
            .command(&["check", "--only", "requests"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !api
            .names("keys", "key_id")
            .iter()
            .any(|id| id.starts_with("check-"))
        {
            assert!(child.try_wait().unwrap().is_none(), "there was no key");
        }
        let status = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(status.unwrap().success());

        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let note = text(&output.stderr);
        let start = "Interrupted: deleting the temporary plan and key check-";
        assert!(
            note.starts_with(start) && note.lines().count() == 1,
            "{note}"
        );
        assert_eq!(api.names("plans", "name"), ["free", "pro"]);
        let keys = api.names("keys", "key_id");
        assert!(keys.iter().all(|id| !id.starts_with("check-")), "{keys:?}");
    }
}

impl Api {
    /// Returns a field of each item of a list.
    fn names(&self, list: &str, field: &str) -> Vec<String> {
        let output = self.tollgate(&[list, "list", "--json"]);
        let items: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        items
            .iter()
            .map(|item| item[field].as_str().unwrap().to_owned())
            .collect()
    }
}
