//! `import kong`.

use std::fs::{metadata, read_to_string, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use declaration::Declaration;
use serde_json::{Value, json};

use crate::program::{GatewayProcess, get_with, project, run, text, tollgate};

/// The key that clients used with Kong.
const KEY: &str = "alex-0123456789abcdef0123";
const KONG: &str = r#"
_format_version: "3.0"
services:
- name: orders
  url: http://orders.internal
  routes: [{name: orders, paths: [/orders], strip_path: false}]
  plugins:
  - {name: key-auth, config: {key_names: [apikey], key_in_query: false}}
  - {name: rate-limiting, config: {hour: 3}}
- name: docs
  url: http://docs.internal
  routes: [{name: docs, paths: [/docs], strip_path: false}]
- name: old
  url: http://old.internal
  routes: [{name: old, paths: [/old]}]
  plugins: [{name: request-termination, config: {status_code: 410}}]
consumers:
- username: alex
  keyauth_credentials: [{key: alex-0123456789abcdef0123}]
"#;

fn import(folder: &Path, kong: &str) -> (Output, String) {
    let (source, out) = (folder.join("kong.yaml"), folder.join("tollgate.yaml"));
    write(&source, kong).unwrap();
    let out = out.to_str().unwrap().to_owned();
    let output = run(&["import", "kong", source.to_str().unwrap(), "--out", &out]);
    (output, out)
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap()
}

#[test]
fn applied_result_accepts_the_old_key_and_limits_it() {
    let folder = tempfile::tempdir().unwrap();
    let (output, file) = import(folder.path(), KONG);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // The policy is in force from the start, as with `AuthPolicy` of a stack.
    let declaration = Declaration::parse("tollgate.yaml", &read_to_string(&file).unwrap()).unwrap();
    let policy = folder.path().join("policy.json");
    write(&policy, declaration.policies["main"].to_string()).unwrap();
    let gateway = GatewayProcess::start_without_examples(&[
        "--log-format",
        "off",
        "--policy",
        policy.to_str().unwrap(),
        "--parameter",
        "KeyHeader=apikey",
    ]);
    let url = format!("http://{}", gateway.address);
    let applied = run(&["apply", &file, "--yes", "--url", &url]);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));

    let header = format!("apikey: {KEY}");
    for _ in 0..3 {
        let response = get_with(gateway.address, "/orders/7", &header);
        assert_eq!(status(&response), "200", "{response}");
    }
    let limited = get_with(gateway.address, "/orders", &header);
    assert_eq!(status(&limited), "429", "{limited}");

    for (path, header, expected) in [
        ("/orders/7", "accept: */*", "401"),
        ("/orders/7", "apikey: another-0123456789abcdef", "401"),
        ("/docs/a", "accept: */*", "200"),
        ("/docs", "accept: */*", "200"),
        ("/old/a", "accept: */*", "401"),
        ("/old", &format!("apikey: {KEY}"), "403"),
        ("/elsewhere", &format!("apikey: {KEY}"), "403"),
    ] {
        let response = get_with(gateway.address, path, header);
        assert_eq!(status(&response), expected, "{path} {header}: {response}");
    }

    let again = run(&["diff", &file, "--url", &url]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stdout));
}

/// The first block of YAML in the guide, converted by the command in the guide.
#[test]
fn example_of_the_guide_is_converted() {
    let guide = read_to_string(project().join("docs/guides/migrate-from-kong.md")).unwrap();
    let (_, rest) = guide.split_once("```yaml\n").unwrap();
    let (kong, rest) = rest.split_once("```").unwrap();
    let line = rest
        .lines()
        .find(|line| line.starts_with("tollgate import"))
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("kong.yaml"), kong).unwrap();
    let arguments: Vec<&str> = line.split(' ').skip(1).collect();
    let output = tollgate(&arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let file = read_to_string(folder.path().join("tollgate.yaml")).unwrap();
    let plan = &Declaration::parse("tollgate.yaml", &file).unwrap().plans["default"];
    let bucket = json!({"rate": 1.666_666, "burst": 3});
    assert_eq!(plan["routes"]["ANY /{proxy+}"], bucket);
    assert_eq!(
        (&plan["window_s"], &plan["limit"]),
        (&json!(60), &json!(100))
    );
    assert!(folder.path().join("report.json").exists());
}

#[test]
fn result_that_refuses_or_admits_more_has_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (plugin, outcome)) in [("basic-auth", "closed"), ("bot-detection", "laxer")]
        .into_iter()
        .enumerate()
    {
        let source = folder.path().join(format!("kong-{number}.yaml"));
        let kong = format!(
            "_format_version: '3.0'\nroutes: [{{name: r, paths: [/r]}}]\nplugins: [{{name: {plugin}}}]"
        );
        write(&source, kong).unwrap();
        let report = folder.path().join(format!("report-{number}.json"));
        let output = run(&[
            "import",
            "kong",
            source.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
        ]);

        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).contains("ANY /r/{proxy+}"),
            "{}",
            text(&output.stdout)
        );
        let report: Value = serde_json::from_str(&read_to_string(&report).unwrap()).unwrap();
        let outcomes: Vec<&str> = report
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|finding| finding["outcome"].as_str())
            .collect();
        assert!(outcomes.contains(&outcome), "{report}");
    }
}

#[test]
fn standard_input_is_read_and_control_characters_are_escaped() {
    let mut child = tollgate(&["import", "kong", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let kong = "_format_version: '3.0'\nroutes: [{name: \"r\\e[2J\", paths: [/r]}]";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), kong.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stderr);
    assert!(
        report.contains("standard input:2: route r\\u{1b}[2J: rule ANY /r/{proxy+}"),
        "{report}"
    );
    assert!(!report.contains('\u{1b}'));
}

#[test]
fn invalid_files_are_one_line_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let (output, out) = import(folder.path(), KONG);
    assert_eq!(output.status.code(), Some(0));
    let before = read_to_string(&out).unwrap();

    let (output, _) = import(folder.path(), KONG);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("tollgate.yaml: the file exists already"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(read_to_string(&out).unwrap(), before);

    for (kong, problem) in [
        ("a: [", "kong.yaml:2:1: "),
        ("services: []", "kong.yaml: missing field `_format_version`"),
    ] {
        let (output, _) = import(folder.path(), kong);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(problem) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
    let output = run(&["import", "kong", "no-such.yaml"]);
    assert!(text(&output.stderr).contains("no-such.yaml: No such file"));
}
