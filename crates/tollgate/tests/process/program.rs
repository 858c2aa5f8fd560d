//! Runs the command.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn tollgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command
        .args(arguments)
        .current_dir(project())
        .stdin(Stdio::null());
    for name in [
        "AUTH_POLICY",
        "EMBEDDED_STORE",
        "ON_THROTTLE",
        "RUST_LOG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_SDK_DISABLED",
        "CARGO",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "TOLLGATE_URL",
        "TOLLGATE_STACK",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    tollgate(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that serves. It is killed on drop.
pub(crate) struct GatewayProcess {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) banner: String,
}

impl GatewayProcess {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::spawn(tollgate(&[]).args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_at(command, "127.0.0.1:0")
    }

    /// Starts a gateway that listens on this address.
    pub(crate) fn spawn_at(command: &mut Command, address: &str) -> Self {
        let mut child = command
            .args(["--listen", address])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = address_in(&first);
        let mut banner = first;
        // The last example is the last line of the banner.
        for line in lines.by_ref() {
            let line = line.unwrap();
            let last = line.contains("for i in");
            banner.push('\n');
            banner.push_str(&line);
            if last {
                break;
            }
        }
        // Keeps the pipe open, and does not read the log.
        std::mem::forget(lines);
        Self {
            child,
            address,
            banner,
        }
    }

    /// With another backend, the banner has no examples.
    pub(crate) fn start_with_backend(url: &str) -> Self {
        Self::start_without_examples(&["--backend", url])
    }

    /// Waits for the line with the address only.
    pub(crate) fn start_without_examples(arguments: &[&str]) -> Self {
        let mut child = tollgate(&["--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines_until_address = lines.by_ref().map_while(Result::ok);
        let banner = lines_until_address
            .find(|line| line.contains("listens on"))
            .unwrap();
        // Keeps the pipe open, and does not read the log.
        std::mem::forget(lines);
        Self {
            child,
            address: address_in(&banner),
            banner,
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .args([&format!("-{name}"), &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "accept: */*")
}

pub(crate) fn get_with(address: SocketAddr, path: &str, header: &str) -> String {
    get_from(address, "a", path, header)
}

/// Sends a request to a page for this machine.
pub(crate) fn get_local(address: SocketAddr, path: &str, header: &str) -> String {
    get_from(address, &address.to_string(), path, header)
}

fn get_from(address: SocketAddr, host: &str, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\n{header}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

pub(crate) fn post(address: SocketAddr, path: &str, json: &str) -> String {
    let length = json.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{json}"
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Returns the address in the first line of the banner.
pub(crate) fn address_in(line: &str) -> SocketAddr {
    let (_, address) = line.split_once("http://").unwrap();
    let (address, _) = address.split_once(". ").unwrap();
    address.parse().unwrap()
}

/// Starts a gateway in a folder, with the project's template.
pub(crate) fn serve_in(
    folder: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> GatewayProcess {
    let template = project().join("template.yaml");
    let mut command = tollgate(&["--template", template.to_str().unwrap()]);
    command
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied());
    GatewayProcess::spawn(&mut command)
}
