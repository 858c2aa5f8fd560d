//! The authorizer as Lambda runs it: the binary behind the HTTP interface of the runtime, which
//! `cargo lambda` serves.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use authorizer::{Authorizer, Config, http_calls, open};
use aws::Reach;
use lambda_runtime::Diagnostic;
use serde_json::Value;
use serde_json::value::to_raw_value;
use telemetry::RecordLog;

/// The interface of the runtime, and the function that polls it for events. Dropping ends both.
struct Deployed {
    interface: Child,
    function: Child,
    port: u16,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cargo_lambda() -> PathBuf {
    let path = project().join(".venv/bin/cargo-lambda");
    assert!(
        path.exists(),
        "{} does not exist: run `make tools`",
        path.display()
    );
    path
}

fn settings() -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(project().join("events/env.json")).unwrap();
    let mut settings: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(settings["AuthorizerFunction"].take()).unwrap()
}

impl Deployed {
    fn start() -> Self {
        let port = testing::free_address().port();
        let log =
            || File::create(std::env::temp_dir().join(format!("authorizer-{port}.log"))).unwrap();
        let interface = Command::new(cargo_lambda())
            .args([
                "lambda",
                "watch",
                "--only-lambda-apis",
                "--invoke-address",
                "127.0.0.1",
            ])
            .args(["--invoke-port", &port.to_string()])
            .current_dir(project())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cargo lambda watch");
        wait_for(port);
        let texts = settings()
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap().to_owned()));
        let function = Command::new(env!("CARGO_BIN_EXE_authorizer"))
            .envs(texts)
            .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                format!("http://127.0.0.1:{port}/.rt/authorizer"),
            )
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(Stdio::null())
            .spawn()
            .expect("the authorizer");
        Self {
            interface,
            function,
            port,
        }
    }

    fn invoke(&self, event: &Path) -> Output {
        Command::new(cargo_lambda())
            .args([
                "lambda",
                "invoke",
                "--invoke-address",
                "127.0.0.1",
                "--invoke-port",
                &self.port.to_string(),
            ])
            .args(["authorizer", "--data-file"])
            .arg(event)
            .current_dir(project())
            .output()
            .expect("cargo lambda invoke")
    }
}

fn wait_for(port: u16) {
    for _ in 0..600 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("cargo lambda watch does not listen")
}

impl Drop for Deployed {
    fn drop(&mut self) {
        for child in [&mut self.function, &mut self.interface] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn in_process() -> Authorizer {
    let settings = settings();
    let config =
        Config::from_lookup(move |name| settings.get(name)?.as_str().map(str::to_owned)).unwrap();
    let records = || RecordLog::to(std::io::sink());
    let opened = open(&config.store, |_| None, records()).await.unwrap();
    Authorizer::new(config, Arc::new(opened.store), move || {
        http_calls(records(), Reach::Local)
    })
}

/// Returns a response without the fields that change from call to call.
fn stable(answer: &[u8]) -> Value {
    let mut answer: Value = serde_json::from_slice(answer)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(answer)));
    for volatile in ["authorizer_ms", "ratelimit", "reset"] {
        answer["context"][volatile].take();
    }
    answer
}

#[tokio::test]
async fn deployed_binary_responds_like_the_library() {
    let (authorizer, deployed) = (in_process().await, Deployed::start());
    let mut events: Vec<_> = std::fs::read_dir(project().join("events"))
        .expect("events")
        .map(|entry| entry.expect("an event").path())
        .collect();
    events.retain(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("authorizer."))
    });
    events.sort();
    assert!(events.len() > 10);
    // A throttled event is throttled at its second call.
    let twice = |path: PathBuf| {
        let again = ["throttled", "quota-exceeded"]
            .iter()
            .any(|case| path.ends_with(format!("authorizer.{case}.json")));
        std::iter::repeat_n(path, 1 + usize::from(again))
    };
    for path in events.into_iter().flat_map(twice) {
        let event: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let deployed = deployed.invoke(&path);
        match authorizer
            .handle(&to_raw_value(&event).unwrap())
            .await
            .map_err(Diagnostic::from)
        {
            Ok(answer) => assert_eq!(
                stable(&deployed.stdout),
                stable(answer.get().as_bytes()),
                "{}",
                path.display()
            ),
            Err(error) => {
                let stderr = String::from_utf8_lossy(&deployed.stderr).into_owned();
                assert!(
                    !deployed.status.success()
                        && stderr.contains(&format!("Error: {}", error.error_type)),
                    "{}: {stderr}",
                    path.display()
                );
            }
        }
    }
}
