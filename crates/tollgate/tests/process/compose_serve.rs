//! Compositions of `tollgate serve`, and `tollgate invoke composer`.

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::program::{get_with, run, serve_in, text, tollgate};

const COMPOSITIONS: &str = r#"{"services": {"default": {"url": "http://production.example"}, "users": {"url": "http://users.example"}},
 "routes": {"GET /bff/dashboard": {"parts": {
   "user": {"get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}},
   "orders": {"get": "/orders?plan={plan}"}}, "partial_status": 200}}}"#;

/// A folder with compositions.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("compositions.json"), COMPOSITIONS).unwrap();
    folder
}

#[test]
fn banner_lists_compositions_and_their_services() {
    let (folder, users) = (folder(), HttpServer::start());
    let service = format!("users={}", users.url());
    let arguments = ["--compositions", "compositions.json", "--service", &service];
    let gateway = serve_in(folder.path(), &arguments, &[]);
    let banner = &gateway.banner;
    let services = format!(
        "Services users at {}; all others are the backend\n",
        users.url()
    );
    for line in [
        &*services,
        "  ANY      /bff/{proxy+}            authorizer\n",
        "\nCompositions\n  GET      /bff/dashboard           user, orders\n",
    ] {
        assert!(banner.contains(line), "{line}: {banner}");
    }
}

#[test]
fn parts_call_the_named_services_and_else_the_echo() {
    let (folder, users) = (folder(), HttpServer::start());
    let service = format!("users={}", users.url());
    let arguments = ["--compositions", "compositions.json", "--service", &service];
    let gateway = serve_in(folder.path(), &arguments, &[]);

    let key = "x-api-key: local-pro-key-0000000000001";
    let response = get_with(gateway.address, "/bff/dashboard", key);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.contains("x-tollgate-complete: false"),
        "{response}"
    );
    assert!(response.contains(r#""path":"/orders""#), "{response}");
    assert!(response.contains(r#""query":"plan=pro""#), "{response}");
    // A key without a subject has no user.
    assert!(
        response.contains(r#""reason":"invalid_value""#),
        "{response}"
    );
    assert!(
        response.contains(r#""user":{"name": "User"}"#),
        "{response}"
    );

    let token = tollgate(&["token", "--sub", "alice"]);
    let token = { token }.current_dir(folder.path()).output().unwrap();
    let header = format!("authorization: Bearer {}", text(&token.stdout).trim());
    users.reply(
        "GET /users/alice",
        HttpReply::json(200, &json!({"name": "Alice"})),
    );
    let response = get_with(gateway.address, "/bff/dashboard", &header);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(
        response.contains(r#""user":{"name":"Alice"}"#),
        "{response}"
    );
}

#[test]
fn without_compositions_there_is_nothing_about_them() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = serve_in(folder.path(), &[], &[]);
    let banner = gateway.banner.to_lowercase();
    assert!(
        !banner.contains("bff") && !banner.contains("composition"),
        "{banner}"
    );
}

#[test]
fn invalid_compositions_exit_with_2_and_their_place() {
    let folder = folder();
    let compositions = COMPOSITIONS.replace("\"service\": \"users\"", "\"service\": \"usrs\"");
    std::fs::write(folder.path().join("compositions.json"), compositions).unwrap();
    let path = folder.path().join("compositions.json");
    let path = path.to_str().unwrap();

    for (arguments, problem) in [
        (vec!["--compositions", path], format!("{path}:3:")),
        (
            vec!["--compositions", path, "--parameter", "Compositions={}"],
            "--compositions and the parameter `Compositions` exclude each other".to_owned(),
        ),
        (
            vec!["--service", "users=http://127.0.0.1:1"],
            "--service users: there are no compositions".to_owned(),
        ),
        (
            vec!["--service", "users=ftp://a"],
            "expected NAME=http(s)://HOST:PORT with an optional path".to_owned(),
        ),
    ] {
        let output = run(&[&["--listen", "0"], &arguments[..]].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{problem}: {stderr}");
        assert!(stderr.contains(&problem), "{problem}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn missing_template_names_the_option() {
    let folder = folder();
    let mut command = tollgate(&["--listen", "0", "--compositions", "compositions.json"]);
    let output = command.current_dir(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.starts_with("tollgate: template.yaml: No such file"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("; --template FILE names the template\n"),
        "{stderr}"
    );
}

#[test]
fn composer_is_invoked_with_its_example_events() {
    for (event, status) in [("partial", 206), ("throttled", 429), ("forbidden", 403)] {
        let output = run(&[
            "invoke",
            "composer",
            &format!("events/composer.{event}.json"),
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let response: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(response["statusCode"], status, "{event}: {response}");
    }
}
