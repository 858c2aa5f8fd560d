//! The functions as Lambda runs them: their own binaries behind the runtime's HTTP interface, which
//! `cargo lambda` serves.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use calls::RecordLog;
use serde_json::Value;
use tests::project;
use tollgate::function::Function;

/// `cargo lambda watch`, until it is dropped.
struct Watch {
    child: Child,
    port: u16,
}

fn cargo_lambda() -> PathBuf {
    let path = project().join(".venv/bin/cargo-lambda");
    assert!(path.exists(), "{} is not there: run `make tools`", path.display());
    path
}

impl Watch {
    fn start(package: &str) -> Self {
        use std::os::unix::process::CommandExt as _;
        cargo_lambda();
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let log =
            std::fs::File::create(std::env::temp_dir().join(format!("cargo-lambda-{port}.log"))).expect("a log file");
        let child = Command::new("python3")
            .arg(project().join("tests/watch.py"))
            .args([package, "--invoke-port", &port.to_string()])
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("cargo lambda watch");
        Self { child, port }
    }

    /// Waits for the function to be built where it has to be.
    fn invoke(&self, package: &str, event: &str) -> Output {
        for _ in 0..200 {
            let output = Command::new(cargo_lambda())
                .args([
                    "lambda",
                    "invoke",
                    "--invoke-address",
                    "127.0.0.1",
                    "--invoke-port",
                    &self.port.to_string(),
                    package,
                    "--data-file",
                    event,
                ])
                .current_dir(project())
                .output()
                .expect("cargo lambda invoke");
            // The server is there as soon as it listens; it builds while the first call waits.
            if !String::from_utf8_lossy(&output.stderr).contains("error sending request") {
                return output;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("cargo lambda watch does not listen")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Its children too: cargo, and the function.
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

/// What does not change from call to call.
fn stable(answer: &[u8]) -> Value {
    let mut answer: Value =
        serde_json::from_slice(answer).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(answer)));
    for volatile in ["authorizer_ms", "ratelimit", "reset"] {
        answer["context"][volatile].take();
    }
    answer
}

#[tokio::test]
async fn every_event_is_answered_by_the_deployed_binary_as_it_is_in_process() {
    let settings: Value =
        serde_json::from_str(&std::fs::read_to_string(project().join("events/env.json")).expect("settings"))
            .expect("JSON");
    let setting = move |name: &str| settings["AuthorizerFunction"][name].as_str().map(str::to_owned);
    let (function, watch) = (
        Function::new("authorizer", None, setting, RecordLog::to(std::io::sink())).await.expect("the authorizer"),
        Watch::start("authorizer"),
    );
    let mut events: Vec<_> = std::fs::read_dir(project().join("events"))
        .expect("events")
        .map(|entry| entry.expect("an event").path())
        .collect();
    events.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("authorizer.")));
    events.sort();
    assert!(events.len() > 10);
    // What throttles a caller throttles the second call.
    let twice = |path: PathBuf| {
        let again =
            ["throttled", "quota-exceeded"].iter().any(|case| path.ends_with(format!("authorizer.{case}.json")));
        std::iter::repeat_n(path, 1 + usize::from(again))
    };
    for path in events.into_iter().flat_map(twice) {
        let event = std::fs::read(&path).expect("an event");
        let deployed = watch.invoke("authorizer", &path.display().to_string());
        match function.invoke(&event).await {
            Ok(answer) => assert_eq!(stable(&deployed.stdout), stable(&answer), "{}", path.display()),
            Err(error) => {
                let told = String::from_utf8_lossy(&deployed.stderr).into_owned();
                assert!(
                    !deployed.status.success() && told.contains(&format!("Error: {}", error.error_type)),
                    "{}: {told}",
                    path.display()
                );
            }
        }
    }
}
