//! `policies` and `policies candidate` against the local gateway.

use serde_json::{Value, json};

use crate::apply::{Api, assert_code};
use crate::operator::{at_terminal, fails, failure, ok, with_input};
use crate::program::{run, text};

const POLICY: &str = "\
rules:
- {match: 'ANY /{proxy+}', auth: api_key}
";
const STRICTER: &str = r#"{"rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}],
    "issuers": [{"issuer": "https://login.example.com", "audiences": ["api"], "default_plan": "free"}]}"#;

#[test]
fn policy_is_created_replaced_listed_and_deleted() {
    let api = Api::start();
    let file = api.file("main.yaml", POLICY);
    assert_eq!(
        ok(&api, &["policies", "list"]),
        "NAME  CANDIDATE  MANAGED_BY\n"
    );
    assert_eq!(
        ok(&api, &["policies", "create", "main", "--from", &file]),
        "created policy main\n"
    );
    assert_eq!(
        fails(&api, &["policies", "create", "main", "--from", &file], 1),
        "tollgate: policy main already exists; `set` replaces it\n"
    );

    let json = api.file("main.json", STRICTER);
    assert_eq!(
        ok(&api, &["policies", "set", "main", "--from", &json]),
        "replaced policy main\n"
    );
    let stored: Value = serde_json::from_str(&ok(&api, &["policies", "get", "main"])).unwrap();
    assert_eq!(stored, serde_json::from_str::<Value>(STRICTER).unwrap());
    assert_eq!(
        ok(&api, &["policies", "list"]),
        "NAME  CANDIDATE  MANAGED_BY\nmain  no\n"
    );

    assert_eq!(
        ok(&api, &["policies", "delete", "main", "--yes"]),
        "deleted policy main\n"
    );
    assert_eq!(ok(&api, &["policies", "list", "--json"]), "[]\n");
    let error = fails(&api, &["policies", "get", "main"], 1);
    assert_eq!(error, "tollgate: policy main: The policy does not exist.\n");
}

#[test]
fn mistake_is_found_before_anything_is_sent() {
    let api = Api::start();
    let file = api.file(
        "main.yaml",
        "rules:\n- match: GET /orders\n  auth: apikey\n",
    );
    for command in [
        &["policies", "set"][..],
        &["policies", "create"],
        &["policies", "candidate", "set"],
    ] {
        let mut all = command.to_vec();
        all.extend(["main", "--from", &file, "--url", "http://127.0.0.1:1"]);
        let error = failure(&run(&all), 2);
        assert!(
            error.starts_with(&format!("tollgate: {file}:3:9: rules[0].auth: ")),
            "{error}"
        );
    }
    let error = fails(&api, &["policies", "set", "a/b", "--from", &file], 2);
    assert!(
        error.contains("expected 1 to 128 letters, digits"),
        "{error}"
    );
}

#[test]
fn warning_names_the_unknown_plan() {
    let api = Api::start();
    let policy = STRICTER.replace("\"free\"", "\"platinum\"");
    let output = with_input(
        &mut api.command(&["policies", "set", "main", "--from", "-"]),
        &policy,
    );
    assert_code(&output, 0);
    let warning = text(&output.stderr);
    assert!(
        warning.starts_with("warning: policy main: /issuers/0/default_plan: "),
        "{warning}"
    );
}

#[test]
fn candidate_is_set_read_and_promoted() {
    let api = Api::start();
    let (policy, stricter) = (api.file("a.yaml", POLICY), api.file("b.json", STRICTER));
    let error = fails(
        &api,
        &["policies", "candidate", "set", "main", "--from", &stricter],
        1,
    );
    assert!(error.contains("The policy does not exist."), "{error}");

    ok(&api, &["policies", "set", "main", "--from", &policy]);
    assert_eq!(
        ok(
            &api,
            &["policies", "candidate", "set", "main", "--from", &stricter]
        ),
        "created candidate of policy main\n"
    );
    assert_eq!(
        ok(&api, &["policies", "list"]),
        "NAME  CANDIDATE  MANAGED_BY\nmain  yes\n"
    );
    let etag = ok(&api, &["policies", "candidate", "get", "main", "--etag"]);
    let error = fails(
        &api,
        &["policies", "promote", "main", "--if-match", "other"],
        1,
    );
    assert!(error.contains("does not have this entity tag"), "{error}");

    assert_eq!(
        ok(
            &api,
            &["policies", "promote", "main", "--if-match", etag.trim()]
        ),
        "promoted the candidate of policy main\n"
    );
    let promoted: Value = serde_json::from_str(&ok(&api, &["policies", "get", "main"])).unwrap();
    assert_eq!(promoted, serde_json::from_str::<Value>(STRICTER).unwrap());
    let error = fails(&api, &["policies", "promote", "main"], 1);
    assert_eq!(
        error,
        "tollgate: candidate of policy main: The candidate does not exist.\n"
    );
}

