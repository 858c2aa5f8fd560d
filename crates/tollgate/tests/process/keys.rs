//! `tollgate keys`, except `create`.

use serde_json::{Value, json};

use crate::administrator::{Administrator, secret_in};
use crate::broken_responses::BrokenResponses;
use crate::program::{run, text};

fn with_acme() -> Administrator {
    let administrator = Administrator::new();
    let create = "keys create acme --plan pro --name Acme --group grp --metadata email=ops@acme.example --secrets-out s.csv";
    administrator.run(&create.split(' ').collect::<Vec<_>>());
    administrator
}

fn ids(keys: &Value) -> Vec<&str> {
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key["key_id"].as_str().unwrap()).collect()
}

#[test]
fn list_meets_every_condition() {
    let administrator = with_acme();
    for (condition, expected) in [
        ("--plan=free", &["local-free"][..]),
        ("--name=ACM", &["acme"]),
        ("--group=grp", &["acme"]),
        ("--metadata=email=ops@acme.example", &["acme"]),
        ("--enabled=false", &[]),
        ("--unused-since=90d", &["local-free", "local-pro"]),
        ("--limit=2", &["acme", "local-free"]),
    ] {
        let keys = administrator.json(&["keys", "search", condition]);
        assert_eq!(ids(&keys), expected, "{condition}");
    }
    let table = administrator.run(&["keys", "list", "--plan", "pro"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("KEY_ID"), "{table}");
    assert!(
        lines[1].starts_with("acme") && lines[1].contains("enabled"),
        "{table}"
    );
    assert_eq!(lines.len(), 3, "{table}");
}

#[test]
fn list_of_several_pages_is_complete() {
    let administrator = Administrator::new();
    administrator.create_keys(230);

    assert_eq!(ids(&administrator.json(&["keys", "list"])).len(), 232);
    assert_eq!(
        ids(&administrator.json(&["keys", "list", "--limit", "150"])).len(),
        150
    );
    assert_eq!(administrator.run(&["keys", "list"]).lines().count(), 233);
    assert_eq!(administrator.run(&["keys", "export"]).lines().count(), 233);
}

#[test]
fn get_shows_a_key_and_names_a_missing_one() {
    let administrator = with_acme();
    let shown = administrator.run(&["keys", "get", "acme"]);
    for expected in ["plan", "pro", "email=ops@acme.example", "etag"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let (code, stderr) = administrator.fail(&["keys", "get", "no-such-key"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("no-such-key"), "{stderr}");
}

#[test]
fn set_changes_and_removes_fields() {
    let administrator = with_acme();
    let set = "keys set acme --plan free --expires-at 2027-01-31 --unset group --unset metadata.email --metadata tier=2";
    let key = administrator.json(&set.split(' ').collect::<Vec<_>>());
    assert_eq!(
        (&key["plan"], &key["expires_at"], &key["metadata"]),
        (
            &json!("free"),
            &json!("2027-01-31T00:00:00Z"),
            &json!({"tier": "2"})
        )
    );
    assert_eq!((&key["name"], key.get("group")), (&json!("Acme"), None));

    let etag = administrator.json(&["keys", "list", "--name", "acme"])[0]["etag"].clone();
    administrator.run(&[
        "keys",
        "set",
        "acme",
        "--name",
        "B",
        "--if-match",
        etag.as_str().unwrap(),
    ]);
    let (code, _) = administrator.fail(&[
        "keys",
        "set",
        "acme",
        "--name",
        "C",
        "--if-match",
        etag.as_str().unwrap(),
    ]);
    assert_eq!(
        (code, &administrator.json(&["keys", "get", "acme"])["name"]),
        (1, &json!("B"))
    );

    for (arguments, problem) in [
        (&["keys", "set", "acme"][..], "there is no change"),
        (
            &["keys", "set", "acme", "--unset", "plan"],
            "--unset plan: expected name",
        ),
        (
            &["keys", "set", "acme", "--expires-at", "soon"],
            "expected an instant",
        ),
    ] {
        let (code, stderr) = administrator.fail(arguments);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
    }
    let (code, stderr) = administrator.fail(&["keys", "set", "acme", "--plan", "no-such-plan"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("no-such-plan"), "{stderr}");
}

#[test]
fn disabled_key_is_refused_until_it_is_enabled() {
    let administrator = with_acme();
    let secret = secret_in(&administrator.read("s.csv"), "acme");
    assert_eq!(administrator.call(&secret), 200);
    administrator.run(&["keys", "disable", "acme"]);
    assert_eq!(administrator.call(&secret), 401);
    assert_eq!(
        administrator.json(&["keys", "enable", "acme"])["enabled"],
        true
    );
    assert_eq!(administrator.call(&secret), 200);
}

#[test]
fn delete_asks_and_needs_yes_without_a_terminal() {
    let administrator = with_acme();
    let (code, stderr) = administrator.fail(&["keys", "delete", "acme"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("--yes"), "{stderr}");

    let (code, shown) =
        administrator.terminal(&["keys", "delete", "acme"], Some(("[y/N] ", "n\n")));
    assert_eq!(code, 1, "{shown}");
    assert!(
        shown.contains("Delete key acme?") && shown.contains("was not deleted"),
        "{shown}"
    );
    assert_eq!(
        administrator.json(&["keys", "get", "acme"])["key_id"],
        "acme"
    );

    administrator.run(&["keys", "delete", "acme", "--yes"]);
    assert_eq!(
        administrator.fail(&["keys", "delete", "acme", "--yes"]).0,
        1
    );
}

#[test]
fn rotated_secret_is_appended_and_the_earlier_one_works_for_the_grace_period() {
    let administrator = with_acme();
    let first = secret_in(&administrator.read("s.csv"), "acme");
    administrator.run(&[
        "keys",
        "rotate",
        "acme",
        "--grace",
        "7d",
        "--secrets-out",
        "s.csv",
    ]);
    let second = secret_in(&administrator.read("s.csv"), "acme");
    assert_ne!(first, second);
    assert_eq!(
        (administrator.call(&first), administrator.call(&second)),
        (200, 200)
    );

    let rotated = administrator.json(&[
        "keys",
        "rotate",
        "acme",
        "--grace",
        "0s",
        "--prefix",
        "new_",
        "--secrets-out",
        "s.csv",
    ]);
    assert_eq!(
        (&rotated["prefix"], rotated.get("key")),
        (&json!("new_"), None)
    );
    let third = secret_in(&administrator.read("s.csv"), "acme");
    assert!(third.starts_with("new_"));
    assert_eq!(
        [&first, &second, &third].map(|secret| administrator.call(secret)),
        [401, 401, 200]
    );
}

#[test]
fn rotation_without_a_place_for_the_secret_changes_nothing() {
    let administrator = with_acme();
    let secret = secret_in(&administrator.read("s.csv"), "acme");
    administrator.file("open.csv", "");
    for arguments in [
        &["keys", "rotate", "acme", "--grace", "0s"][..],
        &[
            "keys",
            "rotate",
            "acme",
            "--grace",
            "0s",
            "--secrets-out",
            "open.csv",
        ],
        &[
            "keys",
            "rotate",
            "acme",
            "--grace",
            "0s",
            "--secrets-out",
            "/dev/stdout",
        ],
    ] {
        let (code, stderr) = administrator.fail(arguments);
        assert_eq!(code, 2, "{stderr}");
    }
    assert_eq!(administrator.call(&secret), 200);

    let (code, shown) = administrator.terminal(&["keys", "rotate", "acme", "--grace", "0s"], None);
    assert_eq!(code, 0, "{shown}");
    let new = shown
        .split_whitespace()
        .find(|word| word.starts_with("tg_"));
    assert_eq!(
        (
            administrator.call(&secret),
            administrator.call(new.unwrap())
        ),
        (401, 200)
    );
}

#[test]
fn whois_finds_the_key_of_present_and_earlier_secrets() {
    let administrator = with_acme();
    let first = secret_in(&administrator.read("s.csv"), "acme");
    administrator.run(&["keys", "rotate", "acme", "--secrets-out", "s.csv"]);
    let second = secret_in(&administrator.read("s.csv"), "acme");

    for (secret, state) in [(&first, "earlier"), (&second, "present")] {
        let output = administrator.input(&["keys", "whois", "--json"], &format!("{secret}\n"));
        let key: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&key["key_id"], &key["secret"]),
            (&json!("acme"), &json!(state))
        );
        let table = text(&administrator.input(&["keys", "whois"], secret).stdout);
        assert!(
            table.contains("acme") && table.contains(state) && !table.contains(secret.as_str()),
            "{table}"
        );
    }
    for (input, code) in [
        ("an-unknown-secret-0001", 1),
        ("short", 2),
        ("", 2),
        ("a b\nc", 2),
    ] {
        let output = administrator.input(&["keys", "whois"], input);
        assert_eq!(output.status.code(), Some(code), "{input}: {output:?}");
        assert!(
            input.is_empty() || !text(&output.stderr).contains(input),
            "{output:?}"
        );
    }
}

#[test]
fn whois_does_not_echo_the_secret_on_a_terminal() {
    let administrator = Administrator::new();
    let secret = "local-free-key-000000000001";
    let (code, shown) = administrator.terminal(
        &["keys", "whois"],
        Some(("Secret: ", &format!("{secret}\n"))),
    );
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("Secret: ") && shown.contains("local-free"),
        "{shown}"
    );
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn bulk_change_is_shown_confirmed_and_made() {
    let administrator = with_acme();
    let bulk = [
        "keys",
        "bulk",
        "--filter",
        "plan=free",
        "--set",
        "enabled=false",
    ];
    let (code, stderr) = administrator.fail(&bulk);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("1 matching, 1 to be changed") && stderr.contains("--yes"),
        "{stderr}"
    );
    let dry_run = administrator.json(&[&bulk[..], &["--dry-run"]].concat());
    assert_eq!(
        (&dry_run["dry_run"], &dry_run["changing"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(
        administrator.json(&["keys", "get", "local-free"])["enabled"],
        true
    );

    let (code, shown) = administrator.terminal(&bulk, Some(("[y/N] ", "y\n")));
    assert_eq!(code, 0, "{shown}");
    assert!(
        shown.contains("Make these changes? (1 in total)") && shown.contains("1 changed,"),
        "{shown}"
    );
    assert_eq!(
        administrator.json(&["keys", "get", "local-free"])["enabled"],
        false
    );

    let all = administrator.json(&[
        "keys",
        "bulk",
        "--filter",
        "all",
        "--set",
        "metadata.tier=2",
        "--yes",
    ]);
    assert_eq!((&all["changed"], &all["failed"]), (&json!(3), &json!([])));
    let (code, stderr) =
        administrator.fail(&["keys", "bulk", "--filter", "plna=a", "--set", "plan=b"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(
        stderr.contains("--filter plna=a: unknown condition"),
        "{stderr}"
    );
}

#[test]
fn exported_keys_have_no_secrets_and_key_files_are_imported() {
    let administrator = with_acme();
    administrator.run(&["keys", "export", "--plan", "pro", "--out", "keys.csv"]);
    let export = administrator.read("keys.csv");
    assert!(
        export.starts_with("KeyId,Name,") && export.contains("\nacme,Acme,"),
        "{export}"
    );
    assert!(!export.contains(&secret_in(&administrator.read("s.csv"), "acme")));

    administrator.file(
        "import.csv",
        "Name,Key,UsagePlanIds\nNew,a-secret-of-a-new-key-1,c7y23b\nBad,short,c7y23b\n",
    );
    let import = ["keys", "import-csv", "import.csv", "--plans", "c7y23b=free"];
    let (code, stderr) = administrator.fail(&[&import[..], &["--dry-run"]].concat());
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("line 3: error: ") && stderr.contains("nothing was written"),
        "{stderr}"
    );
    assert_eq!(administrator.call("a-secret-of-a-new-key-1"), 401);

    administrator.file(
        "import.csv",
        "Name,Key,UsagePlanIds\nNew,a-secret-of-a-new-key-1,c7y23b\n",
    );
    assert_eq!(administrator.json(&import)["created"], 1);
    assert_eq!(administrator.call("a-secret-of-a-new-key-1"), 200);
}

#[test]
fn unreachable_gateway_and_misplaced_commands_are_explained() {
    let (code, stderr) = {
        let output = run(&["keys", "list", "--url", "http://127.0.0.1:1"]);
        (output.status.code(), text(&output.stderr))
    };
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("127.0.0.1"), "{stderr}");

    let output = run(&["keys", "grant", "acme", "--quota", "day", "--amount", "5"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("did you mean `tollgate usage grant"),
        "{stderr}"
    );
    assert!(!text(&run(&["keys", "--help"]).stdout).contains("  grant"));
}

#[test]
fn secret_of_a_rotation_without_a_response_is_in_the_file() {
    let administrator = with_acme();
    let first = secret_in(&administrator.read("s.csv"), "acme");
    let broken = BrokenResponses::start(administrator.gateway.address);
    let rotate = [
        "keys",
        "rotate",
        "acme",
        "--grace",
        "0s",
        "--secrets-out",
        "s.csv",
    ];
    let output = administrator
        .command(&rotate)
        .env("TOLLGATE_URL", broken.url())
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("tollgate keys whois"), "{stderr}");

    let second = secret_in(&administrator.read("s.csv"), "acme");
    assert_ne!(first, second);
    assert_eq!(
        (administrator.call(&first), administrator.call(&second)),
        (401, 200)
    );
}

#[test]
fn refused_rotation_keeps_the_secret_of_the_file() {
    let administrator = with_acme();
    let secret = secret_in(&administrator.read("s.csv"), "acme");
    let rotate = [
        "keys",
        "rotate",
        "acme",
        "--grace",
        "91d",
        "--secrets-out",
        "s.csv",
    ];
    let (code, stderr) = administrator.fail(&rotate);
    assert_eq!(code, 1, "{stderr}");
    assert_eq!(secret_in(&administrator.read("s.csv"), "acme"), secret);
    assert_eq!(administrator.call(&secret), 200);
}

#[test]
fn echo_returns_after_ctrl_c_at_a_prompt() {
    let administrator = Administrator::new();
    let (code, shown) = administrator.terminal(&["keys", "whois"], Some(("Secret: ", "half\u{3}")));
    assert_eq!(code, 2, "{shown}");
    assert!(
        shown.contains("interrupted") && !shown.contains("half"),
        "{shown}"
    );
}
