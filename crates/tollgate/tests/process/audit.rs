//! `audit` against the local gateway.

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::apply::{Api, assert_code};
use crate::operator::{fails, failure, ok};
use crate::program::{run, text};

/// Starts a gateway and makes four changes.
fn api_with_changes() -> Api {
    let api = Api::start();
    ok(
        &api,
        &["plans", "create", "gold", "--rate", "1", "--burst", "5"],
    );
    ok(&api, &["plans", "disable", "gold"]);
    ok(
        &api,
        &["blocks", "set", "key", "local-free", "--note", "leaked"],
    );
    ok(&api, &["plans", "delete", "gold", "--yes"]);
    api
}

fn records(api: &Api, arguments: &[&str]) -> Vec<Value> {
    let mut all = vec!["audit"];
    all.extend(arguments);
    all.push("--json");
    serde_json::from_str(&ok(api, &all)).unwrap()
}

fn actions(records: &[Value]) -> Vec<&str> {
    let actions = records.iter().map(|record| record["action"].as_str());
    actions.map(Option::unwrap).collect()
}

#[test]
fn changes_are_listed_the_newest_first() {
    let api = api_with_changes();
    let records = records(&api, &["list"]);
    assert_eq!(
        actions(&records),
        ["plan.delete", "block.put", "plan.put", "plan.put"]
    );

    let table = ok(&api, &["audit", "list"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines[0].starts_with("AT                    PRINCIPAL  ACTION       TARGET"),
        "{table}"
    );
    assert!(
        lines[1].contains("Z  local      plan.delete  gold"),
        "{table}"
    );
    assert!(
        lines[2].contains("block.put    key/local-free") && lines[2].contains("note: leaked"),
        "{table}"
    );
    assert!(
        lines[3].ends_with("plan.put     gold            enabled: false"),
        "{table}"
    );
    assert!(
        lines[4].ends_with("throttle.burst: 5, throttle.rate: 1"),
        "{table}"
    );
}

#[test]
fn filters_of_the_api_are_sent() {
    let api = api_with_changes();
    let of_gold = records(&api, &["list", "--target", "gold"]);
    assert_eq!(actions(&of_gold), ["plan.delete", "plan.put", "plan.put"]);
    assert_eq!(
        records(&api, &["list", "--target", "gold", "--limit", "2"]),
        of_gold[..2]
    );
    assert_eq!(records(&api, &["list", "--principal", "local"]).len(), 4);
    assert!(
        records(
            &api,
            &["list", "--principal", "arn:aws:iam::123456789012:user/bob"]
        )
        .is_empty()
    );
    assert!(records(&api, &["list", "--to", "2026-01-01"]).is_empty());
    let at = of_gold[0]["at"].as_str().unwrap();
    assert_eq!(records(&api, &["list", "--from", at]).len(), 1);

    let error = fails(&api, &["audit", "list", "--from", "yesterday"], 1);
    assert!(
        error.contains("from: expected a day such as `2026-11-22`"),
        "{error}"
    );
}

#[test]
fn search_selects_an_action() {
    let api = api_with_changes();
    assert_eq!(
        actions(&records(&api, &["search", "--action", "plan.delete"])),
        ["plan.delete"]
    );
    assert_eq!(records(&api, &["search", "--action", "plan"]).len(), 3);
    assert_eq!(
        records(&api, &["search", "--action", "plan", "--limit", "2"]).len(),
        2
    );
    assert_eq!(
        records(&api, &["search", "--action", "block", "--target", "gold"]).len(),
        0
    );
    assert_eq!(
        ok(&api, &["audit", "search", "--action", "key"])
            .lines()
            .count(),
        1
    );
    assert!(fails(&api, &["audit", "search"], 2).contains("--action"));
}

#[test]
fn search_ends_after_a_bounded_number_of_records() {
    let server = HttpServer::start();
    let record = |action: &str, at: &str| json!({"at": at, "principal": "local", "action": action, "target": "a"});
    for page in 0..=200 {
        let mut items = vec![record("key.update", "2026-11-29T08:00:00Z"); 99];
        items.push(record(
            "plan.put",
            &format!("2026-11-28T{:02}:{:02}:00Z", page / 60, page % 60),
        ));
        let body = json!({"items": items, "next_cursor": format!("c{page}")});
        server.reply("GET /_tollgate/v1/audit", HttpReply::json(200, &body));
    }

    let output = run(&[
        "audit",
        "search",
        "--action",
        "plan.put",
        "--json",
        "--url",
        &server.url(),
    ]);
    assert_code(&output, 1);
    // The records that were found are complete JSON, and the error says how to continue.
    assert_eq!(
        serde_json::from_slice::<Vec<Value>>(&output.stdout)
            .unwrap()
            .len(),
        200
    );
    assert_eq!(
        text(&output.stderr),
        "tollgate: the search ended after 20000 records; to continue, search again with --to 2026-11-28T03:19:00Z\n"
    );
    assert_eq!(server.requests().len(), 200);
}

#[test]
fn server_that_stopped_is_an_error() {
    let error = failure(&run(&["audit", "list", "--url", "http://127.0.0.1:1"]), 2);
    assert!(error.contains("connection refused"), "{error}");
}
