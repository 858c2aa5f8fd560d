//! `tollgate compose try`.

use std::process::Output;

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer, TlsServer};

use crate::program::{text, tollgate};

const COMPOSITIONS: &str = r#"{"services": {"default": {"url": "http://production.example"}, "users": {"url": "http://users.example"}},
 "routes": {
  "GET /bff/dashboard": {"parts": {
      "user": {"get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}},
      "orders": {"get": "/orders?userId={user_id}", "fallback": {"items": []}}},
    "headers": ["accept-language"],
    "fields_parameter": "fields",
    "versions": [{"header": "x-app-version", "below": "2.0.0", "rename": {"orders": "data"}}]},
  "GET /bff/strict": {"parts": {"orders": {"get": "/orders", "required": true}}},
  "POST /bff/orders": {"parts": {"order": {"post": "/orders"}}}}}"#;

/// Two services, and a folder with compositions.
struct Setup {
    backend: HttpServer,
    users: HttpServer,
    folder: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let setup = Self {
            backend: HttpServer::start(),
            users: HttpServer::start(),
            folder: tempfile::tempdir().unwrap(),
        };
        setup.write("compositions.json", COMPOSITIONS);
        setup.users.reply(
            "GET /users/alice",
            HttpReply::json(200, &json!({"name": "Alice"})),
        );
        setup
    }

    fn with_orders() -> Self {
        let setup = Self::new();
        let orders = HttpReply::json(200, &json!({"items": [1, 2]}));
        setup.backend.reply("GET /orders", orders);
        setup
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn run(&self, request: &str, arguments: &[&str]) -> Output {
        let users = format!("users={}", self.users.url());
        let mut command = tollgate(&["compose", "try", "compositions.json", request]);
        command
            .args(["--backend", &self.backend.url(), "--service", &users])
            .args(arguments)
            .current_dir(self.folder.path());
        command.output().unwrap()
    }

    fn json(&self, request: &str, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(request, &[arguments, &["--json"]].concat());
        let stderr = text(&output.stderr);
        assert!(!output.stdout.is_empty(), "{stderr}");
        let json = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), json)
    }
}