#[test]
fn candidate_of_a_changed_policy_is_not_promoted() {
    let api = Api::start();
    let (policy, stricter) = (api.file("a.yaml", POLICY), api.file("b.json", STRICTER));
    ok(&api, &["policies", "set", "main", "--from", &policy]);
    ok(
        &api,
        &["policies", "candidate", "set", "main", "--from", &stricter],
    );
    let changed = api.file("c.yaml", "rules:\n- {match: 'GET /a', auth: none}\n");
    ok(&api, &["policies", "set", "main", "--from", &changed]);

    let error = fails(&api, &["policies", "promote", "main"], 1);
    assert!(
        error.contains("The policy was changed after the candidate was written"),
        "{error}"
    );
}

#[test]
fn candidate_is_deleted_after_a_question() {
    let api = Api::start();
    let file = api.file("a.yaml", POLICY);
    ok(&api, &["policies", "set", "main", "--from", &file]);
    ok(
        &api,
        &["policies", "candidate", "set", "main", "--from", &file],
    );
    let delete = ["policies", "candidate", "delete", "main"];
    assert!(fails(&api, &delete, 2).contains("confirm with --yes"));
    let (code, screen) = at_terminal(api.command(&delete), 80, "yes\n");
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("Delete candidate of policy main of http://"),
        "{screen}"
    );
    assert_eq!(api.send("GET", "/policies/main/candidate", "").0, 404);
    assert_eq!(api.send("GET", "/policies/main", "").0, 200);
}

#[test]
fn policy_in_use_is_deleted_by_force_only() {
    let server = testing::HttpServer::start();
    let route = "DELETE /_tollgate/v1/policies/main";
    let detail = json!({"title": "Conflict", "status": 409, "detail": "The authorizer of this stack uses the policy."});
    let conflict = testing::HttpReply::text(409, "application/problem+json", &detail.to_string());
    server.reply(route, conflict);
    server.reply(route, testing::HttpReply::text(204, "text/plain", ""));
    let delete = [
        "policies",
        "delete",
        "main",
        "--yes",
        "--url",
        &server.url(),
    ];

    let error = failure(&run(&delete), 1);
    assert!(
        error.contains("The authorizer of this stack uses the policy."),
        "{error}"
    );
    assert!(
        error.contains("\n  --force deletes it although it is in use"),
        "{error}"
    );

    let mut forced = delete.to_vec();
    forced.push("--force");
    assert_code(&run(&forced), 0);
    let targets: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/_tollgate/v1/policies/main",
            "/_tollgate/v1/policies/main?force=true"
        ]
    );
}

#[test]
fn yaml_with_control_characters_keeps_its_values() {
    let server = testing::HttpServer::start();
    let policy = json!({"rules": [], "note": "\u{9b}31m \u{202e}é"});
    server.reply(
        "GET /_tollgate/v1/policies/main",
        testing::HttpReply::json(200, &policy).header("etag", "\"1\""),
    );

    let output = run(&["policies", "get", "main", "--yaml", "--url", &server.url()]);
    assert_code(&output, 0);
    let printed = text(&output.stdout);
    assert!(!printed.contains(['\u{9b}', '\u{202e}']), "{printed:?}");
    let read = declaration::Located::parse("main.yaml", &printed).unwrap();
    assert_eq!(read.value, policy);
}
