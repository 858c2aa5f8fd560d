//! `apply` while other requests change the API, responses are lost, or the user stops it.

use std::fs::{read_to_string, write};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use testing::{Fault, FaultProxy};
use tokio::runtime::Runtime;

use crate::apply::{Api, assert_code, send};
use crate::program::{text, tollgate};

/// The lists of plans, policies and keys.
const COMPARISON_REQUESTS: usize = 3;
/// The same, and the list of compositions.
const PRUNING_REQUESTS: usize = COMPARISON_REQUESTS + 1;
const PLAN_AND_KEY: &str = "\
plans: {gold: {throttle: {rate: 10, burst: 20}}}
keys: [{key_id: acme, plan: free}]";

/// An API behind a proxy that injects faults.
struct ProxiedApi {
    api: Api,
    proxy: FaultProxy,
    _runtime: Runtime,
}

impl ProxiedApi {
    /// Injects a fault into each change, by its number from 0.
    fn start(fault: impl FnMut(usize, SocketAddr) -> Fault + Send + 'static) -> Self {
        Self::start_after(COMPARISON_REQUESTS, fault)
    }

    /// Injects a fault into each change. The comparison before takes this number of requests.
    fn start_after(
        comparison: usize,
        mut fault: impl FnMut(usize, SocketAddr) -> Fault + Send + 'static,
    ) -> Self {
        let api = Api::start();
        let address = api.address();
        let runtime = Runtime::new().unwrap();
        let proxy = runtime.block_on(FaultProxy::in_front_of(address));
        proxy.fault_by(move |number, _| match number.checked_sub(comparison) {
            Some(change) => fault(change, address),
            None => Fault::None,
        });
        Self {
            api,
            proxy,
            _runtime: runtime,
        }
    }

    /// Returns an `apply` through the proxy.
    fn command(&self, content: &str) -> Command {
        let file = self.api.file("tollgate.yaml", content);
        let secrets = self.api.path("secrets.csv");
        let secrets = secrets.to_str().unwrap();
        tollgate(&[
            "apply",
            &file,
            "--yes",
            "--secrets-out",
            secrets,
            "--url",
            &self.proxy.url,
        ])
    }

    fn apply(&self, content: &str) -> Output {
        self.command(content).output().unwrap()
    }

