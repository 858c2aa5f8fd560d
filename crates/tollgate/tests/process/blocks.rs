//! `blocks` against the local gateway.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::apply::Api;
use crate::operator::{at_terminal, fails, failure, ok};
use crate::program::run;

fn block(api: &Api, kind: &str, id: &str) -> Value {
    serde_json::from_str(&ok(api, &["blocks", "get", kind, id])).unwrap()
}

#[test]
fn network_is_blocked_for_an_hour_in_its_readable_form() {
    let api = Api::start();
    let before = Timestamp::now();
    let set = [
        "blocks",
        "set",
        "ip",
        "192.0.2.0/24",
        "--until",
        "1h",
        "--note",
        "scraper",
    ];
    let printed = ok(&api, &set);
    assert!(
        printed.starts_with("blocked ip 192.0.2.0/24 until 20"),
        "{printed}"
    );

    let stored = block(&api, "ip", "192.0.2.0/24");
    assert_eq!(stored["note"], "scraper");
    let until: Timestamp = stored["until"].as_str().unwrap().parse().unwrap();
    let hour = until.duration_since(before);
    assert!(
        hour > SignedDuration::from_mins(59) && hour < SignedDuration::from_mins(70),
        "{hour}"
    );

    let table = ok(&api, &["blocks", "list"]);
    assert!(
        table
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("ip    192.0.2.0/24  20"),
        "{table}"
    );
    assert!(table.trim_end().ends_with("scraper"), "{table}");
}

#[test]
fn every_kind_is_blocked_and_released() {
    let api = Api::start();
    let hash = "0123456789abcdef".repeat(4);
    let sub = format!("sub#{hash}");
    for (kind, id, target) in [
        ("key", "local-free", "local-free"),
        ("sub", &sub, &hash),
        ("cert", &hash, &hash),
        ("ip", "2001:db8::1", "2001:db8::1/128"),
        (
            "issuer",
            "https://login.example.com/realms/a b?c",
            "https://login.example.com/realms/a b?c",
        ),
    ] {
        let printed = ok(&api, &["blocks", "set", kind, id]);
        assert_eq!(printed, format!("blocked {kind} {target} without an end\n"));
        assert_eq!(block(&api, kind, id)["target"], target);
        assert_eq!(ok(&api, &["blocks", "list"]).lines().count(), 2);
        let printed = ok(&api, &["blocks", "delete", kind, id, "--yes"]);
        assert_eq!(printed, format!("deleted block of {kind} {target}\n"));
    }
    assert_eq!(ok(&api, &["blocks", "list", "--json"]), "[]\n");
}

#[test]
fn blocked_key_is_denied() {
    let api = Api::start();
    let decision = || {
        let body = r#"{"key": "local-free-key-000000000001"}"#;
        api.send("POST", "/decisions", body).1["decision"].clone()
    };
    assert_eq!(decision(), "allowed");
    ok(&api, &["blocks", "set", "key", "local-free"]);
    assert_eq!(decision(), "denied");
    ok(&api, &["blocks", "delete", "key", "local-free", "--yes"]);
    assert_eq!(decision(), "allowed");
}

#[test]
fn missing_block_is_named_in_its_readable_form() {
    let api = Api::start();
    for arguments in [
        &["blocks", "get", "ip", "192.0.2.0/24"][..],
        &["blocks", "delete", "ip", "192.0.2.0/24", "--yes"],
    ] {
        let error = fails(&api, arguments, 1);
        assert_eq!(
            error,
            "tollgate: block ip/192.0.2.0/24: The block does not exist.\n"
        );
    }
}

#[test]
fn invalid_arguments_are_found_before_anything_is_sent() {
    for (arguments, expected) in [
        (&["set", "host", "a"][..], "invalid value 'host'"),
        (
            &["set", "ip", "example.com"],
            "ip `example.com`: expected an address, or a network such as",
        ),
        (
            &["set", "ip", "192.0.2.0/33"],
            "expected an address, or a network",
        ),
        (
            &["get", "sub", "alice"],
            "sub `alice`: invalid id, expected 64 hexadecimal digits",
        ),
        (
            &["set", "key", "a", "--until", "soon"],
            "expected a duration such as 1h, 30m or 7d",
        ),
        (
            &["set", "key", "a", "--until", "-1h"],
            "expected a time in the future",
        ),
        (
            &["set", "key", "a", "--until", "2020-01-01T00:00:00Z"],
            "expected a time in the future",
        ),
    ] {
        let mut all = vec!["blocks"];
        all.extend(arguments);
        all.extend(["--url", "http://127.0.0.1:1"]);
        let error = failure(&run(&all), 2);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn release_asks_at_a_terminal_and_needs_yes_without_one() {
    let api = Api::start();
    ok(&api, &["blocks", "set", "key", "local-free"]);
    let delete = ["blocks", "delete", "key", "local-free"];
    assert!(fails(&api, &delete, 2).contains("confirm with --yes"));
    let (code, screen) = at_terminal(api.command(&delete), 80, "\n");
    assert_eq!(code, 1, "{screen}");
    assert_eq!(block(&api, "key", "local-free")["kind"], "key");
}

#[test]
fn note_that_is_too_long_is_refused() {
    let api = Api::start();
    let error = fails(
        &api,
        &["blocks", "set", "key", "a", "--note", &"n".repeat(257)],
        1,
    );
    assert!(
        error.contains("/note: expected at most 256 characters"),
        "{error}"
    );
}

#[test]
fn very_large_network_is_blocked_after_a_question() {
    let api = Api::start();
    for network in ["0.0.0.0/0", "::/0", "128.0.0.0/7", "2000::/3"] {
        let error = fails(&api, &["blocks", "set", "ip", network], 2);
        assert!(
            error.contains(&format!("Block all requests from {network} to http://")),
            "{error}"
        );
        assert!(error.contains("confirm with --yes"), "{error}");
    }
    let command = api.command(&["blocks", "set", "ip", "0.0.0.0/0"]);
    let (code, screen) = at_terminal(command, 80, "n\n");
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("nothing was blocked"), "{screen}");
    assert_eq!(ok(&api, &["blocks", "list", "--json"]), "[]\n");

    for network in ["10.0.0.0/8", "2001::/16"] {
        ok(&api, &["blocks", "set", "ip", network]);
    }
    ok(&api, &["blocks", "set", "ip", "0.0.0.0/0", "--yes"]);
    assert_eq!(ok(&api, &["blocks", "list"]).lines().count(), 4);
}
