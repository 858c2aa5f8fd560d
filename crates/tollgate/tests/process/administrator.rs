//! A local gateway and the commands of its administrator.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::operator::at_prompt;
use crate::program::{GatewayProcess, get_with, text, tollgate};

/// A local gateway, and a folder for files.
pub(crate) struct Administrator {
    pub(crate) gateway: GatewayProcess,
    folder: tempfile::TempDir,
}

impl Administrator {
    pub(crate) fn new() -> Self {
        Self {
            gateway: GatewayProcess::start(&["--log-format", "off"]),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.folder().join(name), content).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap()
    }

    /// Creates this number of keys of the plan `free`, with ids such as `key-007`.
    pub(crate) fn create_keys(&self, count: usize) {
        let rows: String = (0..count).map(|n| format!("key-{n:03}\n")).collect();
        self.file("names.csv", &format!("key_id\n{rows}"));
        let from = ["keys", "create", "--from", "names.csv"];
        let options = ["--plan", "free", "--secrets-out", "s.csv"];
        self.run(&[from, options].concat());
    }

    /// Returns a command of the administrator, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tollgate(arguments);
        command
            .current_dir(self.folder())
            .env("TOLLGATE_URL", format!("http://{}", self.gateway.address));
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that succeeds, and returns its standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        text(&output.stdout)
    }

    /// Runs a command that succeeds, and returns its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        serde_json::from_str(&self.run(&arguments)).unwrap()
    }

    /// Runs a command that fails, and returns its exit code and standard error.
    pub(crate) fn fail(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.output(arguments);
        let (code, stderr) = (output.status.code().unwrap(), text(&output.stderr));
        assert_ne!(code, 0, "{arguments:?}: {output:?}");
        (code, stderr)
    }

    /// Runs a command with an input.
    pub(crate) fn input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs a command at a terminal, and returns its exit code and everything on the screen. The
    /// administrator types the answer when the prompt is shown.
    pub(crate) fn terminal(
        &self,
        arguments: &[&str],
        prompt_and_answer: Option<(&str, &str)>,
    ) -> (i32, String) {
        at_prompt(self.command(arguments), prompt_and_answer)
    }

    /// Returns the status of a call with a secret.
    pub(crate) fn call(&self, secret: &str) -> u16 {
        let header = format!("x-api-key: {secret}");
        let response = get_with(self.gateway.address, "/orders", &header);
        response.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// Returns the last secret of a key in a secrets file.
pub(crate) fn secret_in(file: &str, key_id: &str) -> String {
    let lines = file.lines().filter_map(|line| line.split_once(','));
    let mut secrets = lines.filter(|(id, _)| *id == key_id);
    secrets.next_back().unwrap().1.to_owned()
}
