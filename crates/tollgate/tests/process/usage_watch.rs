//! `tollgate usage … --watch`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::administrator::Administrator;
use crate::program::{GatewayProcess, tollgate};

/// The time for a line. It only ends a test that would fail.
const LINE_TIMEOUT: Duration = Duration::from_secs(60);

/// A command that watches. It is killed on drop.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(administrator: &Administrator, arguments: &[&str]) -> Self {
        let mut child = administrator
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let other = sender.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send(line)));
        });
        std::thread::spawn(move || {
            let lines = BufReader::new(errors).lines().map_while(Result::ok);
            lines.for_each(|line| drop(other.send(line)));
        });
        Self { child, lines }
    }

    /// Waits for a line with this part.
    fn wait_for(&self, part: &str) {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(LINE_TIMEOUT) {
            if line.contains(part) {
                return;
            }
            seen.push(line);
        }
        assert_eq!(seen.join("\n"), part, "the line is missing");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn watch_repeats_the_report_and_ends_with_ctrl_c() {
    let administrator = Administrator::new();
    let mut watch = Watch::start(
        &administrator,
        &["usage", "get", "local-pro", "--watch", "1"],
    );
    watch.wait_for("1000000");
    assert_eq!(administrator.call("local-pro-key-0000000000001"), 200);
    watch.wait_for("999999");

    let interrupt = ["-INT", &watch.child.id().to_string()];
    assert!(
        std::process::Command::new("kill")
            .args(interrupt)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}

#[test]
fn watch_survives_a_gateway_that_is_away() {
    let mut administrator = Administrator::new();
    let address = administrator.gateway.address.to_string();
    let watch = Watch::start(&administrator, &["usage", "top", "--watch", "1"]);
    watch.wait_for("local-pro");

    let _ = administrator.gateway.child.kill();
    let _ = administrator.gateway.child.wait();
    watch.wait_for("next attempt in 2 s");
    let mut command = tollgate(&["serve", "--log-format", "off"]);
    administrator.gateway = GatewayProcess::spawn_at(&mut command, &address);
    watch.wait_for("local-pro");
}

#[test]
fn first_failure_ends_the_command() {
    let administrator = Administrator::new();
    let (code, _) = administrator.fail(&["usage", "get", "no-such-key", "--watch"]);
    assert_eq!(code, 1);
    let (code, stderr) = administrator.fail(&["usage", "top", "--watch", "0"]);
    assert_eq!(code, 2, "{stderr}");
    let (code, stderr) = administrator.fail(&["usage", "top", "--watch", "--json"]);
    assert_eq!(code, 2, "{stderr}");
}
