//! A running `tollgate console`, with a script in place of a browser.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::signature::Account;

/// The most time for what must happen by itself.
const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PLANS: &str = "/_tollgate/v1/plans";

/// A process of the command. It is killed on drop.
pub(crate) struct ConsoleProcess {
    pub(crate) child: Child,
    /// The lines of both streams.
    lines: Arc<Mutex<Vec<String>>>,
    /// `HOST:PORT` of the page, whose name only browsers resolve.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A script in place of a browser. It keeps its arguments and the file that it gets.
pub(crate) struct Browser {
    folder: PathBuf,
}

impl Browser {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let browser = Self {
            folder: folder.to_owned(),
        };
        let script = format!(
            "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done >> {0}/arguments\n\
             cp \"$1\" {0}/page.new && mv {0}/page.new {0}/page\n",
            folder.display()
        );
        fs::write(browser.program(), script).unwrap();
        fs::set_permissions(browser.program(), fs::Permissions::from_mode(0o755)).unwrap();
        browser
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.folder.join("browser")
    }

    /// Returns the lines of all arguments so far.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("arguments")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits for a page other than `known`, and returns its text.
    pub(crate) fn page(&self, known: Option<&str>) -> String {
        let page = self.folder.join("page");
        until("the browser has a page", || {
            let text = fs::read_to_string(&page).ok()?;
            (Some(&*text) != known).then_some(text)
        })
    }
}

impl ConsoleProcess {
    /// Starts the command for the server of an account, with credentials.
    pub(crate) fn start(account: &Account, browser: &Browser, arguments: &[&str]) -> Self {
        let url = account.server.url();
        let target = ["console", "--url", &url, "--region", "eu-west-1"];
        let mut command = account.command(&[&target, arguments].concat());
        with_credentials(&mut command);
        command
            .env("XDG_RUNTIME_DIR", account.path())
            .env("BROWSER", browser.program());
        Self::spawn(&mut command)
    }

    /// Starts a command and waits for the line with the address of its page.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().unwrap(), Arc::clone(&lines));
        collect(child.stderr.take().unwrap(), Arc::clone(&lines));
        let mut process = Self {
            child,
            lines,
            host: String::new(),
            port: 0,
        };
        let line = process.line("/_tollgate/console/");
        let (_, address) = line.split_once("http://").unwrap();
        process.host = address.split('/').next().unwrap().to_owned();
        process.port = process.host.split(':').nth(1).unwrap().parse().unwrap();
        process
    }

    /// Waits for a line with this text.
    pub(crate) fn line(&self, text: &str) -> String {
        until(text, || {
            let lines = self.lines.lock().unwrap();
            lines.iter().find(|line| line.contains(text)).cloned()
        })
    }

    /// Returns everything that was printed so far.
    pub(crate) fn output(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// Sends a request of the page, and returns the response.
    pub(crate) fn send(&self, method: &str, path: &str, session: &str, body: &str) -> String {
        let host = &self.host;
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n\
             sec-fetch-site: same-origin\r\nx-tollgate-console: {session}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Exchanges the code of a page for a session.
    pub(crate) fn session(&self, page: &str) -> String {
        let body = format!("{{\"code\": \"{}\"}}", code(page));
        let response = self.send("POST", "/_tollgate/console/api/session", "local", &body);
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        let (_, session) = response.split_once("\"session\":\"").unwrap();
        session.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn press_enter(&mut self) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"\n").unwrap();
    }

    /// Sends a signal and returns the exit code.
    pub(crate) fn end_by(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &id])
            .status();
        assert!(sent.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for ConsoleProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn with_credentials(command: &mut Command) {
    command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env(
        "AWS_SECRET_ACCESS_KEY",
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    );
}

/// Returns the code in the file that the browser gets.
pub(crate) fn code(page: &str) -> &str {
    let (_, code) = page.split_once("#code=").unwrap();
    code.split('"').next().unwrap()
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Returns the folders with a code that exist.
pub(crate) fn code_folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_ours = |path: &PathBuf| path.to_str().unwrap().contains("tollgate-console-");
    entries.filter(is_ours).collect()
}

/// Waits until a function returns a value.
pub(crate) fn until<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(
            begin.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

fn collect(stream: impl std::io::Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
}
