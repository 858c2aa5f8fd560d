//! `tollgate usage`.

use serde_json::{Value, json};

use crate::administrator::{Administrator, secret_in};
use crate::program::{post, text};

/// Returns an administrator with a key of the plan `pro` that made 3 calls.
fn with_calls() -> Administrator {
    let administrator = Administrator::new();
    administrator.run(&[
        "keys",
        "create",
        "acme",
        "--plan",
        "pro",
        "--name",
        "Acme",
        "--secrets-out",
        "s.csv",
    ]);
    let secret = secret_in(&administrator.read("s.csv"), "acme");
    for _ in 0..3 {
        assert_eq!(administrator.call(&secret), 200);
    }
    administrator
}

#[test]
fn get_shows_quotas_and_days() {
    let administrator = with_calls();
    let report = administrator.json(&["usage", "get", "acme"]);
    assert_eq!(report["quotas"][0]["usage"], json!([3, 999_997]));
    let shown = administrator.run(&["usage", "get", "acme"]);
    for expected in ["month", "1000000", "999997", "total"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let month = administrator.json(&["usage", "get", "acme", "--month", "2026-01"]);
    assert_eq!(
        (&month["from"], &month["to"]),
        (&json!("2026-01-01"), &json!("2026-01-31"))
    );

    let address = administrator.json(&["usage", "get", "ip/2001:db8::1", "--plan", "free"]);
    assert_eq!(address["quotas"][0]["usage"], json!([0, 100]));
    let group = administrator.json(&["usage", "get", "group#acme", "--plan", "pro"]);
    assert_eq!(group["quotas"][0]["usage"], json!([0, 1_000_000]));
}

#[test]
fn mistakes_and_missing_callers_are_told_apart() {
    let administrator = Administrator::new();
    for (arguments, code, problem) in [
        (&["usage", "get", "no-such-key"][..], 1, "no-such-key"),
        (&["usage", "get", "ip/192.0.2.1"], 1, "plan"),
        (
            &["usage", "get", "local-pro", "--plan", "pro"],
            2,
            "--plan is for callers that are not keys",
        ),
        (&["usage", "get", "sub/alice"], 2, "64 hexadecimal digits"),
        (
            &["usage", "get", "local-pro", "--month", "2026"],
            2,
            "expected a month such as 2026-11",
        ),
        (
            &[
                "usage",
                "get",
                "local-pro",
                "--month",
                "2026-11",
                "--from",
                "2026-11-01",
            ],
            2,
            "--from",
        ),
        (&["usage", "top", "--limit", "101"], 2, "101"),
        (
            &["usage", "report", "--csv", "--json"],
            2,
            "cannot be used with",
        ),
        (
            &[
                "usage",
                "grant",
                "group/acme",
                "--quota",
                "day",
                "--amount",
                "1",
            ],
            2,
            "--plan is required",
        ),
        (
            &[
                "usage",
                "grant",
                "local-pro",
                "--quota",
                "week",
                "--amount",
                "1",
            ],
            1,
            "week",
        ),
        (
            &["usage", "revoke", "local-pro", "123456789012345"],
            1,
            "grant",
        ),
    ] {
        let (actual, stderr) = administrator.fail(arguments);
        assert_eq!(actual, code, "{arguments:?}: {stderr}");
        assert!(stderr.contains(problem), "{arguments:?}: {stderr}");
    }
}

#[test]
fn top_lists_the_keys_with_the_most_calls_first() {
    let administrator = with_calls();
    let keys = administrator.json(&["usage", "top", "--limit", "2"]);
    let rows = keys.as_array().unwrap();
    assert_eq!(
        (rows.len(), &rows[0]["key_id"], &rows[0]["calls"]),
        (2, &json!("acme"), &json!(3))
    );

    let table = administrator.run(&["usage", "top", "--plan", "pro"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].starts_with("acme") && lines.len() == 3, "{table}");
    let earlier = administrator.json(&["usage", "top", "--month", "2026-01"]);
    assert!(
        earlier
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["calls"] == 0)
    );
}

#[test]
fn report_of_several_pages_has_one_header_and_every_key() {
    let administrator = with_calls();
    administrator.create_keys(150);
    administrator.run(&["keys", "delete", "key-000", "--yes"]);

    let csv = administrator.run(&["usage", "report", "--csv"]);
    assert_eq!(csv.matches("key_id,name").count(), 1);
    assert_eq!(csv.lines().count(), 1 + 153);
    let json = administrator.json(&["usage", "report"]);
    let rows = json.as_array().unwrap();
    let acme = rows.iter().find(|row| row["key_id"] == "acme").unwrap();
    assert_eq!((rows.len(), &acme["calls"]), (153, &json!(3)));
    let table = administrator.run(&["usage", "report"]);
    assert!(
        table.lines().count() == 154 && table.contains("key-000 (deleted)"),
        "{table}"
    );

    let days = administrator.json(&[
        "usage", "report", "--plan", "pro", "--by", "day", "--month", "2026-01",
    ]);
    assert_eq!(days.as_array().unwrap().len(), 2 * 31);
}

#[test]
fn grant_is_listed_and_revoked() {
    let administrator = with_calls();
    let granted = administrator.json(&[
        "usage", "grant", "acme", "--quota", "month", "--amount", "500",
    ]);
    assert_eq!(granted["usage"], json!([3, 1_000_497]));
    let id = granted["id"].as_str().unwrap();
    assert!(administrator.run(&["usage", "grants", "acme"]).contains(id));
    administrator.run(&["usage", "revoke", "acme", id]);
    let grants = administrator.json(&["usage", "grants", "acme"]);
    assert_eq!(
        (&grants[0]["id"], &grants[0]["revoked"]),
        (&json!(id), &json!(500))
    );

    let removed = administrator.json(&[
        "usage", "grant", "acme", "--quota", "month", "--amount", "-7",
    ]);
    assert_eq!(
        (&removed["granted"], &removed["usage"]),
        (&json!(-7), &json!([3, 999_990]))
    );
    let group = [
        "usage",
        "grant",
        "group/team",
        "--plan",
        "free",
        "--quota",
        "day",
        "--amount",
        "5",
    ];
    assert_eq!(administrator.json(&group)["usage"], json!([0, 105]));
}

#[test]
fn charge_is_refunded_once() {
    let administrator = Administrator::new();
    let body = r#"{"subject": "alice", "plan": "pro"}"#;
    let response = post(
        administrator.gateway.address,
        "/_tollgate/v1/decisions",
        body,
    );
    let (_, decision) = response.split_once("\r\n\r\n").unwrap();
    let decision: Value = serde_json::from_str(decision).unwrap();
    assert!(decision["charge"].is_string(), "{response}");
    let charge = decision["charge"].as_str().unwrap();

    let refunded = administrator.input(&["usage", "refund", "--json"], &format!("{charge}\n"));
    let result: Value = serde_json::from_slice(&refunded.stdout).unwrap();
    assert_eq!(result, json!({"refunded": true, "reason": "ok"}));
    let again = administrator.output(&["usage", "refund", charge]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    assert!(
        text(&again.stderr).contains("given back earlier"),
        "{again:?}"
    );
    assert_eq!(administrator.fail(&["usage", "refund", "no-charge"]).0, 1);
}
