//! `tollgate keys create`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use crate::administrator::{Administrator, secret_in};
use crate::program::text;

const FROM: [&str; 6] = [
    "keys",
    "create",
    "--from",
    "names.csv",
    "--secrets-out",
    "s.csv",
];

#[test]
fn secret_is_shown_on_a_terminal_and_works() {
    let administrator = Administrator::new();
    for arguments in [
        &["keys", "create", "acme", "--plan", "pro"][..],
        &["keys", "create", "--plan", "pro"],
    ] {
        let (code, shown) = administrator.terminal(arguments, None);
        assert_eq!(code, 0, "{shown}");
        let secret = shown
            .split_whitespace()
            .find(|word| word.starts_with("tg_"));
        assert_eq!(administrator.call(secret.unwrap()), 200, "{shown}");
    }
    let (code, shown) = administrator.terminal(&["keys", "create", "acme", "--plan", "pro"], None);
    assert_eq!(code, 1, "{shown}");
    assert!(
        shown.contains("exists already") && !shown.contains("tg_"),
        "{shown}"
    );
}

#[test]
fn nothing_is_created_without_a_place_for_the_secret() {
    let administrator = Administrator::new();
    administrator.file("open.csv", "");
    for (arguments, problem) in [
        (
            &["keys", "create", "acme", "--plan", "pro"][..],
            "add --secrets-out FILE",
        ),
        (
            &["keys", "create", "acme", "--plan", "pro", "--json"],
            "add --secrets-out FILE",
        ),
        (
            &[
                "keys",
                "create",
                "acme",
                "--plan",
                "pro",
                "--secrets-out",
                "open.csv",
            ],
            "expected mode 0600",
        ),
        (
            &[
                "keys",
                "create",
                "acme",
                "--plan",
                "pro",
                "--secrets-out",
                "no/s.csv",
            ],
            "No such file",
        ),
        (
            &["keys", "create", "acme", "--secrets-out", "s.csv"],
            "--plan is required",
        ),
        (
            &[
                "keys",
                "create",
                "Acme",
                "--plan",
                "pro",
                "--secrets-out",
                "s.csv",
            ],
            "key_id `Acme`: expected",
        ),
    ] {
        let (code, stderr) = administrator.fail(arguments);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(problem), "{stderr}");
    }
    assert_eq!(
        administrator
            .json(&["keys", "list"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn repeated_creation_with_the_same_file_finds_the_key() {
    let administrator = Administrator::new();
    let create = [
        "keys",
        "create",
        "acme",
        "--plan",
        "pro",
        "--prefix",
        "acme_",
        "--secrets-out",
        "s.csv",
    ];
    let key = administrator.json(&create);
    assert_eq!((&key["key_id"], key.get("key")), (&json!("acme"), None));
    let secret = secret_in(&administrator.read("s.csv"), "acme");
    assert!(secret.starts_with("acme_"));
    assert_eq!(administrator.call(&secret), 200);

    let again = administrator.output(&[&create[..], &["--name", "Other"]].concat());
    let stderr = text(&again.stderr);
    assert_eq!(again.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("existed already") && stderr.contains("differs in name"),
        "{stderr}"
    );
    assert_eq!(
        administrator.json(&["keys", "get", "acme"]).get("name"),
        None
    );
    assert_eq!(administrator.read("s.csv").lines().count(), 2);

    let other = [
        "keys",
        "create",
        "acme",
        "--plan",
        "free",
        "--secrets-out",
        "other.csv",
    ];
    let (code, stderr) = administrator.fail(&other);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("exists already with another secret"),
        "{stderr}"
    );
    assert_eq!(administrator.call(&secret), 200);
}

#[test]
fn keys_of_a_file_are_created_with_their_fields() {
    let administrator = Administrator::new();
    administrator.file(
        "names.csv",
        "key_id,name,plan,group,enabled,expires_at,scopes,metadata.email\n\
         ,Acme Inc.,pro,acme,,30d,a b,ops@acme.example\n\
         beta,Beta,,,FALSE,,,\n\
         ,日本,,,,,,\n",
    );
    let result = administrator.output(&[&FROM[..], &["--plan", "free"]].concat());
    let (stdout, stderr) = (text(&result.stdout), text(&result.stderr));
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("3 keys were created, 0 existed already"),
        "{stderr}"
    );
    assert_eq!(stdout.matches("created").count(), 3, "{stdout}");

    let acme = administrator.json(&["keys", "get", "acme-inc"]);
    assert_eq!(
        (
            &acme["name"],
            &acme["plan"],
            &acme["group"],
            &acme["scopes"],
            &acme["metadata"]
        ),
        (
            &json!("Acme Inc."),
            &json!("pro"),
            &json!("acme"),
            &json!(["a", "b"]),
            &json!({"email": "ops@acme.example"})
        )
    );
    assert!(acme["expires_at"].is_string());
    let file = administrator.read("s.csv");
    let statuses = ["acme-inc", "beta"].map(|key_id| administrator.call(&secret_in(&file, key_id)));
    assert_eq!(statuses, [200, 401]);
    for secret in file
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
    {
        assert!(!stdout.contains(secret) && !stderr.contains(secret));
    }
    let mode = std::fs::metadata(administrator.path("s.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn repeated_call_loses_and_duplicates_nothing() {
    let administrator = Administrator::new();
    let rows: String = (0..60).map(|n| format!("Customer {n}\n")).collect();
    administrator.file("names.csv", &format!("name\n{rows}"));
    let from = [&FROM[..], &["--plan", "free"]].concat();

    // An earlier call stored all secrets, but was interrupted after some keys.
    administrator.run(&from);
    let complete = administrator.read("s.csv");
    for n in [3, 30, 59] {
        administrator.run(&["keys", "delete", &format!("customer-{n}"), "--yes"]);
    }
    administrator.file("names.csv", &format!("name\n{rows}Customer new\n"));
    let (code, stderr) = administrator.fail(&from);
    assert_eq!(code, 1, "{stderr}");
    assert!(
        stderr.contains("1 keys were created, 57 existed already"),
        "{stderr}"
    );
    assert!(
        stderr.contains("names.csv:5: ") && stderr.contains("3 keys were refused"),
        "{stderr}"
    );

    let file = administrator.read("s.csv");
    assert!(
        file.starts_with(&complete) && file.lines().count() == 62,
        "{file}"
    );
    let keys = administrator.json(&["keys", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 2 + 58);
    assert_eq!(administrator.call(&secret_in(&file, "customer-7")), 200);
    assert_eq!(administrator.call(&secret_in(&file, "customer-new")), 200);
}

#[test]
fn secrets_are_stored_before_the_first_request() {
    let administrator = Administrator::new();
    administrator.file("names.csv", "key_id\nacme\n");
    // The plan is checked with the first request, which already fails here.
    let mut command = administrator.command(
        &[
            &FROM[..],
            &["--plan", "free", "--url", "http://127.0.0.1:1"],
        ]
        .concat(),
    );
    assert_eq!(command.output().unwrap().status.code(), Some(2));
    assert!(
        !administrator.folder().join("s.csv").exists(),
        "no key was tried"
    );

    let create = [
        "keys",
        "create",
        "acme",
        "--plan",
        "free",
        "--secrets-out",
        "s.csv",
    ];
    let mut command =
        administrator.command(&[&create[..], &["--url", "http://127.0.0.1:1"]].concat());
    assert_eq!(command.output().unwrap().status.code(), Some(2));
    let secret = secret_in(&administrator.read("s.csv"), "acme");

    administrator.run(&create);
    assert_eq!(administrator.call(&secret), 200);
}

#[test]
fn every_mistake_in_a_file_is_found_before_the_first_request() {
    let administrator = Administrator::new();
    for (content, problems) in [
        (
            "name;plan\na;b\n",
            &["names.csv:1: unknown column `name;plan`"][..],
        ),
        (
            "name,email\na,b\n",
            &["names.csv:1: unknown column `email`", "metadata.email"],
        ),
        (
            "name,plan\nAcme,free\nACME,free\nBeta,\n",
            &[
                "names.csv:4: plan: missing",
                "names.csv:3: key_id: `acme` is also",
            ],
        ),
        (
            "name,plan\nAcme,free\nBeta,gold\n",
            &["names.csv:3: plan: the plan `gold` does not exist"],
        ),
        (
            "key_id,plan,group\nacme,free,No Group\n",
            &["names.csv:2: group: expected 2 to 64"],
        ),
        ("", &["names.csv:1: the header is missing"]),
        ("name\n", &["names.csv: the file has no rows"]),
    ] {
        administrator.file("names.csv", content);
        let (code, stderr) = administrator.fail(&FROM);
        assert_eq!(code, 2, "{stderr}");
        for problem in problems {
            assert!(stderr.contains(problem), "{problem}: {stderr}");
        }
    }
    assert_eq!(
        administrator
            .json(&["keys", "list"])
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(!administrator.folder().join("s.csv").exists());
}

#[test]
fn json_has_the_documents_of_the_keys_without_secrets() {
    let administrator = Administrator::new();
    administrator.file("names.csv", "key_id,plan\nacme,free\nbeta,pro\n");
    let keys = administrator.json(&FROM);
    let ids: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["key_id"])
        .collect();
    assert_eq!(ids, ["acme", "beta"]);
    assert!(
        keys.as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("key").is_none())
    );
}

#[test]
fn all_keys_are_created_although_the_list_is_not_read() {
    let administrator = Administrator::new();
    let rows: String = (0..250).map(|n| format!("key-{n:03}\n")).collect();
    let mut child = administrator
        .command(&[
            "keys",
            "create",
            "--from",
            "-",
            "--plan",
            "free",
            "--secrets-out",
            "s.csv",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(format!("key_id\n{rows}").as_bytes())
        .unwrap();
    drop(input);

    assert_eq!(child.wait().unwrap().code(), Some(2));
    let keys = administrator.json(&["keys", "list"]);
    assert_eq!(keys.as_array().unwrap().len(), 252);
}

#[test]
fn secret_of_a_refused_key_does_not_stay_in_the_file() {
    let administrator = Administrator::new();
    administrator.file("names.csv", "key_id\nlocal-pro\nacme\n");
    let (code, stderr) = administrator.fail(&[&FROM[..], &["--plan", "free"]].concat());
    assert_eq!(code, 1, "{stderr}");
    let file = administrator.read("s.csv");
    assert!(
        file.contains("acme") && !file.contains("local-pro"),
        "{file}"
    );
    assert_eq!(administrator.call(&secret_in(&file, "acme")), 200);
}
