//! The output of `tollgate check`: at terminals, in pipes, and for programs.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::apply::Api;
use crate::check::report;
use crate::operator::at_terminal;
use crate::program::{project, run, text, tollgate};

/// The plan of a key, with characters that control terminals.
const PLAN: &str = "gold\u{1b}[2J\u{9b}";

/// Serves a key whose plan does not exist.
fn broken_api() -> HttpServer {
    let server = HttpServer::start();
    for (list, items) in [
        ("plans", json!([])),
        ("keys", json!([{"key_id": "acme", "plan": PLAN}])),
        ("policies", json!([])),
    ] {
        let route = format!("GET /_tollgate/v1/{list}");
        let body = json!({"items": items, "next_cursor": null});
        server.reply(&route, HttpReply::json(200, &body));
    }
    server
}

fn plans_exist(server: &HttpServer) -> Command {
    let mut command = tollgate(&["check", "--url", &server.url(), "--only", "plans-exist"]);
    command
        .env_remove("NO_COLOR")
        .env("LC_ALL", "C.UTF-8")
        .env("TERM", "xterm");
    command
}

#[test]
fn result_fits_the_terminal_and_does_not_control_it() {
    let server = broken_api();
    for columns in [40, 60, 100] {
        let (code, screen) = at_terminal(plans_exist(&server), columns, "");
        assert_eq!(code, 1, "{screen}");
        assert!(
            screen.contains("\u{1b}[31m×\u{1b}[0m Every plan"),
            "{screen:?}"
        );

        let plain = ["\u{1b}[1m", "\u{1b}[31m", "\u{1b}[0m"]
            .iter()
            .fold(screen, |text, code| text.replace(code, ""));
        assert!(!plain.contains(['\u{1b}', '\u{9b}']), "{plain:?}");
        let is_wide = |line: &&str| line.chars().count() > usize::from(columns);
        let mut wide = plain.lines().filter(is_wide);
        // The title and links are not wrapped.
        assert!(
            wide.all(|line| line.starts_with('×') || line.contains('#')),
            "{plain}"
        );
    }
}

#[test]
fn colours_and_symbols_can_be_turned_off() {
    let server = broken_api();
    let screen_with = |name: &str, value: &str| {
        let mut command = plans_exist(&server);
        command.env(name, value);
        at_terminal(command, 100, "").1
    };
    let plain = screen_with("NO_COLOR", "1");
    assert!(
        plain.contains("× Every plan") && !plain.contains('\u{1b}'),
        "{plain:?}"
    );
    for (name, value) in [("TERM", "dumb"), ("LC_ALL", "C")] {
        let ascii = screen_with(name, value);
        assert!(
            ascii.contains(" Every plan") && ascii.is_ascii(),
            "{ascii:?}"
        );
    }
}

#[test]
fn result_in_a_pipe_is_complete_and_plain() {
    let output = plans_exist(&broken_api()).output().unwrap();
    let printed = text(&output.stdout);
    let detail = "    key acme names plan gold\\u{1b}[2J\\u{9b}, which does not exist\n";
    assert!(printed.contains(detail), "{printed}");
    assert!(!printed.contains(['\u{1b}', '\u{9b}']), "{printed:?}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn closed_pipe_keeps_the_exit_code() {
    let server = broken_api();
    let mut child = plans_exist(&server).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn json_has_the_documented_fields() {
    let (code, found) = report(&mut plans_exist(&broken_api()));
    assert_eq!(code, 1);
    let fields = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let outer = [
        "schema_version",
        "version",
        "target",
        "time",
        "counts",
        "checks",
    ];
    assert_eq!(fields(&found), set(&outer));
    let inner = [
        "id", "group", "title", "status", "details", "fix", "evidence", "link",
    ];
    assert_eq!(fields(&found["checks"][0]), set(&inner));
    assert_eq!(found["schema_version"], 1);
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["counts"]["failed"], 1);
    assert_eq!(found["checks"][0]["status"], "failed");

    let page = std::fs::read_to_string(project().join("docs/operations/check.md")).unwrap();
    for name in fields(&found["counts"]) {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    for name in outer.iter().chain(&inner) {
        assert!(
            page.contains(&format!("`{name}`")) || page.contains(&format!(".{name}`")),
            "{name}"
        );
    }
}

#[test]
fn secrets_are_neither_shown_nor_logged() {
    let api = Api::start();
    let output = api
        .command(&["check", "--json"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(!all.contains("tg_"), "{all}");
}

#[test]
fn verbose_output_shows_what_was_found() {
    let api = Api::start();
    let output = api.tollgate(&["check", "--only", "configuration", "--verbose"]);
    let printed = text(&output.stdout);
    for part in [
        "2 plans, 0 policies and candidates, 2 keys",
        "(not applicable)\n    AuthPolicy is known for a stack only\n",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
}

#[test]
fn list_has_every_check_with_its_description() {
    let listed = run(&["check", "--list", "--json"]);
    let checks: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap();
    let table = text(&run(&["check", "--list"]).stdout);
    assert_eq!(table.lines().count(), checks.len() + 1);
    for check in &checks {
        let id = check["id"].as_str().unwrap();
        assert!(table.contains(id), "{id}");
        assert_eq!(check["link"], format!("docs/operations/check.md#{id}"));
        for field in ["group", "title", "explanation", "fix"] {
            assert!(
                check[field].as_str().is_some_and(|it| !it.is_empty()),
                "{id}: {field}"
            );
        }
    }
    let groups = run(&["check", "--list", "--only", "configuration", "--json"]);
    let groups: Vec<Value> = serde_json::from_slice(&groups.stdout).unwrap();
    assert!(groups.iter().all(|check| check["group"] == "configuration"));
}

#[test]
fn check_is_explained() {
    let printed = text(&run(&["check", "--explain", "plans-exist"]).stdout);
    let title = "plans-exist (configuration)\nEvery plan that policies and keys name exists";
    assert!(printed.starts_with(title), "{printed}");
    assert!(
        printed.ends_with("Permissions: execute-api:Invoke\n"),
        "{printed}"
    );
    let group = text(&run(&["check", "--explain", "configuration"]).stdout);
    assert!(
        group.contains(&printed) && group.contains("leftovers (configuration)\n"),
        "{group}"
    );
}
