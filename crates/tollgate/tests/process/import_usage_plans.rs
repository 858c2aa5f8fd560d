//! `import usage-plans` and `import api-keys`, and the commands of their guide.

use std::fs::{metadata, read_to_string, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;
use testing::{HttpReply, HttpServer};

use crate::apply::assert_code;
use crate::program::{GatewayProcess, get_with, project, text, tollgate};

const SECRET: &str = "made-up-0123456789abcdefghij";
const SAMPLES: &str = "crates/migration/src/usage_plans/samples";
const KEY_FILE: &str = "Name,Key,Description,Enabled,UsagePlanIds\n\
    First,made-up-0123456789abcdefghij,From a file,TRUE,c7y23b\n\
    Second,made-up-abcdefghij0123456789,,FALSE,glvrsr\n";

/// A gateway without plans and keys, whose policy is that of the guide.
struct Api {
    gateway: GatewayProcess,
    url: String,
}

impl Api {
    fn start(folder: &Path) -> Self {
        let policy = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "api_key"}]});
        let files = [
            ("policy.json", policy),
            ("seeds.json", json!({"plans": {}, "keys": []})),
        ];
        let paths = files.map(|(name, content)| {
            let path = folder.join(name);
            write(&path, content.to_string()).unwrap();
            path.to_str().unwrap().to_owned()
        });
        let [policy, seeds] = &paths;
        let arguments = ["--log-format", "off", "--policy", policy, "--seeds", seeds];
        let gateway = GatewayProcess::start_without_examples(&arguments);
        let url = format!("http://{}", gateway.address);
        Self { gateway, url }
    }

    /// Returns the status of `GET /pets` with a key.
    fn status(&self, key: &str) -> String {
        let response = get_with(self.gateway.address, "/pets", &format!("x-api-key: {key}"));
        response.split(' ').nth(1).unwrap().to_owned()
    }
}

/// A folder with the files that the guide names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, sample) in [
        ("plans.json", "usage-plans.json"),
        ("keys.json", "api-keys.json"),
        ("c7y23b.json", "usage-plan-keys.json"),
    ] {
        std::fs::copy(
            project().join(SAMPLES).join(sample),
            folder.path().join(name),
        )
        .unwrap();
    }
    write(folder.path().join("keys.csv"), KEY_FILE).unwrap();
    folder
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    tollgate(arguments).current_dir(folder).output().unwrap()
}

fn mode(path: &Path) -> u32 {
    metadata(path).unwrap().permissions().mode() & 0o777
}

/// API Gateway with the sample account.
fn api_gateway() -> HttpServer {
    let sample = |name: &str| -> Value {
        let text = read_to_string(project().join(SAMPLES).join(name)).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        json!({"item": list["items"]})
    };
    let server = HttpServer::start();
    for (route, page) in [
        ("GET /usageplans", sample("usage-plans.json")),
        ("GET /apikeys", sample("api-keys.json")),
        (
            "GET /usageplans/c7y23b/keys",
            sample("usage-plan-keys.json"),
        ),
        ("GET /usageplans/glvrsr/keys", json!({})),
    ] {
        server.reply(route, HttpReply::json(200, &page));
    }
    server
}

fn guide_commands() -> Vec<Vec<String>> {
    let guide = read_to_string(project().join("docs/guides/migrate-from-usage-plans.md")).unwrap();
    let commands = guide
        .lines()
        .filter_map(|line| line.strip_prefix("tollgate "));
    commands.map(|line| shlex::split(line).unwrap()).collect()
}

/// Runs the guide: the client's key works after the migration, and its limit applies.
#[test]
fn every_command_of_the_guide_succeeds_and_present_keys_work() {
    let (folder, server) = (folder(), api_gateway());
    let api = Api::start(folder.path());
    let commands = guide_commands();
    assert!(commands.len() >= 7, "{commands:?}");

    for command in &commands {
        let arguments: Vec<_> = command.iter().map(String::as_str).collect();
        let mut process = match arguments[0] {
            "import" => tollgate(&arguments),
            _ => tollgate(&[arguments.as_slice(), &["--url", &api.url]].concat()),
        };
        let output = process
            .current_dir(folder.path())
            .env("AWS_ENDPOINT_URL_API_GATEWAY", server.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "made-up")
            .output()
            .unwrap();
        assert_code(&output, if arguments[0] == "diff" { 3 } else { 0 });
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(!printed.contains("made-up-"), "{command:?}: {printed}");
    }

    // The route has a burst of 1.
    assert_eq!([api.status(SECRET), api.status(SECRET)], ["200", "429"]);
    // The second key is disabled.
    assert_eq!(api.status("made-up-abcdefghij0123456789"), "401");
    let diff = ["diff", "tollgate.yaml", "--url", &api.url];
    assert_code(&run_in(folder.path(), &diff), 0);

    // The account and its files are converted to the same declaration.
    let body = |name: &str| read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(body("account.yaml"), body("tollgate.yaml"));
    assert!(
        server
            .requests()
            .iter()
            .all(|it| it.headers.contains_key("authorization"))
    );
}

