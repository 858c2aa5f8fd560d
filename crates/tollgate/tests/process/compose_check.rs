//! `tollgate compose check`.

use std::process::Output;

use serde_json::Value;

use crate::program::{text, tollgate};

const COMPOSITIONS: &str = r#"{"services": {"default": {"url": "http://orders.example"}, "users": {"url": "http://users.example:8080", "max_concurrent_calls": 8}},
 "routes": {
  "GET /bff/dashboard": {"parts": {
    "user": {"get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}},
    "orders": {"get": "/orders?userId={user_id}&limit=5", "required": true},
    "offers": {"get": "/offers/{user#/segment}", "after": "user", "as": "promotions"}}},
  "GET /bff/feed": {"parts": {"items": {"get": "/feed"}}}}}"#;

/// Checks `compositions.json` in a folder with these files.
fn check(files: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = tollgate(&["compose", "check", "compositions.json"]);
    command.args(arguments).current_dir(folder.path());
    command.output().unwrap()
}

#[test]
fn valid_file_is_shown_with_its_routes_and_parts() {
    let output = check(&[("compositions.json", COMPOSITIONS)], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "GET /bff/dashboard  timeout 5000 ms, cost rule\n\
         PART    STAGE  SERVICE  IF_MISSING  TIMEOUT  CHARGED  CALL\n\
         user        1  users    fallback    2000 ms  no       GET /users/{user_id}\n\
         orders      1  default  error       2000 ms  no       GET /orders?userId={user_id}&limit=5\n\
         offers      2  default  absent      2000 ms  no       GET /offers/{user#/segment}\n\
         \n\
         GET /bff/feed  timeout 5000 ms, cost rule\n\
         PART   STAGE  SERVICE  IF_MISSING  TIMEOUT  CHARGED  CALL\n\
         items      1  default  absent      2000 ms  no       GET /feed\n\
         \n\
         The file is valid: 2 routes, 4 parts, 2 services.\n"
    );
}

