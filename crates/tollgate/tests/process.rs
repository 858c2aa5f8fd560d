//! The program as its user sees it: what it prints, how it ends.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tollgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(arguments).current_dir(project()).stdin(Stdio::null());
    for name in ["AUTH_POLICY", "EMBEDDED_STORE", "ON_THROTTLE", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    tollgate(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A serving process, killed when it is dropped.
struct Serving {
    child: Child,
    address: SocketAddr,
    banner: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Self {
        let mut child = tollgate(&["--listen", "127.0.0.1:0"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let address = first.split_once("http://").unwrap().1.split_once(". ").unwrap().0.parse().unwrap();
        let mut banner = first;
        // The banner ends with an empty line behind the examples.
        for line in lines.by_ref() {
            let line = line.unwrap();
            let last = line.contains("for i in");
            banner.push('\n');
            banner.push_str(&line);
            if last {
                break;
            }
        }
        // Nobody reads what it logs from here on.
        std::mem::forget(lines);
        Self { child, address, banner }
    }

    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success()
        );
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "accept: */*")
}

fn get_with(address: SocketAddr, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\n{header}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_what_a_new_user_needs_and_serves() {
    let serving = Serving::start(&[]);
    for told in [
        "ANY      /{proxy+}",
        "GET      /health",
        "AlbListenerArn = stand-in-for-AlbListenerArn",
        "local-free-key-000000000001",
        "1/s, burst 5, 100 a day",
        "local-pro-key-0000000000001",
        "built-in echo",
    ] {
        assert!(serving.banner.contains(told), "{told}: {}", serving.banner);
    }
    assert_eq!(serving.banner.matches("curl ").count(), 5);
    assert!(get(serving.address, "/health").starts_with("HTTP/1.1 200"));
    assert!(get(serving.address, "/orders").starts_with("HTTP/1.1 401"));
}

#[test]
fn ctrl_c_and_termination_finish_requests_under_way_and_end_well() {
    for signal in ["INT", "TERM"] {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", backend.local_addr().unwrap());
        let mut serving = Serving::start_with_backend(&url);
        let address = serving.address;
        let client = std::thread::spawn(move || get(address, "/health"));
        let (mut target, _) = backend.accept().unwrap();
        let _ = target.read(&mut [0; 1024]).unwrap();
        serving.signal(signal);
        // The listener is closed while the request is still under way.
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        target.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").unwrap();
        assert!(client.join().unwrap().ends_with("late"), "{signal}");
        assert_eq!(serving.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn ctrl_c_shows_a_table_of_what_was_served() {
    let mut child = tollgate(&["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let address = first.split_once("http://").unwrap().1.split_once(". ").unwrap().0.parse().unwrap();
    assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let table = rest.split_once("metric (times in ms)").unwrap().1;
    assert!(table.lines().any(|row| row.starts_with("Requests") && row.contains("GET /health, 2xx")), "{table}");
}

impl Serving {
    /// With a backend of one's own there are no examples, so only the first line is waited for.
    fn start_with_backend(url: &str) -> Self {
        let mut child =
            tollgate(&["--listen", "127.0.0.1:0", "--backend", url]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let banner = lines.next().unwrap().unwrap();
        let address = banner.split_once("http://").unwrap().1.split_once(". ").unwrap().0.parse().unwrap();
        std::mem::forget(lines);
        Self { child, address, banner }
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", backend.local_addr().unwrap());
    let mut serving = Serving::start_with_backend(&url);
    let address = serving.address;
    let client = std::thread::spawn(move || {
        TcpStream::connect(address).map(|mut stream| {
            let _ = stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
            let _ = stream.read(&mut [0; 1]);
        })
    });
    let _target = backend.accept().unwrap();
    serving.signal("INT");
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    serving.signal("INT");
    assert_eq!(serving.child.wait().unwrap().code(), Some(130));
    let _ = client.join();
}

#[test]
fn an_output_that_nobody_reads_does_not_stop_requests() {
    let serving = Serving::start(&[]);
    for _ in 0..500 {
        assert!(get(serving.address, &format!("/{}", "x".repeat(500))).starts_with("HTTP/1.1 401"));
    }
}

#[test]
fn a_mistake_is_one_line_and_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (template, policy) = (
        file("template.yaml", "Resources:\n  Api: !Sub"),
        file("policy.json", r#"{"rules":[{"match":"GET /","auth":"x"}]}"#),
    );
    for (arguments, named) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["--listen", &taken], "Address already in use"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--template", "no-such.yaml"], "no-such.yaml: No such file"),
        (&["--template", &template], "template.yaml:2:"),
        (&["--policy", &policy], "AUTH_POLICY: rules[0].auth: unknown variant `x`"),
        (&["--seeds", &policy], "policy.json: rules: unknown field `rules`"),
        (&["--parameter", "Nothing=1"], "template.yaml: there is no parameter `Nothing`"),
        (&["--parameter", "OnThrottle=\n\u{1b}"], "parameter OnThrottle: `\\n\\u{1b}` is none of"),
        (
            &["--parameter", "OnThrottle=mark", "--parameter", "OnThrottle=forbid"],
            "the parameter `OnThrottle` is given twice",
        ),
        (&["--backend", "http://:80"], "http://HOST:PORT"),
        (&["token", "--expires-in", "18446744073709551615"], "--expires-in: it ends beyond the calendar"),
        (&["token", "--expires-in", "soon"], "--expires-in"),
        (&["invoke", "no-such-function", "events/authorizer.allowed.json"], "there is no function `no-such-function`"),
        (&["invoke", "authorizer", "no-such-event.json"], "no-such-event.json: No such file"),
        (&["invoke", "authorizer", "Cargo.toml"], "AUTH_POLICY is not set"),
        (&["invoke", "authorizer", "events/no-such-event.json"], "no-such-event.json: No such file"),
    ] {
        let output = run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(named) && told.trim_end().lines().count() == 1, "{arguments:?}: {told}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn another_machine_as_an_endpoint_needs_a_region() {
    let mut command = tollgate(&["--listen", "127.0.0.1:0", "--endpoint", "http://192.0.2.1:8000"]);
    let output = command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION").output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("--endpoint http://192.0.2.1:8000/: AWS_REGION is not set"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(text(&run(&["--help"]).stdout).contains("AWS_REGION"));
}

#[test]
fn invoke_prints_what_the_function_answers() {
    let output = run(&["invoke", "authorizer", "events/authorizer.allowed.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(r#""isAuthorized":true"#));
    let twice = run(&["invoke", "authorizer", "events/authorizer.throttled.json", "events/authorizer.throttled.json"]);
    let decisions: Vec<bool> =
        text(&twice.stdout).lines().map(|line| line.contains(r#""decision":"throttled""#)).collect();
    assert_eq!(decisions, [false, true]);
}

#[test]
fn invoke_takes_settings_from_the_environment_first() {
    let policy = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"none"}]}"#;
    let output = tollgate(&["invoke", "authorizer", "events/authorizer.missing-credentials.json"])
        .env("AUTH_POLICY", policy)
        .output()
        .unwrap();
    assert!(text(&output.stdout).contains(r#""isAuthorized":true"#), "{}", text(&output.stderr));
}

#[test]
fn invoke_ends_with_1_and_the_functions_error_on_standard_error() {
    for (event, error) in [
        ("missing-credentials", r#"{"errorType":"Unauthorized","errorMessage":"Unauthorized"}"#),
        ("fault", r#"{"errorType":"Fault","errorMessage":"event: "#),
    ] {
        let output = run(&["invoke", "authorizer", &format!("events/authorizer.{event}.json")]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "{event}");
        assert!(text(&output.stderr).contains(error), "{event}: {}", text(&output.stderr));
    }
}

#[test]
fn token_prints_a_token_that_the_gateway_accepts() {
    let output = run(&["token", "--sub", "alice", "--scope", "orders:read", "--plan", "pro", "--expires-in", "60"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let token = text(&output.stdout);
    assert_eq!((token.lines().count(), token.trim().split('.').count()), (1, 3));
    let serving = Serving::start(&[]);
    let header = |token: &str| format!("authorization: Bearer {}", token.trim());
    assert!(get_with(serving.address, "/orders", &header(&token)).starts_with("HTTP/1.1 200"));
    assert!(get_with(serving.address, "/orders", &header("a.b.c")).starts_with("HTTP/1.1 401"));
}