#[test]
fn result_is_confidential_and_replaces_nothing() {
    let folder = folder();
    let arguments = [
        "import", "api-keys", "keys.csv", "--plan", "basic", "--out", "t.yaml", "--report",
        "r.json",
    ];
    assert_code(&run_in(folder.path(), &arguments), 0);
    for name in ["t.yaml", "r.json"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600);
    }
    let result = read_to_string(folder.path().join("t.yaml")).unwrap();
    assert!(
        result.starts_with("# CONFIDENTIAL") && !result.contains("made-up-"),
        "{result}"
    );
    let report = read_to_string(folder.path().join("r.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report[0]["place"], "keys.csv:2");

    std::fs::remove_file(folder.path().join("r.json")).unwrap();
    let again = run_in(folder.path(), &arguments);
    assert_code(&again, 2);
    assert!(
        text(&again.stderr).contains("t.yaml: the file exists already"),
        "{again:?}"
    );
    assert!(!folder.path().join("r.json").exists());
}

#[test]
fn laxer_limit_exits_with_1_and_is_written() {
    let folder = folder();
    let plans =
        r#"{"items": [{"id": "a1", "name": "Free", "apiStages": [{"apiId": "a", "stage": "s"}]}]}"#;
    write(folder.path().join("free.json"), plans).unwrap();
    let output = run_in(folder.path(), &["import", "usage-plans", "free.json"]);
    assert_code(&output, 1);
    assert!(
        text(&output.stdout).contains("plans:\n  free: {}"),
        "{output:?}"
    );
    let report = text(&output.stderr);
    assert!(
        report.starts_with("Laxer than before:\n  free.json: items[0]: usage plan `Free` (a1)"),
        "{report}"
    );
}

#[test]
fn control_characters_of_a_file_are_escaped() {
    let folder = folder();
    write(
        folder.path().join("k.csv"),
        "Name,Key\n\"a\u{1b}[2J\",twenty-characters-01\n",
    )
    .unwrap();
    let output = run_in(
        folder.path(),
        &["import", "api-keys", "k.csv", "--plan", "basic"],
    );
    assert_code(&output, 0);
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
}

#[test]
fn unreadable_files_are_invalid_input() {
    let folder = folder();
    for (content, expected) in [
        ("", "the file is empty, expected JSON"),
        ("Name,Key\n", "bad:1:1: invalid JSON"),
        (
            "{\"items\": [{\"id\": \"x\"",
            "the file ends within a JSON value",
        ),
        ("{\"items\": []}", "there is nothing to import"),
        (
            "{\"items\": [{\"id\": \"x\", \"type\": \"API_KEY\"}]}",
            "expected PLAN_ID=FILE",
        ),
    ] {
        write(folder.path().join("bad"), content).unwrap();
        let output = run_in(folder.path(), &["import", "usage-plans", "bad"]);
        assert_code(&output, 2);
        assert!(
            text(&output.stderr).contains(expected),
            "{expected}: {output:?}"
        );
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    for arguments in [
        &["import", "usage-plans"][..],
        &["import", "usage-plans", "missing.json"],
        &["import", "usage-plans", "plans.json", "--from-account"],
        &["import", "usage-plans", "plans.json", "--profile", "shop"],
        &["import", "usage-plans", "plans.json", "x9=c7y23b.json"],
        &["import", "usage-plans", "--plan-keys", "c7y23b.json"],
        &["import", "api-keys", "plans.json", "--plan", "basic"],
        &["import", "api-keys", "keys.csv", "--plans", "a=b,a=c"],
    ] {
        assert_code(&run_in(folder.path(), arguments), 2);
    }
}

#[test]
fn standard_input_is_read() {
    let folder = folder();
    let plans = std::fs::File::open(folder.path().join("plans.json")).unwrap();
    let output = tollgate(&["import", "usage-plans", "-"])
        .stdin(plans)
        .output()
        .unwrap();
    assert_code(&output, 0);
    assert!(
        text(&output.stderr).contains("standard input: items[0]"),
        "{output:?}"
    );
}