#[test]
fn report_is_also_printed_as_json() {
    let output = check(&[("compositions.json", COMPOSITIONS)], &["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(report["services"][1]["name"], "users");
    assert_eq!(report["services"][1]["max_concurrent_calls"], 8);

    let dashboard = &report["routes"][0];
    assert_eq!(dashboard["route"], "GET /bff/dashboard");
    assert_eq!(dashboard["stages"], 2);
    let offers = &dashboard["parts"][2];
    assert_eq!(offers["field"], "promotions");
    assert_eq!(offers["path"], "/offers/{user#/segment}");
    assert_eq!(offers["stage"], 2);
    assert_eq!(offers["timeout_ms"], 2_000);
    assert!(offers.get("rule").is_none(), "{offers}");
}

#[test]
fn policy_shows_the_rule_of_each_part() {
    let policy = r#"{"rules": [{"match": "ANY /bff/{proxy+}", "auth": "any"}, {"match": "GET /users/{id}", "auth": "any"},
        {"match": "GET /orders", "auth": "any"}, {"match": "GET /offers/{segment}", "auth": "any"},
        {"match": "GET /feed", "auth": "none"}]}"#;
    let files = [("compositions.json", COMPOSITIONS), ("policy.json", policy)];
    let output = check(&files, &["--policy", "policy.json"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for row in [
        "GET /users/{user_id}                  GET /users/{id}",
        "GET /orders\n",
    ] {
        assert!(stdout.contains(row), "{row}: {stdout}");
    }

    let report = check(&files, &["--policy", "policy.json", "--json"]).stdout;
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["routes"][1]["parts"][0]["rule"], "GET /feed");
    assert_eq!(report["routes"][1]["rule"], "ANY /bff/{proxy+}");
}

#[test]
fn part_without_a_rule_exits_with_1() {
    let policy = r#"{"rules": [{"match": "GET /orders", "auth": "any"}, {"match": "POST /feed", "auth": "any"},
        {"match": "ANY /bff/{proxy+}", "auth": "any"}]}"#;
    let files = [("compositions.json", COMPOSITIONS), ("policy.json", policy)];
    let output = check(&files, &["--policy", "policy.json"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert_eq!(stdout.matches("no rule").count(), 3, "{stdout}");
    assert!(
        stdout.ends_with("No rule of the policy allows 3 parts.\n"),
        "{stdout}"
    );
}

#[test]
fn route_without_a_rule_exits_with_1() {
    let policy = r#"{"rules": [{"match": "ANY /bff/feed", "auth": "any"}, {"match": "GET /{id}", "auth": "any"},
        {"match": "GET /users/{id}", "auth": "any"}, {"match": "GET /offers/{id}", "auth": "any"}]}"#;
    let files = [("compositions.json", COMPOSITIONS), ("policy.json", policy)];
    let output = check(&files, &["--policy", "policy.json"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(
        stdout.starts_with("GET /bff/dashboard  timeout 5000 ms, cost rule, no rule\n"),
        "{stdout}"
    );
    assert!(
        stdout.contains("GET /bff/feed  timeout 5000 ms, cost rule, rule ANY /bff/feed\n"),
        "{stdout}"
    );
    assert!(
        stdout.ends_with("No rule of the policy allows 1 route.\n"),
        "{stdout}"
    );
}

#[test]
fn yaml_is_refused_by_its_name() {
    let output = tollgate(&["compose", "check", "compositions.yaml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "tollgate: compositions.yaml: expected JSON; only `create` and `set` also read YAML\n"
    );
}

#[test]
fn invalid_file_exits_with_2_and_its_place() {
    for (old, new, problem) in [
        (
            "{user#/segment}\", \"after\": \"user\"",
            "{user#/segment}\", \"after\": \"usr\"",
            "compositions.json:6:59: routes[\"GET /bff/dashboard\"].parts.offers.after: ",
        ),
        ("\"required\": true", "\"requird\": true", "requird"),
        ("\"/feed\"", "\"/../feed\"", "compositions.json:7:48: "),
        ("}}}}}", "}}}}", "compositions.json:7:"),
    ] {
        let compositions = COMPOSITIONS.replace(old, new);
        assert_ne!(compositions, COMPOSITIONS);
        let output = check(&[("compositions.json", &compositions)], &[]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{problem}: {stderr}");
        assert!(
            stderr.starts_with("tollgate: compositions.json:") && stderr.contains(problem),
            "{problem}: {stderr}"
        );
        assert_eq!((stderr.lines().count(), output.stdout.len()), (1, 0));
    }
}

#[test]
fn invalid_policy_and_missing_files_exit_with_2() {
    let policy = r#"{"rules": [{"match": "GET /", "auth": "x"}]}"#;
    let files = [("compositions.json", COMPOSITIONS), ("policy.json", policy)];
    let output = check(&files, &["--policy", "policy.json"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("policy.json:1:41: rules[0].auth: unknown value `x`"),
        "{stderr}"
    );

    let output = check(&[], &[]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.starts_with("tollgate: compositions.json: No such file"),
        "{stderr}"
    );
}

#[test]
fn services_on_this_machine_are_for_the_local_gateway_only() {
    let compositions = COMPOSITIONS.replace("http://orders.example", "http://127.0.0.1:9000");
    let files = [("compositions.json", compositions.as_str())];
    assert_eq!(check(&files, &[]).status.code(), Some(2));
    assert_eq!(check(&files, &["--local"]).status.code(), Some(0));
}

#[test]
fn url_of_the_backend_and_the_prefix_are_options() {
    let compositions = COMPOSITIONS
        .replace(r#""default": {"url": "http://orders.example"}, "#, "")
        .replace("/bff/", "/mobile/");
    let files = [("compositions.json", compositions.as_str())];
    let output = check(&files, &["--prefix", "/mobile"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stderr).contains("`BackendUrl`"),
        "{}",
        text(&output.stderr)
    );

    let arguments = [
        "--prefix",
        "/mobile",
        "--backend",
        "http://internal.example",
    ];
    let output = check(&files, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("`BackendUrl`"));
    assert_eq!(check(&files, &arguments[2..]).status.code(), Some(2));
}
