//! `diff` and `apply` against the local gateway.

use std::fs::{metadata, read_to_string, write};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{GatewayProcess, project, run, text, tollgate};

const FILE: &str = "\
name: shop
plans:
  gold: {throttle: {rate: 10.0, burst: 20}, quotas: [{limit: 1000, period: month, time_zone: europe/berlin}]}
policies:
  partners:
    rules: [{match: 'ANY /{proxy+}', auth: api_key}]
keys:
  - {key_id: acme, name: Acme Inc., plan: gold, group: acme, metadata: {stripe: cus_1}, prefix: acme_live_}
  - {key_id: beta, plan: free, enabled: false, allowed_ips: [192.0.2.1], expires_at: '2030-01-01T01:00:00+01:00'}
";

/// A gateway, and a folder for files.
pub(crate) struct Api {
    gateway: GatewayProcess,
    folder: TempDir,
}

impl Api {
    pub(crate) fn start() -> Self {
        Self {
            gateway: GatewayProcess::start(&["--log-format", "off"]),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts a gateway without plans and keys.
    pub(crate) fn start_empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seeds = folder.path().join("seeds.json");
        write(&seeds, r#"{"plans": {}, "keys": []}"#).unwrap();
        let gateway = GatewayProcess::start_without_examples(&[
            "--log-format",
            "off",
            "--seeds",
            seeds.to_str().unwrap(),
        ]);
        Self { gateway, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn tollgate(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let url = format!("http://{}", self.gateway.address);
        let mut command = tollgate(arguments);
        command.args(["--url", &url]);
        command
    }

    /// Applies a file without asking, with a file for secrets.
    pub(crate) fn apply(&self, content: &str, more: &[&str]) -> Output {
        let file = self.file("tollgate.yaml", content);
        let secrets = self.path("secrets.csv");
        let mut all = vec![
            "apply",
            &file,
            "--yes",
            "--secrets-out",
            secrets.to_str().unwrap(),
        ];
        all.extend(more);
        self.tollgate(&all)
    }

    fn diff(&self, content: &str, more: &[&str]) -> Output {
        let file = self.file("tollgate.yaml", content);
        let mut all = vec!["diff", &file];
        all.extend(more);
        self.tollgate(&all)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.address
    }

    /// Sends a request to the admin API, and returns its status and body.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        send(self.address(), method, path, body)
    }

    fn key(&self, key_id: &str) -> Value {
        self.send("GET", &format!("/keys/{key_id}"), "").1
    }
}

/// Sends a request to an admin API, and returns its status and body.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{method} /_tollgate/v1{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[track_caller]
pub(crate) fn assert_code(output: &Output, code: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
}

fn is_private(path: &Path) -> bool {
    metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[test]
fn file_is_compared_applied_and_then_has_no_differences() {
    let api = Api::start();

    let diff = api.diff(FILE, &[]);
    assert_code(&diff, 3);
    let shown = text(&diff.stdout);
    for line in [
        "Plans\n+ plan gold\n    throttle.rate: 10\n",
        "    quotas[0]: {limit: 1000, period: month, time_zone: Europe/Berlin}\n",
        "Policies\n+ policy partners: rules[0]: ",
        "Keys\n+ key acme\n    name: \"Acme Inc.\"\n    plan: gold\n",
        "+ key beta\n    plan: free\n    enabled: false\n",
        "4 to create, 0 to change, 0 to delete, 0 unchanged",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(!shown.contains('\u{1b}'), "colours without a terminal");

    let applied = api.apply(FILE, &[]);
    assert_code(&applied, 0);
    assert!(text(&applied.stdout).contains("4 created, 0 changed, 0 deleted, 0 failed"));
    assert_eq!(api.key("acme")["metadata"]["stripe"], "cus_1");
    assert_eq!(api.key("beta")["enabled"], false);

    assert_code(&api.diff(FILE, &[]), 0);
    let repeated = api.apply(FILE, &[]);
    assert_code(&repeated, 0);
    assert_eq!(text(&repeated.stdout), "No differences, 4 unchanged\n");
}

#[test]
fn secrets_are_stored_privately_and_work() {
    let api = Api::start();
    let applied = api.apply(FILE, &[]);
    assert_code(&applied, 0);

    let path = api.path("secrets.csv");
    assert!(is_private(&path));
    let secrets = read_to_string(&path).unwrap();
    let secret = secrets
        .lines()
        .find_map(|line| line.strip_prefix("acme,"))
        .unwrap();
    assert!(secret.starts_with("acme_live_"));
    assert!(!text(&applied.stdout).contains(secret) && !text(&applied.stderr).contains(secret));

    let body = format!(r#"{{"key": "{secret}"}}"#);
    let (status, decision) = api.send("POST", "/decisions", &body);
    assert_eq!(
        (status, &decision["decision"]),
        (200, &Value::from("allowed"))
    );
}

#[test]
fn changes_are_shown_field_by_field_and_written() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);

    let changed = FILE
        .replace("burst: 20", "burst: 30")
        .replace("plan: gold, group: acme", "plan: pro")
        .replace("auth: api_key", "auth: any");
    let shown = text(&api.diff(&changed, &[]).stdout);
    for line in [
        "~ plan gold: throttle.burst: 20 → 30\n",
        "~ policy partners: rules[0].auth: api_key → any\n",
        "~ key acme\n    plan: gold → pro\n    group: acme → (none)\n",
        "0 to create, 3 to change, 0 to delete, 1 unchanged",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }

    assert_code(&api.apply(&changed, &[]), 0);
    assert_code(&api.diff(&changed, &[]), 0);
    let key = api.key("acme");
    assert_eq!(
        (&key["plan"], &key["group"]),
        (&Value::from("pro"), &Value::Null)
    );
}

#[test]
fn composition_is_created_changed_and_deleted() {
    let api = Api::start();
    let file = |path: &str| {
        format!(
            "name: bff\ncompositions: {{mobile: {{routes: {{GET /bff/me: {{partial_status: 200, \
             parts: {{user: {{get: {path}}}}}}}}}}}}}\n"
        )
    };
    let created = api.apply(&file("/a"), &[]);
    assert_code(&created, 0);
    let expected = "Compositions\n+ composition mobile\n    routes[\"GET /bff/me\"].";
    let printed = text(&created.stdout);
    assert!(printed.contains(expected), "{printed}");
    assert_code(&api.diff(&file("/a"), &[]), 0);

    let changed = api.apply(&file("/b"), &[]);
    assert_code(&changed, 0);
    let printed = text(&changed.stdout);
    assert!(printed.contains("\"/a\" → \"/b\"\n"), "{printed}");

    let invalid = api.apply(&file("/../b"), &[]);
    assert_code(&invalid, 2);
    let error = text(&invalid.stderr);
    let place = "compositions.mobile.routes[\"GET /bff/me\"].parts.user.get: ";
    assert!(error.contains(place), "{error}");

    let pruned = api.apply("name: bff\nplans: {}\n", &["--prune"]);
    assert_code(&pruned, 0);
    let printed = text(&pruned.stdout);
    assert!(printed.contains("- composition mobile\n"), "{printed}");
    assert_eq!(api.send("GET", "/compositions/mobile", "").0, 404);
}

#[test]
fn differences_are_also_json() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    let diff = api.diff(&FILE.replace("burst: 20", "burst: 30"), &["--json"]);
    assert_code(&diff, 3);

    let document: Value = serde_json::from_slice(&diff.stdout).unwrap();
    let expected = serde_json::json!([{"action": "update", "kind": "plan", "name": "gold",
        "fields": [{"pointer": "/throttle/burst", "before": 20, "after": 30}]}]);
    assert_eq!(document["changes"], expected);
    assert_eq!(
        (&document["name"], &document["unchanged"]),
        (&"shop".into(), &3.into())
    );
}

#[test]
fn pruning_deletes_only_what_this_file_created() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    let other = "name: other\nplans: {theirs: {}}\nkeys: [{key_id: theirs, plan: theirs}]";
    assert_code(&api.apply(other, &[]), 0);
    let by_hand = r#"{"throttle": {"rate": 1, "burst": 1}}"#;
    assert_eq!(api.send("PUT", "/plans/by-hand", by_hand).0, 201);

    let rest = "name: shop\nkeys: [{key_id: beta, plan: free, enabled: false, allowed_ips: [192.0.2.1], \
                expires_at: '2030-01-01T00:00:00Z'}]";
    let diff = api.diff(rest, &[]);
    assert_code(&diff, 0);
    assert!(
        text(&diff.stdout).contains("3 that only --prune deletes"),
        "{diff:?}"
    );

    let applied = api.apply(rest, &["--prune"]);
    assert_code(&applied, 0);
    let shown = text(&applied.stdout);
    assert!(
        shown.contains("- plan gold\n") && shown.contains("- key acme\n"),
        "{shown}"
    );
    assert!(shown.contains("0 created, 0 changed, 3 deleted"), "{shown}");

    assert_eq!(api.send("GET", "/keys/acme", "").0, 404);
    assert_eq!(api.send("GET", "/policies/partners", "").0, 404);
    for kept in [
        "/plans/theirs",
        "/plans/by-hand",
        "/plans/free",
        "/keys/theirs",
        "/keys/beta",
    ] {
        assert_eq!(api.send("GET", kept, "").0, 200, "{kept}");
    }
}

#[test]
fn disabled_key_stays_disabled() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    assert_eq!(
        api.send("PATCH", "/keys/acme", r#"{"enabled": false}"#).0,
        200
    );

    for content in [
        FILE.to_owned(),
        FILE.replace("key_id: acme", "key_id: acme, enabled: true"),
    ] {
        let applied = api.apply(&content, &[]);
        assert_code(&applied, 0);
        assert!(
            text(&applied.stderr).contains("`tollgate keys enable acme`"),
            "{applied:?}"
        );
    }
    let renamed = api.apply(&FILE.replace("Acme Inc.", "Acme"), &[]);
    assert_code(&renamed, 0);
    let key = api.key("acme");
    assert_eq!(
        (&key["enabled"], &key["name"]),
        (&Value::from(false), &"Acme".into())
    );
}

#[test]
fn new_keys_need_a_file_for_their_secrets() {
    let api = Api::start();
    let file = api.file("tollgate.yaml", FILE);
    let applied = api.tollgate(&["apply", &file, "--yes"]);
    assert_code(&applied, 2);
    assert!(
        text(&applied.stderr).contains("--secrets-out FILE"),
        "{applied:?}"
    );
    assert_eq!(api.send("GET", "/plans/gold", "").0, 404);
}

#[test]
fn nothing_is_changed_without_a_confirmation() {
    let api = Api::start();
    let file = api.file("tollgate.yaml", FILE);
    let secrets = api.path("secrets.csv");
    let applied = api.tollgate(&["apply", &file, "--secrets-out", secrets.to_str().unwrap()]);
    assert_code(&applied, 2);
    assert!(text(&applied.stderr).contains("--yes"), "{applied:?}");
    assert!(!secrets.exists());
    assert_eq!(api.send("GET", "/plans/gold", "").0, 404);
}

#[test]
fn interrupted_run_is_finished_with_the_same_secrets() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    let secrets = read_to_string(api.path("secrets.csv")).unwrap();

    // An API that has got only a part of the changes: a plan, and none of the keys.
    let other = Api::start();
    let part = FILE.split("policies:").next().unwrap();
    assert_code(&other.apply(part, &[]), 0);
    write(other.path("secrets.csv"), &secrets).unwrap();
    std::fs::set_permissions(
        other.path("secrets.csv"),
        std::fs::Permissions::from_mode(0o600),
    )
    .unwrap();

    let finished = other.apply(FILE, &[]);
    assert_code(&finished, 0);
    assert!(text(&finished.stdout).contains("3 created"), "{finished:?}");
    assert_eq!(read_to_string(other.path("secrets.csv")).unwrap(), secrets);
}

#[test]
fn another_secret_is_refused_before_any_change() {
    let api = Api::start();
    let file = |hash: &str| {
        format!("plans: {{free: {{}}}}\nkeys: [{{key_id: moved, plan: free, hash: {hash}}}]")
    };
    let (hash, other) = ("ab".repeat(32), "cd".repeat(32));
    assert_code(
        &api.apply(&file(&hash).replace("plans: {free: {}}", ""), &[]),
        0,
    );
    assert_code(
        &api.diff(&file(&hash).replace("plans: {free: {}}", ""), &[]),
        0,
    );

    let refused = api.apply(&file(&other), &[]);
    assert_code(&refused, 1);
    let shown = text(&refused.stdout);
    assert!(
        shown.contains("! key moved: secret: would change"),
        "{shown}"
    );
    assert!(shown.contains("`tollgate keys rotate moved`"), "{shown}");
    assert!(!shown.contains(&hash) && !shown.contains(&other), "{shown}");
    assert!(api.send("GET", "/plans/free", "").1["throttle"].is_object());
}

#[test]
fn refused_change_does_not_stop_the_others() {
    let api = Api::start();
    assert_code(&api.apply(FILE, &[]), 0);
    // A policy that names the plan, which therefore cannot be deleted.
    let policy =
        r#"{"rules": [{"match": "GET /a", "auth": "none", "plan": "gold", "limit_by": "ip"}]}"#;
    assert_eq!(api.send("PUT", "/policies/by-hand", policy).0, 201);

    let applied = api.apply("name: shop\nplans: {silver: {}}", &["--prune"]);
    assert_code(&applied, 1);
    assert!(
        text(&applied.stderr).contains("tollgate: plan gold: "),
        "{applied:?}"
    );
    assert!(text(&applied.stderr).contains("by-hand"), "{applied:?}");
    assert!(
        text(&applied.stdout).contains("1 created, 0 changed, 3 deleted, 1 failed"),
        "{applied:?}"
    );
    assert_eq!(api.send("GET", "/keys/acme", "").0, 404);
}

#[test]
fn mistakes_are_listed_with_their_positions_and_nothing_is_sent() {
    let api = Api::start();
    let content =
        "plans:\n  free: {throttle: {rate: fast, burst: 5}}\nkeys: [{key_id: A, plan: free}]";
    for command in ["diff", "apply"] {
        let file = api.file("tollgate.yaml", content);
        let output = api.tollgate(&[command, &file]);
        assert_code(&output, 2);
        let error = text(&output.stderr);
        assert!(
            error.contains("tollgate.yaml:2:27: plans.free.throttle.rate: "),
            "{error}"
        );
        assert!(output.stdout.is_empty());
    }

    let unknown = api.diff("keys: [{key_id: acme, plan: gold}]", &[]);
    assert_code(&unknown, 2);
    assert!(text(&unknown.stderr).contains("key acme: plan: unknown plan `gold`"));
    let missing = api.tollgate(&["diff", "no-such-file.yaml"]);
    assert_code(&missing, 2);
    assert!(
        text(&missing.stderr).contains("no-such-file.yaml: "),
        "{missing:?}"
    );
}

#[test]
fn another_server_is_not_taken_for_the_api() {
    let list = |entry: &str| format!(r#"{{"items": [{entry}], "next_cursor": null}}"#);
    let no_etag = list(r#"{"name": "free", "plan": {}}"#);
    for (lists, expected) in [
        (list(""), "is it Tollgate?"),
        (no_etag, "an object without `etag`"),
    ] {
        let server = fake_server(lists);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tollgate.yaml");
        write(&file, "plans: {free: {}}").unwrap();
        let url = format!("http://{server}");
        let output = run(&["apply", file.to_str().unwrap(), "--yes", "--url", &url]);
        assert_code(&output, 2);
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
}

/// Starts a server that responds with 200 and this body to every request.
fn fake_server(body: String) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).unwrap();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn unreachable_api_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tollgate.yaml");
    write(&file, FILE).unwrap();
    let output = run(&[
        "diff",
        file.to_str().unwrap(),
        "--url",
        "http://127.0.0.1:9",
    ]);
    assert_code(&output, 2);
    assert!(text(&output.stderr).contains("127.0.0.1:9"), "{output:?}");
}

#[test]
fn closed_standard_output_hides_neither_differences_nor_changes() {
    let api = Api::start();
    let file = api.file("tollgate.yaml", FILE);
    let secrets = api.path("secrets.csv");
    let secrets = secrets.to_str().unwrap();
    let code = |arguments: &[&str]| {
        let mut child = api
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code()
    };

    assert_eq!(code(&["diff", &file]), Some(3));
    assert_eq!(code(&["diff", &file, "--json"]), Some(3));
    assert_eq!(code(&["apply", &file, "--secrets-out", secrets]), Some(2));
    assert_eq!(api.send("GET", "/plans/gold", "").0, 404);

    let apply = ["apply", &file, "--yes", "--secrets-out", secrets];
    assert_eq!(code(&apply), Some(0));
    assert_code(&api.diff(FILE, &[]), 0);
}

#[test]
fn example_is_applied_and_then_has_no_differences() {
    let api = Api::start();
    let content = read_to_string(project().join("examples/configuration/tollgate.yaml")).unwrap();
    let applied = api.apply(&content, &[]);
    assert_code(&applied, 0);
    assert_eq!(text(&applied.stderr), "", "the example has no warnings");
    assert!(text(&applied.stdout).contains("6 created, 0 changed, 0 deleted, 0 failed"));
    assert_code(&api.diff(&content, &["--prune"]), 0);
}

#[test]
fn pruning_without_a_name_is_a_warning() {
    let api = Api::start();
    let first = "plans: {teama: {}}";
    assert_code(&api.apply(first, &[]), 0);
    let warning = "--prune also deletes what other files without a name have created";
    let second = api.diff("plans: {teamb: {}}", &["--prune"]);
    assert_code(&second, 3);
    assert!(text(&second.stderr).contains(warning), "{second:?}");
    assert!(text(&second.stdout).contains("- plan teama"), "{second:?}");

    let named = api.apply("name: team-c\nplans: {teamc: {}}", &["--prune"]);
    assert_code(&named, 0);
    assert_eq!(text(&named.stderr), "");
    assert_eq!(api.send("GET", "/plans/teama", "").0, 200);
    let unnamed = api.apply("plans: {teamb: {}}", &["--prune"]);
    assert_code(&unnamed, 0);
    assert!(text(&unnamed.stderr).contains(warning), "{unnamed:?}");
    assert_eq!(api.send("GET", "/plans/teama", "").0, 404);
}

#[test]
fn disabled_plan_stays_disabled() {
    let api = Api::start();
    let file = "plans: {dp: {throttle: {rate: 1, burst: 5}}}";
    assert_code(&api.apply(file, &[]), 0);
    let disabled = r#"{"enabled": false, "throttle": {"rate": 1, "burst": 5}}"#;
    assert_eq!(api.send("PUT", "/plans/dp", disabled).0, 200);

    let unchanged = api.diff(file, &[]);
    assert_code(&unchanged, 0);
    assert!(text(&unchanged.stderr).contains("plan dp is disabled and stays disabled"));
    assert_code(&api.apply(&file.replace("burst: 5", "burst: 9"), &[]), 0);
    let (_, plan) = api.send("GET", "/plans/dp", "");
    assert_eq!(
        (&plan["enabled"], &plan["throttle"]["burst"]),
        (&false.into(), &9.into())
    );

    assert_code(
        &api.apply(&file.replace("{throttle", "{enabled: true, throttle"), &[]),
        0,
    );
    let (_, plan) = api.send("GET", "/plans/dp", "");
    assert!(plan["enabled"].is_null(), "enabled by default: {plan}");
}

#[test]
fn secrets_that_another_api_has_are_reported() {
    let (api, other) = (Api::start(), Api::start());
    assert_code(&api.apply(FILE, &[]), 0);
    let file = api.file("tollgate.yaml", FILE);
    let secrets = api.path("secrets.csv");
    let secrets = secrets.to_str().unwrap();
    let applied = other.tollgate(&["apply", &file, "--yes", "--secrets-out", secrets]);
    assert_code(&applied, 0);
    assert!(
        text(&applied.stderr).contains("2 secrets were in "),
        "{applied:?}"
    );
    assert!(text(&applied.stderr).contains("Use another file for another API"));
}
