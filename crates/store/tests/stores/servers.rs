//! Servers that speak DynamoDB's protocol: started by a test, gone with it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Exact for single items, `ALL_OLD` and all.
    pub(crate) fn ministack() -> Self {
        let address = free_address();
        let mut command = supervised(&tool(".venv-ministack/bin/ministack"), &[]);
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"));
        Self::start(command, address)
    }

    /// Exact for single items, but silent about the item that a condition failed on.
    pub(crate) fn dynalite() -> Self {
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
        Self::start(
            supervised(&tool("tests/node_modules/.bin/dynalite"), &arguments),
            address,
        )
    }

    fn start(mut command: Command, address: SocketAddr) -> Self {
        let server = Self {
            child: command.spawn().expect("sh starts"),
            address,
        };
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            assert!(
                Instant::now() < end,
                "the server does not listen on {address} after 30 s"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("the server ends");
    }
}

/// A server that ends when its standard input does: with the test, even where that is killed.
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

fn tool(path: &str) -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists());
    let tool = project.expect("a workspace").join(path);
    assert!(tool.exists(), "{path} is not there: run make tools");
    tool
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}
