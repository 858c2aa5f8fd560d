//! Programs that speak the protocols of AWS services. A test starts one, and it ends with the test.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::free_address;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A running emulator. Dropping it stops the program.
pub struct Emulator {
    process: Child,
    /// The address that it listens on, a free port of the loopback interface.
    pub address: SocketAddr,
}

impl Emulator {
    /// Starts ministack, which emulates many AWS services. Its DynamoDB supports `ALL_OLD` in full.
    ///
    /// # Panics
    /// If it is not installed (`make tools`), or does not listen within 30 seconds.
    #[must_use]
    pub fn ministack() -> Self {
        let address = free_address();

        let mut command = supervised(&tool(".venv-ministack/bin/ministack"), &[]);
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"));

        Self::start(command, address)
    }

    /// Starts dynalite, which emulates DynamoDB only. It never returns the item on which a
    /// condition failed.
    ///
    /// # Panics
    /// If it is not installed (`make tools`), or does not listen within 30 seconds.
    #[must_use]
    pub fn dynalite() -> Self {
        let address = free_address();
        let port = address.port().to_string();

        let arguments = [
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--createTableMs",
            "0",
        ];
        let program = tool("tests/node_modules/.bin/dynalite");

        Self::start(supervised(&program, &arguments), address)
    }

    /// Returns the endpoint URL for SDK clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn start(mut command: Command, address: SocketAddr) -> Self {
        let mut emulator = Self {
            process: command.spawn().expect("sh starts"),
            address,
        };

        let end = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            let ended = emulator.process.try_wait().expect("the emulator's state");
            assert!(
                ended.is_none(),
                "the emulator ended at its start: {ended:?}"
            );
            assert!(
                Instant::now() < end,
                "the emulator does not listen on {address} after {START_TIMEOUT:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }

        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("the emulator ends");
    }
}

/// Returns a command for a program that ends with its standard input. It therefore also ends if the
/// test process is killed.
fn supervised(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            r#""$@" & server=$!; read -r _; kill "$server"; wait "$server""#,
            "sh",
        ])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Returns the path of an installed program, given relative to the workspace.
fn tool(path: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists())
        .expect("the workspace");
    let tool = workspace.join(path);

    assert!(tool.exists(), "{path} is missing: run `make tools`");
    tool
}
