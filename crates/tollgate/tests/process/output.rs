//! Tables, lists and colours at terminals, in pipes and on full disks.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::apply::Api;
use crate::operator::{at_terminal, failure};
use crate::program::{run, text, tollgate};

/// A row that is wider than a terminal, with characters that control terminals.
fn server_with_a_wide_row() -> HttpServer {
    let server = HttpServer::start();
    let block = json!({"kind": "ip", "target": "192.0.2.0/24", "until": null,
        "created_at": "2026-11-29T20:00:00Z", "note": format!("{}\u{1b}[2J\u{9b}", "日本語 ".repeat(20))});
    let list = json!({"items": [block]});
    server.reply("GET /_tollgate/v1/blocks", HttpReply::json(200, &list));
    server
}

/// Serves pages of 100 policies, each with a cursor to the next one.
fn server_with_pages(pages: usize) -> HttpServer {
    let server = HttpServer::start();
    for page in 0..pages {
        let items: Vec<Value> = (0..100)
            .map(
                |index| json!({"name": format!("policy-{page:03}-{index:02}"), "candidate": false}),
            )
            .collect();
        let cursor = (page + 1 < pages).then(|| format!("c{page}"));
        let body = json!({"items": items, "next_cursor": cursor});
        server.reply("GET /_tollgate/v1/policies", HttpReply::json(200, &body));
    }
    server
}

fn blocks(server: &HttpServer, more: &[&str]) -> Command {
    let mut command = tollgate(&["blocks", "list", "--url", &server.url()]);
    command
        .args(more)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm");
    command
}

#[test]
fn table_fits_the_terminal() {
    let server = server_with_a_wide_row();
    for columns in [60, 80, 132] {
        let (code, screen) = at_terminal(blocks(&server, &[]), columns, "");
        assert_eq!(code, 0, "{screen}");
        let plain = screen.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
        assert!(!plain.contains(['\u{1b}', '\u{9b}']), "{screen:?}");
        assert_eq!(plain.lines().count(), 2, "{screen}");
        for line in plain.lines() {
            let wide = line.chars().filter(|&one| one > '\u{2fff}').count();
            assert!(
                line.chars().count() + wide <= usize::from(columns),
                "{line}"
            );
        }
        assert!(plain.trim_end().ends_with('…'), "{screen}");
        assert!(plain.contains("ip"), "{screen}");
    }
}

#[test]
fn table_in_a_pipe_is_complete_and_plain() {
    let server = server_with_a_wide_row();
    let output = blocks(&server, &[]).output().unwrap();
    let table = text(&output.stdout);
    assert!(table.contains(&"日本語 ".repeat(20)), "{table}");
    assert!(table.contains("\\u{1b}[2J\\u{9b}"), "{table}");
    assert!(!table.contains(['\u{1b}', '\u{9b}']), "{table:?}");
}

#[test]
fn colours_can_be_turned_off() {
    let server = server_with_a_wide_row();
    let bold = "\u{1b}[1m";
    let screen_with = |name: &str, value: &str| {
        let mut command = blocks(&server, &[]);
        command.env(name, value);
        at_terminal(command, 80, "").1
    };
    assert!(screen_with("TERM", "xterm").contains(bold));
    assert!(!screen_with("TERM", "dumb").contains('\u{1b}'));
    assert!(!screen_with("NO_COLOR", "1").contains('\u{1b}'));
    assert!(screen_with("NO_COLOR", "").contains(bold));
}

#[test]
fn json_is_safe_at_a_terminal_and_keeps_its_values() {
    let server = server_with_a_wide_row();
    let (_, screen) = at_terminal(blocks(&server, &["--json"]), 40, "");
    assert!(!screen.contains(['\u{1b}', '\u{9b}']), "{screen:?}");
    let blocks: Value = serde_json::from_str(&screen).unwrap();
    assert!(
        blocks[0]["note"]
            .as_str()
            .unwrap()
            .ends_with("\u{1b}[2J\u{9b}")
    );
}

#[test]
fn list_follows_pages_and_ends_at_its_limit() {
    let server = server_with_pages(3);
    let output = run(&["policies", "list", "--limit", "250", "--url", &server.url()]);
    let table = text(&output.stdout);
    assert_eq!(table.lines().count(), 251, "{table}");
    assert!(
        table
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("policy-002-49"),
        "{table}"
    );
    let targets: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    let path = "/_tollgate/v1/policies?limit=100";
    assert_eq!(
        targets,
        [
            path.to_owned(),
            format!("{path}&cursor=c0"),
            format!("{path}&cursor=c1")
        ]
    );

    let server = server_with_pages(3);
    let output = run(&[
        "policies",
        "list",
        "--limit",
        "100",
        "--json",
        "--url",
        &server.url(),
    ]);
    assert_eq!(
        serde_json::from_slice::<Vec<Value>>(&output.stdout)
            .unwrap()
            .len(),
        100
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn list_is_printed_page_by_page_and_ends_with_its_reader() {
    let pages = 200;
    let server = server_with_pages(pages);
    let mut child = tollgate(&["policies", "list", "--url", &server.url()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("NAME"));
    drop(lines);

    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    assert!(server.requests().len() < pages, "all pages were read");
}

#[test]
fn list_that_fails_midway_is_not_valid_json() {
    let server = HttpServer::start();
    let first = json!({"items": [{"name": "a", "candidate": false}], "next_cursor": "c"});
    server.reply("GET /_tollgate/v1/policies", HttpReply::json(200, &first));
    let broken = HttpReply::text(
        500,
        "application/problem+json",
        r#"{"title": "Internal Server Error"}"#,
    );
    server.reply("GET /_tollgate/v1/policies", broken);

    let output = run(&["policies", "list", "--json", "--url", &server.url()]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_err());
}

#[test]
fn full_disk_is_an_error() {
    // Only Linux has a device that is always full.
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let server = server_with_pages(1);
    for form in [&["--json"][..], &[]] {
        let mut command = tollgate(&["policies", "list", "--url", &server.url()]);
        let command = command.args(form).stdout(full.try_clone().unwrap());
        let error = failure(&command.output().unwrap(), 2);
        assert!(
            error.starts_with("tollgate: cannot write to standard output: "),
            "{error}"
        );
    }
}

/// Runs a command whose standard output is a pipe without a reader.
fn with_closed_output(mut command: Command) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer).output().unwrap().status.code()
}

#[test]
fn closed_output_does_not_hide_differences() {
    let api = Api::start();
    let file = api.file(
        "tollgate.yaml",
        "plans:\n  gold: {quotas: [{limit: 5, period: day}]}\n",
    );
    for form in [&["diff", &file][..], &["diff", &file, "--json"]] {
        assert_ne!(with_closed_output(api.command(form)), Some(0), "{form:?}");
    }
    // What is read only is complete once its reader has seen enough.
    for form in [
        &["plans", "list"][..],
        &["plans", "list", "--json"],
        &["plans", "get", "free"],
        &["audit", "list"],
    ] {
        assert_eq!(with_closed_output(api.command(form)), Some(0), "{form:?}");
    }
    // A change is made, although its result cannot be printed.
    assert_eq!(
        with_closed_output(api.command(&["plans", "create", "gold", "--quota", "day=1"])),
        Some(0)
    );
    assert_eq!(api.send("GET", "/plans/gold", "").0, 200);
}