    /// Checks that another run completes the file, with the secrets of the first run.
    fn assert_next_run_completes(&self, content: &str) {
        let secrets = read_to_string(self.api.path("secrets.csv")).unwrap();
        assert_code(&self.api.apply(content, &[]), 0);
        assert_eq!(
            read_to_string(self.api.path("secrets.csv")).unwrap(),
            secrets
        );
        let file = self.api.file("tollgate.yaml", content);
        assert_code(&self.api.tollgate(&["diff", &file]), 0);

        for line in secrets.lines().skip(1) {
            let (_, secret) = line.split_once(',').unwrap();
            let body = format!(r#"{{"key": "{secret}", "mode": "peek"}}"#);
            let (_, decision) = self.api.send("POST", "/decisions", &body);
            assert_eq!(decision["decision"], "allowed", "{line}");
        }
    }
}

#[test]
fn change_since_the_comparison_is_not_overwritten() {
    let api = ProxiedApi::start(|change, api| {
        if change == 0 {
            let plan = r#"{"throttle": {"rate": 1, "burst": 1}}"#;
            assert_eq!(send(api, "PUT", "/plans/gold", plan).0, 201);
        }
        Fault::None
    });

    let output = api.apply(PLAN_AND_KEY);
    assert_code(&output, 1);
    let error = text(&output.stderr);
    assert!(
        error.contains("plan gold: it was created since the comparison"),
        "{error}"
    );
    assert!(error.contains("Run the command again"), "{error}");
    assert!(text(&output.stdout).contains("1 created, 0 changed, 0 deleted, 1 failed"));
    let (_, plan) = api.api.send("GET", "/plans/gold", "");
    assert_eq!(plan["throttle"]["rate"], 1);
    assert_eq!(api.api.send("GET", "/keys/acme", "").0, 200);

    api.assert_next_run_completes(PLAN_AND_KEY);
}

#[test]
fn secret_of_a_key_that_another_request_created_is_removed() {
    let api = ProxiedApi::start(|change, api| {
        if change == 0 {
            assert_eq!(send(api, "PUT", "/keys/acme", r#"{"plan": "free"}"#).0, 201);
        }
        Fault::None
    });
    let content = "keys: [{key_id: acme, plan: free}, {key_id: beta, plan: free}]";
    let output = api.apply(content);
    assert_code(&output, 1);
    let error = text(&output.stderr);
    assert!(error.contains("is not its secret"), "{error}");
    let secrets = read_to_string(api.api.path("secrets.csv")).unwrap();
    assert_eq!(secrets.lines().count(), 2, "beta's secret stays: {secrets}");
    assert!(secrets.contains("\nbeta,"), "{secrets}");
    api.assert_next_run_completes(content);
    assert!(
        text(&output.stdout).contains("secrets.csv: 1\n"),
        "{output:?}"
    );
}

#[test]
fn changed_object_is_neither_overwritten_nor_deleted() {
    let api = ProxiedApi::start_after(PRUNING_REQUESTS, |change, api| {
        if change == 0 {
            let name = r#"{"name": "changed by hand"}"#;
            for key in ["/keys/acme", "/keys/old"] {
                assert_eq!(send(api, "PATCH", key, name).0, 200);
            }
        }
        Fault::None
    });
    let before = "name: shop\nkeys: [{key_id: acme, plan: free}, {key_id: old, plan: free}]";
    assert_code(&api.api.apply(before, &[]), 0);

    let output = api
        .command("name: shop\nkeys: [{key_id: acme, plan: pro}]")
        .arg("--prune")
        .output()
        .unwrap();
    assert_code(&output, 1);
    for key in ["acme", "old"] {
        let expected = format!("key {key}: it was changed since the comparison");
        assert!(text(&output.stderr).contains(&expected), "{output:?}");
        let (_, key) = api.api.send("GET", &format!("/keys/{key}"), "");
        assert_eq!(key["name"], "changed by hand");
        assert_eq!(key["plan"], "free");
    }
}

#[test]
fn lost_responses_are_completed_by_the_next_run() {
    for lost in [0, 1] {
        let api = ProxiedApi::start(move |change, _| {
            if change == lost {
                Fault::LoseResponse
            } else {
                Fault::None
            }
        });
        let output = api.apply(PLAN_AND_KEY);
        assert_code(&output, 2);
        assert!(
            text(&output.stderr).contains("Run the command again"),
            "{output:?}"
        );
        api.assert_next_run_completes(PLAN_AND_KEY);
    }
}

#[test]
fn keys_of_a_plan_that_could_not_be_created_are_skipped() {
    let api = ProxiedApi::start(|change, _| match change {
        0 => Fault::ServerError,
        _ => Fault::None,
    });
    let content =
        "plans: {gold: {}}\nkeys: [{key_id: acme, plan: gold}, {key_id: beta, plan: free}]";
    let output = api.apply(content);
    assert_code(&output, 2);
    let error = text(&output.stderr);
    assert!(
        error.contains("key acme: skipped, because the creation of plan gold failed"),
        "{error}"
    );
    assert_eq!(api.api.send("GET", "/keys/beta", "").0, 200);
    api.assert_next_run_completes(content);
}

#[test]
fn unavailable_api_ends_the_run_early() {
    let api = ProxiedApi::start(|_, _| Fault::ServerError);
    let keys: Vec<_> = (0..40)
        .map(|n| format!("{{key_id: key-{n}, plan: free}}"))
        .collect();
    let content = format!("keys: [{}]", keys.join(", "));

    let output = api.apply(&content);
    assert_code(&output, 2);
    assert!(
        text(&output.stderr).contains(" changes were not tried"),
        "{output:?}"
    );
    api.assert_next_run_completes(&content);
}

#[test]
fn interruption_waits_for_sent_requests_and_the_next_run_completes() {
    let (arrived, arrival) = channel();
    let (release, released): (_, Receiver<()>) = channel();
    let api = ProxiedApi::start(move |change, _| {
        if change == 0 {
            arrived.send(()).unwrap();
            let _ = released.recv();
        }
        Fault::None
    });
    let keys: Vec<_> = (0..40)
        .map(|n| format!("{{key_id: key-{n}, plan: free}}"))
        .collect();
    let content = format!("keys: [{}]", keys.join(", "));

    let mut child = api
        .command(&content)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    arrival.recv().unwrap();
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());

    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let note = lines.by_ref().map_while(Result::ok);
    let note: Vec<_> = note
        .take_while(|line| !line.contains("waiting for"))
        .collect();
    assert!(note.iter().all(String::is_empty), "{note:?}");
    release.send(()).unwrap();

    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(
        rest.iter()
            .any(|line| line.contains(" changes were not tried")),
        "{rest:?}"
    );
    api.assert_next_run_completes(&content);
}

#[test]
fn half_written_secrets_file_is_completed() {
    let api = ProxiedApi::start(|_, _| Fault::None);
    let path = api.api.path("secrets.csv");
    assert_code(&api.api.apply("keys: [{key_id: acme, plan: free}]", &[]), 0);
    let complete = read_to_string(&path).unwrap();
    // A line that was interrupted: its secret was never sent.
    write(&path, format!("{complete}beta,tg_12")).unwrap();

    let content = "keys: [{key_id: acme, plan: free}, {key_id: beta, plan: free}]";
    assert_code(&api.apply(content), 0);
    assert!(read_to_string(&path).unwrap().starts_with(&complete));
    api.assert_next_run_completes(content);
}