#[test]
fn complete_response_is_shown_with_the_call_of_each_part() {
    let setup = Setup::with_orders();
    let output = setup.run("GET /bff/dashboard", &["--as", "alice"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines[0].starts_with("PART"), "{stdout}");
    for (line, part, url) in [
        (
            lines[1],
            "user ",
            format!("GET {}/users/alice", setup.users.url()),
        ),
        (
            lines[2],
            "orders ",
            format!("GET {}/orders?userId=alice", setup.backend.url()),
        ),
    ] {
        let is_shown = line.starts_with(part) && line.ends_with(&url) && line.contains("ok 200");
        assert!(is_shown && line.contains(" ms "), "{line}");
    }
    assert!(lines.contains(&"200 OK"), "{stdout}");
    assert!(lines.contains(&"x-tollgate-complete: true"), "{stdout}");
    assert_eq!(
        lines.last(),
        Some(&r#"{"user":{"name":"Alice"},"orders":{"items":[1,2]}}"#)
    );
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
}

#[test]
fn missing_part_has_its_reason_and_its_fallback() {
    let setup = Setup::new();
    setup
        .backend
        .reply("GET /orders", HttpReply::json(404, &json!({})));
    let (code, result) = setup.json("GET /bff/dashboard", &["--as", "alice"]);
    assert_eq!((code, &result["status"]), (Some(0), &json!(206)));

    let orders = &result["parts"][1];
    assert_eq!(orders["part"], "orders");
    assert_eq!(
        (&orders["result"], &orders["status"]),
        (&json!("status"), &json!(404))
    );
    assert_eq!(
        (&orders["fallback"], &orders["attempts"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(result["body"]["orders"], json!({"items": []}));
    assert_eq!(result["headers"]["x-tollgate-complete"], "false");
}

#[test]
fn refused_request_exits_with_1() {
    let setup = Setup::new();
    setup
        .backend
        .reply("GET /orders", HttpReply::json(404, &json!({})));
    for (request, status) in [
        ("GET /bff/strict", 502),
        ("GET /bff/nothing", 404),
        ("DELETE /bff/dashboard", 405),
        ("GET /bff/dashboard?fields=nothing", 400),
    ] {
        let (code, result) = setup.json(request, &["--as", "alice"]);
        assert_eq!(
            (code, &result["status"]),
            (Some(1), &json!(status)),
            "{request}: {result}"
        );
    }
}

#[test]
fn policy_decides_which_parts_the_caller_may_call() {
    let setup = Setup::with_orders();
    let policy = json!({
        "issuers": [{"issuer": "https://login.example.com", "audiences": ["api"], "default_plan": "free", "jwks_uri": "https://login.example.com/keys"}],
        "rules": [{"match": "ANY /bff/{proxy+}", "auth": "any"},
                  {"match": "GET /users/{id}", "auth": "jwt"},
                  {"match": "GET /orders", "auth": "jwt", "scopes": ["orders:read"]}],
    });
    setup.write("policy.json", &policy.to_string());
    let arguments = ["--as", "alice", "--policy", "policy.json"];

    let (_, result) = setup.json("GET /bff/dashboard", &arguments);
    let results = [&result["parts"][0]["result"], &result["parts"][1]["result"]];
    assert_eq!(results, ["ok", "forbidden"], "{result}");
    assert_eq!(result["parts"][1]["attempts"], 0);
    assert!(setup.backend.requests().is_empty());

    let with_scope = [&arguments[..], &["--scope", "orders:read"]].concat();
    let (_, result) = setup.json("GET /bff/dashboard", &with_scope);
    assert_eq!(result["status"], 200, "{result}");
    let (_, result) = setup.json(
        "GET /bff/dashboard",
        &[
            "--key-id",
            "acme",
            "--as",
            "alice",
            "--policy",
            "policy.json",
        ],
    );
    assert_eq!(result["parts"][0]["result"], "forbidden", "{result}");
}

#[test]
fn request_that_the_policy_refuses_exits_with_1() {
    let setup = Setup::with_orders();
    let policy = r#"{"rules": [{"match": "GET /orders", "auth": "none"}, {"match": "GET /bff/strict", "auth": "any", "scopes": ["bff"]}]}"#;
    setup.write("policy.json", policy);
    for (request, scope, code) in [
        ("GET /bff/dashboard", "bff", 1),
        ("GET /bff/strict", "other", 1),
        ("GET /bff/strict", "bff", 0),
    ] {
        let arguments = [
            "--key-id",
            "acme",
            "--policy",
            "policy.json",
            "--scope",
            scope,
        ];
        let output = setup.run(request, &arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{request}: {stderr}");
        let is_explained = stderr.contains("the policy does not allow this caller to call");
        assert_eq!(is_explained, code == 1, "{request}: {stderr}");
    }
}

#[test]
fn charged_route_needs_a_plan() {
    let setup = Setup::with_orders();
    let compositions = COMPOSITIONS.replace("\"required\": true", "\"charged\": true");
    setup.write("compositions.json", &compositions);
    let output = setup.run("GET /bff/strict", &["--as", "alice"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("`GET /bff/strict` charges a plan, expected --plan"),
        "{stderr}"
    );

    let (code, result) = setup.json("GET /bff/strict", &["--as", "alice", "--plan", "pro"]);
    assert_eq!(
        (code, &result["status"]),
        (Some(0), &json!(200)),
        "{result}"
    );
}

#[test]
fn part_that_is_not_called_shows_its_template() {
    let setup = Setup::with_orders();
    let output = setup.run("GET /bff/dashboard", &[]);
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("invalid_value, fallback  GET /users/{user_id}\n"),
        "{stdout}"
    );
    // No call went to the echo.
    assert!(
        !text(&output.stderr).contains("echo"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn services_get_the_identity_of_the_options_only() {
    let setup = Setup::with_orders();
    let arguments = [
        "--as",
        "alice",
        "--role",
        "admin",
        "--plan",
        "pro",
        "--email",
        "a@b.example",
        "--header",
        "accept-language: de",
        "--header",
        "x-tollgate-user-id: mallory",
        "--header",
        "x-other: 1",
        "--header",
        "x-app-version: 1.9.0",
    ];
    let (code, result) = setup.json("GET /bff/dashboard", &arguments);
    assert_eq!(code, Some(0), "{result}");
    assert_eq!(result["body"]["data"], json!({"items": [1, 2]}));

    let request = setup.backend.requests().remove(0);
    for (name, value) in [
        ("x-tollgate-user-id", Some("alice")),
        ("x-tollgate-roles", Some("admin")),
        ("x-tollgate-plan", Some("pro")),
        ("x-tollgate-email", Some("a@b.example")),
        ("x-tollgate-auth", Some("jwt")),
        ("accept-language", Some("de")),
        ("x-other", None),
        ("x-app-version", None),
    ] {
        let sent = request.headers.get(name).map(String::as_str);
        assert_eq!(sent, value, "{name}");
    }
}

#[test]
fn post_sends_the_data() {
    let setup = Setup::new();
    setup
        .backend
        .reply("POST /orders", HttpReply::json(201, &json!({"id": 7})));
    let data = r#"{"sku":"a"}"#;
    let (code, result) = setup.json("POST /bff/orders", &["--as", "alice", "--data", data]);
    assert_eq!(
        (code, &result["body"]),
        (Some(0), &json!({"order": {"id": 7}})),
        "{result}"
    );

    let request = setup.backend.requests().remove(0);
    assert_eq!(request.body, data.as_bytes());
    assert_eq!(request.headers["content-type"], "application/json");
}

#[test]
fn without_a_backend_the_echo_answers_and_no_service_of_the_file_is_called() {
    let setup = Setup::new();
    let mut command = tollgate(&[
        "compose",
        "try",
        "compositions.json",
        "GET /bff/dashboard",
        "--json",
    ]);
    let output = command
        .args(["--as", "alice"])
        .current_dir(setup.folder.path())
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["body"]["user"]["path"], "/users/alice");
    let url = result["parts"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert!(
        text(&output.stderr).contains("built-in echo"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn service_can_have_a_path_and_a_private_certificate_authority() {
    let setup = Setup::with_orders();
    let users = TlsServer::start();
    users.reply("/v1/users/alice", &json!({"name": "Alice"}));
    let service = format!("users={}", users.url("/v1"));
    let backend = setup.backend.url();

    let mut command = tollgate(&["compose", "try", "compositions.json", "GET /bff/dashboard"]);
    command
        .args([
            "--as",
            "alice",
            "--backend",
            &backend,
            "--service",
            &service,
        ])
        .arg("--json")
        .current_dir(setup.folder.path());
    let without = command.output().unwrap();
    let without: Value = serde_json::from_slice(&without.stdout).unwrap();
    assert_eq!(without["parts"][0]["result"], "unreachable", "{without}");

    let with = command.env("EXTRA_CA_CERTS", TlsServer::authority_file());
    let with: Value = serde_json::from_slice(&with.output().unwrap().stdout).unwrap();
    assert_eq!(with["body"]["user"], json!({"name": "Alice"}), "{with}");
}

#[test]
fn invalid_input_exits_with_2() {
    let setup = Setup::new();
    setup.write(
        "invalid.json",
        r#"{"rules":[{"match":"GET /","auth":"x"}]}"#,
    );
    setup.write(
        "open.json",
        r#"{"rules":[{"match":"GET /","auth":"none"}]}"#,
    );
    for (request, arguments, problem) in [
        (
            "/bff/dashboard",
            &[][..],
            "expected METHOD PATH, such as `GET /bff/dashboard`",
        ),
        ("GET /bff", &["--header", "a"], "expected NAME: VALUE"),
        (
            "GET /bff",
            &["--service", "usrs=http://127.0.0.1:1"],
            "--service usrs: the compositions have no service of this name, expected one of default, users",
        ),
        (
            "GET /bff",
            &["--policy", "invalid.json"],
            "invalid.json:1:37: rules[0].auth: unknown value `x`",
        ),
        (
            "GET /bff",
            &["--policy", "open.json", "--as", "alice"],
            "--as: the policy has no issuer of tokens",
        ),
        (
            "GET /bff",
            &["--policy", "no-such.json"],
            "no-such.json: No such file",
        ),
        ("GET /bff", &["--key-id", "a", "--issuer", "b"], "--issuer"),
        ("POST /bff/orders", &["--data", "{"], "expected JSON: "),
    ] {
        let output = setup.run(request, arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{problem}: {stderr}");
        // Warnings about the compositions come first.
        let error = stderr.lines().last().unwrap();
        assert!(
            error.starts_with("tollgate: ") && error.contains(problem),
            "{problem}: {stderr}"
        );
    }

    setup.write(
        "compositions.json",
        &COMPOSITIONS.replace("\"required\"", "\"requird\""),
    );
    let stderr = text(&setup.run("GET /bff/strict", &[]).stderr);
    assert!(
        stderr.starts_with("tollgate: compositions.json:9:"),
        "{stderr}"
    );
}
