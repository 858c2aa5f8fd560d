//! The steps of the example workflow that compares and applies a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use declaration::Located;
use serde_json::Value;

use crate::program::{GatewayProcess, project, text};

const FILE: &str = "\
name: team
plans:
  team: {throttle: {rate: 10, burst: 20}}
keys:
  - {key_id: acme, plan: team}
";

/// Stands in for the AWS CLI: keeps the secrets that it is given, and prints its arguments.
const AWS: &str = "\
#!/bin/sh
for argument; do
  case \"$argument\" in file://*) cp \"${argument#file://}\" stored.txt ;; esac
done
echo \"$@\"
";

/// A checkout of the repository that the workflow runs in.
struct Checkout {
    folder: tempfile::TempDir,
    workflow: Value,
    url: String,
}

impl Checkout {
    fn new(gateway: &GatewayProcess) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        symlink(env!("CARGO_BIN_EXE_tollgate"), programs.join("tollgate")).unwrap();
        let aws = programs.join("aws");
        fs::write(&aws, AWS).unwrap();
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("tollgate.yaml"), FILE).unwrap();

        let path = project().join("examples/github/configuration.yml");
        let workflow = fs::read_to_string(path).unwrap();
        Self {
            folder,
            workflow: Located::parse("configuration.yml", &workflow)
                .unwrap()
                .value,
            url: format!("http://{}", gateway.address),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a step as GitHub does: its shell ends at the first error, and at one inside a pipe.
    fn step(&self, name: &str) -> Output {
        let steps = self.workflow["jobs"]["configuration"]["steps"].as_array();
        let step = steps.unwrap().iter().find(|step| step["name"] == name);
        let script = step.unwrap()["run"].as_str().unwrap();
        let programs = self.path().join("programs");
        let search_path = std::env::var("PATH").unwrap();

        Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.path())
            .env("PATH", format!("{}:{search_path}", programs.display()))
            .env("TOLLGATE_URL", &self.url)
            .env("RUNNER_TEMP", self.path())
            .env("GITHUB_STEP_SUMMARY", self.path().join("summary.md"))
            .env("GITHUB_RUN_ID", "1")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .output()
            .unwrap()
    }

    fn passes(&self, name: &str) -> String {
        let output = self.step(name);
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{name}: {printed}");
        printed
    }
}

#[test]
fn changes_are_shown_applied_and_then_gone() {
    let gateway = GatewayProcess::start(&["--log-format", "off"]);
    let checkout = Checkout::new(&gateway);

    let shown = checkout.passes("Diff");
    for expected in ["```diff", "plan team", "key acme"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let summary = fs::read_to_string(checkout.path().join("summary.md")).unwrap();
    assert_eq!(summary.trim_end(), shown.trim_end());

    let applied = checkout.passes("Apply");
    let stored = checkout.passes("Store the secrets of new keys");
    let secrets = fs::read_to_string(checkout.path().join("stored.txt")).unwrap();
    assert!(secrets.contains("acme"), "{secrets}");
    let secret = secrets
        .split([',', '\n'])
        .find(|cell| cell.starts_with("tg_"));
    for log in [&shown, &applied, &stored] {
        assert!(!log.contains(secret.unwrap()), "{log}");
    }
    assert!(!checkout.path().join("secrets.csv").exists());

    let shown = checkout.passes("Diff");
    assert!(!shown.contains("acme"), "{shown}");
    checkout.passes("Apply");
    assert_eq!(checkout.passes("Store the secrets of new keys"), "");
}

#[test]
fn invalid_file_and_missing_api_fail_the_step() {
    let gateway = GatewayProcess::start(&["--log-format", "off"]);
    let mut checkout = Checkout::new(&gateway);
    fs::write(checkout.path().join("tollgate.yaml"), "plans: [a]\n").unwrap();
    let invalid = checkout.step("Diff");
    assert_eq!(invalid.status.code(), Some(2));
    assert!(text(&invalid.stderr).contains("tollgate.yaml:1:8: plans: "));

    fs::write(checkout.path().join("tollgate.yaml"), FILE).unwrap();
    checkout.url = "http://127.0.0.1:1".to_owned();
    assert_eq!(checkout.step("Diff").status.code(), Some(2));
    assert!(!checkout.step("Apply").status.success());
}
