//! `compose list`, `get`, `create`, `set` and `delete` against the local gateway.

use serde_json::{Value, json};

use crate::apply::{Api, assert_code};
use crate::operator::{at_terminal, fails, failure, ok, with_input};
use crate::program::{run, text};

/// A composition whose parts are not in the order of their names.
const COMPOSITION: &str = "\
routes:
  GET /bff/dashboard:
    partial_status: 200
    parts:
      user: {get: '/users/{user_id}', fallback: {name: User}}
      orders: {get: '/orders?userId={user_id}&limit=5'}
";
const OTHER: &str = r#"{"routes": {"GET /bff/me": {"partial_status": 200,
    "parts": {"user": {"get": "/users/me"}}}}}"#;

#[test]
fn composition_is_created_replaced_listed_and_deleted() {
    let api = Api::start();
    let file = api.file("bff.yaml", COMPOSITION);
    assert_eq!(ok(&api, &["compose", "list"]), "NAME  MANAGED_BY\n");
    let create = ["compose", "create", "mobile", "--from", &file];
    assert_eq!(ok(&api, &create), "created composition mobile\n");
    assert_eq!(
        fails(&api, &create, 1),
        "tollgate: composition mobile already exists; `set` replaces it\n"
    );

    let stored = ok(&api, &["compose", "get", "mobile"]);
    let parts = ["\"user\"", "\"orders\""].map(|name| stored.find(name).unwrap());
    assert!(parts[0] < parts[1], "the order of the file: {stored}");

    let etag = ok(&api, &["compose", "get", "mobile", "--etag"]);
    let other = api.file("other.json", OTHER);
    let set = ["compose", "set", "mobile", "--from", &other, "--if-match"];
    let with_etag = |etag: &'static str| [&set[..], &[etag]].concat();
    let error = fails(&api, &with_etag("other"), 1);
    assert!(error.contains("does not have this entity tag"), "{error}");
    let replaced = ok(&api, &[&set[..], &[etag.trim()]].concat());
    assert_eq!(replaced, "replaced composition mobile\n");
    let stored: Value = serde_json::from_str(&ok(&api, &["compose", "get", "mobile"])).unwrap();
    assert_eq!(stored, serde_json::from_str::<Value>(OTHER).unwrap());
    assert_eq!(
        ok(&api, &["compose", "list"]),
        "NAME    MANAGED_BY\nmobile\n"
    );

    let delete = ["compose", "delete", "mobile"];
    assert!(fails(&api, &delete, 2).contains("confirm with --yes"));
    let (code, screen) = at_terminal(api.command(&delete), 80, "yes\n");
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("Delete composition mobile of http://"),
        "{screen}"
    );
    assert_eq!(
        fails(&api, &["compose", "get", "mobile"], 1),
        "tollgate: composition mobile: The composition does not exist.\n"
    );
}

#[test]
fn numbers_of_a_json_file_are_stored_as_they_are_written() {
    const NUMBERS: &str = r#"{"id":12345678901234567890123,"price":1.10,"none":-0}"#;
    let api = Api::start();
    let part = format!(r#"{{"get": "/users/me", "fallback": {NUMBERS}}}"#);
    let json = format!(
        r#"{{"routes": {{"GET /bff/me": {{"partial_status": 200, "parts": {{"user": {part}}}}}}}}}"#
    );
    let file = api.file("numbers.json", &json);
    ok(&api, &["compose", "create", "mobile", "--from", &file]);

    let printed = ok(&api, &["compose", "get", "mobile"]);
    let compact: String = printed.split_whitespace().collect();
    assert!(compact.contains(NUMBERS), "{printed}");
    let etag = || ok(&api, &["compose", "get", "mobile", "--etag"]);
    let before = etag();
    ok(&api, &["compose", "set", "mobile", "--from", &file]);
    assert_eq!(etag(), before);
}

#[test]
fn mistake_in_a_composition_is_found_before_anything_is_sent() {
    let api = Api::start();
    let text = COMPOSITION.replace("{user_id}'", "{user}'");
    let file = api.file("bff.yaml", &text);
    for command in ["create", "set"] {
        let arguments = ["compose", command, "mobile", "--from", &file];
        let all = [&arguments[..], &["--url", "http://127.0.0.1:1"]].concat();
        let error = failure(&run(&all), 2);
        let place = "bff.yaml:5:19: routes[\"GET /bff/dashboard\"].parts.user.get: ";
        assert!(error.contains(place), "{error}");
    }

    let error = fails(&api, &["compose", "set", "a/b", "--from", &file], 2);
    assert!(
        error.contains("expected 1 to 128 letters, digits"),
        "{error}"
    );
}

#[test]
fn warning_about_a_composition_is_printed() {
    let api = Api::start();
    let doubtful = COMPOSITION.replace("    partial_status: 200\n", "");
    let set = ["compose", "set", "mobile", "--from", "-"];
    let output = with_input(&mut api.command(&set), &doubtful);
    assert_code(&output, 0);
    let warning = text(&output.stderr);
    let expected = "warning: composition mobile: /routes/GET ~1bff~1dashboard/partial_status: ";
    assert!(warning.starts_with(expected), "{warning}");
}

#[test]
fn composition_in_use_is_deleted_by_force_only() {
    let server = testing::HttpServer::start();
    let route = "DELETE /_tollgate/v1/compositions/main";
    let detail = "The composer of this stack uses the composition.";
    let conflict = json!({"title": "Conflict", "status": 409, "detail": detail}).to_string();
    let conflict = testing::HttpReply::text(409, "application/problem+json", &conflict);
    server.reply(route, conflict);
    server.reply(route, testing::HttpReply::text(204, "text/plain", ""));
    let url = server.url();
    let delete = ["compose", "delete", "main", "--yes", "--url", &url];

    let error = failure(&run(&delete), 1);
    assert!(error.contains(detail), "{error}");
    assert!(
        error.contains("\n  --force deletes it although it is in use"),
        "{error}"
    );

    assert_code(&run(&[&delete[..], &["--force"]].concat()), 0);
    let requests = server.requests().into_iter();
    let targets: Vec<_> = requests.map(|request| request.target).collect();
    let path = "/_tollgate/v1/compositions/main";
    assert_eq!(targets, [path.to_owned(), format!("{path}?force=true")]);
}
