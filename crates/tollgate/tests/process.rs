//! The command as its user sees it: output, exit codes and signals.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected result"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tollgate(arguments: &[&str]) -> Command {
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
        "CARGO",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
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

/// A process that serves. It is killed on drop.
struct GatewayProcess {
    child: Child,
    address: SocketAddr,
    banner: String,
}

impl GatewayProcess {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(tollgate(&[]).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .args(["--listen", "127.0.0.1:0"])
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

    fn signal(&self, name: &str) {
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

fn get(address: SocketAddr, path: &str) -> String {
    get_with(address, path, "accept: */*")
}

fn get_with(address: SocketAddr, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: a\r\n{header}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Returns the address in the first line of the banner.
fn address_in(line: &str) -> SocketAddr {
    let (_, address) = line.split_once("http://").unwrap();
    let (address, _) = address.split_once(". ").unwrap();
    address.parse().unwrap()
}

#[test]
fn banner_describes_the_gateway_and_requests_are_served() {
    let gateway = GatewayProcess::start(&[]);
    for expected in [
        "ANY      /{proxy+}",
        "GET      /health",
        "AlbListenerArn = stand-in-for-AlbListenerArn",
        "local-free-key-000000000001",
        "1/s, burst 5, 100 per day",
        "local-pro-key-0000000000001",
        "built-in echo",
    ] {
        assert!(
            gateway.banner.contains(expected),
            "{expected}: {}",
            gateway.banner
        );
    }
    assert_eq!(gateway.banner.matches("curl ").count(), 5);
    assert!(get(gateway.address, "/health").starts_with("HTTP/1.1 200"));
    assert!(get(gateway.address, "/orders").starts_with("HTTP/1.1 401"));
}

#[test]
fn signals_finish_requests_in_progress_and_exit_with_0() {
    for signal in ["INT", "TERM"] {
        let backend = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", backend.local_addr().unwrap());
        let mut gateway = GatewayProcess::start_with_backend(&url);
        let address = gateway.address;
        let client = std::thread::spawn(move || get(address, "/health"));
        let (mut target, _) = backend.accept().unwrap();
        let _ = target.read(&mut [0; 1024]).unwrap();
        gateway.signal(signal);
        // The listener closes while the request is still in progress.
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
        target
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")
            .unwrap();
        assert!(client.join().unwrap().ends_with("late"), "{signal}");
        assert_eq!(gateway.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn ctrl_c_prints_a_table_of_metrics() {
    let mut child = tollgate(&["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let address = address_in(&first);
    assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let table = rest.split_once("metric (times in ms)").unwrap().1;
    assert!(
        table
            .lines()
            .any(|row| row.starts_with("Requests") && row.contains("GET /health, 2xx")),
        "{table}"
    );
}

impl GatewayProcess {
    /// Waits for the first line only: with another backend, the banner has no examples.
    fn start_with_backend(url: &str) -> Self {
        let mut child = tollgate(&["--listen", "127.0.0.1:0", "--backend", url])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let banner = lines.next().unwrap().unwrap();
        let address = banner
            .split_once("http://")
            .unwrap()
            .1
            .split_once(". ")
            .unwrap()
            .0
            .parse()
            .unwrap();
        std::mem::forget(lines);
        Self {
            child,
            address,
            banner,
        }
    }
}

#[test]
fn second_ctrl_c_stops_at_once() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", backend.local_addr().unwrap());
    let mut gateway = GatewayProcess::start_with_backend(&url);
    let address = gateway.address;
    let client = std::thread::spawn(move || {
        TcpStream::connect(address).map(|mut stream| {
            let _ = stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n");
            let _ = stream.read(&mut [0; 1]);
        })
    });
    let _target = backend.accept().unwrap();
    gateway.signal("INT");
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    gateway.signal("INT");
    assert_eq!(gateway.child.wait().unwrap().code(), Some(130));
    let _ = client.join();
}

#[test]
fn unread_output_does_not_block_requests() {
    let gateway = GatewayProcess::start(&[]);
    for _ in 0..500 {
        assert!(get(gateway.address, &format!("/{}", "x".repeat(500))).starts_with("HTTP/1.1 401"));
    }
}

#[test]
fn invalid_input_is_one_line_and_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (template, policy, seeds) = (
        file("template.yaml", "Resources:\n  Api: !Sub"),
        file("policy.json", r#"{"rules":[{"match":"GET /","auth":"x"}]}"#),
        file(
            "seeds.json",
            "{\"keys\": [\n{\"key\": \"twenty-characters-01\", \"key_id\": \"a\", \"plan\": \"team\"}]}",
        ),
    );
    for (arguments, problem) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (
            &["--listen", &taken],
            "choose another port with --listen PORT",
        ),
        (&["--listen", "nowhere"], "nowhere"),
        (
            &["--template", "no-such.yaml"],
            "no-such.yaml: No such file",
        ),
        (&["--template", &template], "template.yaml:2:"),
        (
            &["--lsiten", "1"],
            "tip: a similar argument exists: '--listen'",
        ),
        (
            &["--policy", &policy],
            "policy.json:1:37: rules[0].auth: unknown value `x`, expected one of",
        ),
        (
            &["--seeds", &policy],
            "policy.json:1:8: rules: unknown field `rules`",
        ),
        (
            &["--seeds", &seeds],
            "seeds.json:2:56: keys[0].plan: plan `team` does not exist",
        ),
        (
            &["--parameter", "Nothing=1"],
            "template.yaml: there is no parameter `Nothing`",
        ),
        (
            &["--parameter", "OnThrottle=\n\u{1b}"],
            "parameter OnThrottle: `\\n\\u{1b}` is not allowed, expected one of",
        ),
        (
            &[
                "--parameter",
                "OnThrottle=mark",
                "--parameter",
                "OnThrottle=forbid",
            ],
            "the parameter `OnThrottle` is given twice",
        ),
        (&["--backend", "http://:80"], "http://HOST:PORT"),
        (
            &["token", "--expires-in", "18446744073709551615"],
            "--expires-in: the expiry is out of range",
        ),
        (&["token", "--expires-in", "soon"], "--expires-in"),
        (
            &[
                "invoke",
                "no-such-function",
                "events/authorizer.allowed.json",
            ],
            "there is no function `no-such-function`",
        ),
        (
            &["invoke", "authorizer", "no-such-event.json"],
            "no-such-event.json: No such file",
        ),
        (
            &["invoke", "authorizer", "Cargo.toml"],
            "AUTH_POLICY is not set; settings come from the environment or from ./env.json",
        ),
        (
            &["invoke", "authorizer", "events/no-such-event.json"],
            "no-such-event.json: No such file",
        ),
    ] {
        let output = run(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains(problem) && stderr.trim_end().lines().count() == 1,
            "{arguments:?}: {stderr}"
        );
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn endpoint_on_another_machine_requires_a_region() {
    let mut command = tollgate(&[
        "--listen",
        "127.0.0.1:0",
        "--endpoint",
        "http://192.0.2.1:8000",
    ]);
    let output = command
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("--endpoint http://192.0.2.1:8000/: AWS_REGION is not set"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(text(&run(&["--help"]).stdout).contains("AWS_REGION"));
}

#[test]
fn invoke_prints_responses() {
    let output = run(&["invoke", "authorizer", "events/authorizer.allowed.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(r#""isAuthorized":true"#));
    let twice = run(&[
        "invoke",
        "authorizer",
        "events/authorizer.throttled.json",
        "events/authorizer.throttled.json",
    ]);
    let decisions: Vec<bool> = text(&twice.stdout)
        .lines()
        .map(|line| line.contains(r#""decision":"throttled""#))
        .collect();
    assert_eq!(decisions, [false, true]);
}

#[test]
fn invoke_prefers_settings_of_the_environment() {
    let policy = r#"{"rules":[{"match":"ANY /{proxy+}","auth":"none"}]}"#;
    let output = tollgate(&[
        "invoke",
        "authorizer",
        "events/authorizer.missing-credentials.json",
    ])
    .env("AUTH_POLICY", policy)
    .output()
    .unwrap();
    assert!(
        text(&output.stdout).contains(r#""isAuthorized":true"#),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn invoke_prints_the_functions_error_and_exits_with_1() {
    for (event, error) in [
        (
            "missing-credentials",
            r#"{"errorType":"Unauthorized","errorMessage":"Unauthorized"}"#,
        ),
        ("fault", r#"{"errorType":"Fault","errorMessage":"event: "#),
    ] {
        let output = run(&[
            "invoke",
            "authorizer",
            &format!("events/authorizer.{event}.json"),
        ]);
        assert_eq!(
            (output.status.code(), text(&output.stdout)),
            (Some(1), String::new()),
            "{event}"
        );
        assert!(
            text(&output.stderr).contains(error),
            "{event}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn gateway_accepts_the_token_of_token() {
    let output = run(&[
        "token",
        "--sub",
        "alice",
        "--scope",
        "orders:read",
        "--plan",
        "pro",
        "--expires-in",
        "60",
    ]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    let token = text(&output.stdout);
    assert_eq!(
        (token.lines().count(), token.trim().split('.').count()),
        (1, 3)
    );
    let gateway = GatewayProcess::start(&[]);
    let header = |token: &str| format!("authorization: Bearer {}", token.trim());
    assert!(get_with(gateway.address, "/orders", &header(&token)).starts_with("HTTP/1.1 200"));
    assert!(get_with(gateway.address, "/orders", &header("a.b.c")).starts_with("HTTP/1.1 401"));
}

/// Starts a gateway in a folder, with the project's template.
fn serve_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> GatewayProcess {
    let template = project().join("template.yaml");
    let mut command = tollgate(&["--template", template.to_str().unwrap()]);
    command
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied());
    GatewayProcess::spawn(&mut command)
}

#[test]
fn token_command_of_the_banner_works_in_any_folder() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let gateway = serve_in(folder.path(), &[], &[]);
    let command = gateway
        .banner
        .split_once("Bearer $(")
        .unwrap()
        .1
        .split_once(')')
        .unwrap()
        .0;

    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new()),
        "{command}"
    );
    let header = format!("authorization: Bearer {}", text(&output.stdout).trim());
    assert!(get_with(gateway.address, "/orders", &header).starts_with("HTTP/1.1 200"));
}

#[test]
fn token_warns_of_a_new_signing_key() {
    let folder = tempfile::tempdir().unwrap();
    let token = |folder: &Path| tollgate(&["token"]).current_dir(folder).output().unwrap();
    let (first, second) = (token(folder.path()), token(folder.path()));
    let stderr = text(&first.stderr);
    assert!(
        stderr.contains(".tollgate: created a new signing key") && stderr.lines().count() == 1,
        "{stderr}"
    );
    assert_eq!(
        (
            first.status.code(),
            second.status.code(),
            text(&second.stderr)
        ),
        (Some(0), Some(0), String::new())
    );
}

#[test]
fn banner_has_a_token_command_if_the_policy_trusts_the_local_issuer() {
    let folder = tempfile::tempdir().unwrap();
    let rules = r#""rules":[{"match":"ANY /{proxy+}","auth":"any"}]"#;
    let jwks = r#"{"issuer":"http://tollgate.local","audiences":["tollgate-local"],"default_plan":"free",
                   "jwks_uri":"http://127.0.0.1:3000/_tollgate/jwks.json"}"#;
    for (issuers, is_shown) in [
        (String::new(), false),
        (format!(r#""issuers":[{jwks}],"#), true),
    ] {
        let policy = folder.path().join("policy.json");
        std::fs::write(&policy, format!("{{{issuers}{rules}}}")).unwrap();
        let gateway = serve_in(folder.path(), &["--policy", policy.to_str().unwrap()], &[]);
        let banner = &gateway.banner;
        assert_eq!(banner.contains("Bearer $("), is_shown, "{banner}");
        assert_eq!(banner.contains("are not accepted"), !is_shown, "{banner}");
        assert!(banner.contains("'x-api-key: local-pro-key"), "{banner}");
    }
}

#[test]
fn banner_shows_the_key_header_and_the_proxy_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = [("HTTPS_PROXY", "http://me:hush@proxy.example:3128")];
    let gateway = serve_in(folder.path(), &["--parameter", "KeyHeader=api-key"], &proxy);
    let banner = &gateway.banner;
    assert!(
        banner.contains("'api-key: local-pro-key") && !banner.contains("x-api-key"),
        "{banner}"
    );
    assert!(
        banner.contains("Proxy    http://proxy.example:3128,") && !banner.contains("hush"),
        "{banner}"
    );

    let mut command = tollgate(&["--listen", "0", "--state"]);
    let output = command
        .arg(folder.path())
        .env("HTTPS_PROXY", "socks5://me:hush@a:1")
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(
        (output.status.code(), &*stderr),
        (
            Some(2),
            "tollgate: HTTPS_PROXY: invalid proxy, expected http://HOST:PORT\n"
        )
    );
}

#[test]
fn invalid_log_filter_exits_with_2() {
    for arguments in [
        &["--listen", "0"][..],
        &["invoke", "authorizer", "events/authorizer.allowed.json"],
    ] {
        let output = tollgate(arguments)
            .env("RUST_LOG", "loud")
            .output()
            .unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.starts_with("tollgate: RUST_LOG: invalid directive `loud`, expected off, error"),
            "{stderr}"
        );
    }
}

/// Returns the log of two requests, one of which is refused.
fn log_of_two_requests(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = tollgate(&["--listen", "0"]);
    let mut child = command
        .args(arguments)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut banner = String::new();
    while !banner.contains("for i in") {
        lines.read_line(&mut banner).unwrap();
    }
    let address = banner
        .split_once("http://")
        .unwrap()
        .1
        .split_once(". ")
        .unwrap()
        .0
        .parse()
        .unwrap();
    get_with(address, "/orders", "x-api-key: local-pro-key-0000000000001");
    get(address, "/orders?secret=1");

    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    rest.split_once("metric (times in ms)")
        .unwrap()
        .0
        .to_owned()
}

#[test]
fn short_log_has_a_line_per_request_and_the_reason_of_a_refusal() {
    let log = log_of_two_requests(&["--log", "short"], &[]);
    let lines: Vec<_> = log.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[0].starts_with("GET /orders 200 "), "{log}");
    assert!(
        lines[0].ends_with("ms decision=allowed plan=pro key=local-pro"),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("GET /orders 401 ")),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("INFO decided")
                && line.contains("reason=missing_credentials")),
        "{log}"
    );
    assert!(!log.contains("{\"") && !log.contains("secret"), "{log}");
}

#[test]
fn quiet_log_has_no_requests() {
    let log = log_of_two_requests(&["--log", "quiet"], &[]);
    assert!(!log.contains("orders") && !log.contains("decided"), "{log}");
    let filtered = log_of_two_requests(&[], &[("RUST_LOG", "warn")]);
    assert!(
        filtered.contains("\"route_key\"") && !filtered.contains("decided"),
        "{filtered}"
    );
}

#[test]
fn invoke_logs_as_the_deployed_function_does() {
    let output = run(&["invoke", "authorizer", "events/authorizer.unknown-key.json"]);
    let log = text(&output.stderr);
    let line = log
        .lines()
        .find(|line| line.contains("\"decided\""))
        .unwrap_or_else(|| panic!("{log}"));
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&event["level"], &event["reason"]),
        (&"INFO".into(), &"unknown_key".into())
    );
    assert!(
        event.get("fields").is_none() && event.get("target").is_none(),
        "{line}"
    );
}

#[test]
fn limits_and_policies_that_refuse_everything_cause_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let policy = file("policy.json", r#"{"rules":[]}"#);
    let seeds = file(
        "seeds.json",
        r#"{"plans":{"none":{"throttle":{"rate":1,"burst":0}}}}"#,
    );
    let mut command = tollgate(&["--listen", "0", "--policy", &policy, "--seeds", &seeds]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut expected = vec![
        "plan `none`: a burst of 0 refuses every request",
        "rules: the policy has no rules",
    ];
    for line in lines {
        expected.retain(|text| !line.contains(text));
        if expected.is_empty() {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(expected.is_empty(), "{expected:?}");
}

#[test]
fn template_prints_the_evaluated_template_per_set_of_parameters() {
    let required = [
        "VpcId=vpc-1",
        "PrivateSubnetIds=subnet-1",
        "AlbListenerArn=arn:aws:elasticloadbalancing:x",
        "AlbSecurityGroupId=sg-1",
    ];
    let folder = tempfile::tempdir().unwrap();
    let sets = folder.path().join("sets.json");
    std::fs::write(
        &sets,
        r#"[{"OnThrottle": "forbid"}, {"OnThrottle": "loud"}]"#,
    )
    .unwrap();
    let sets = sets.to_str().unwrap();
    let mut command = tollgate(&["template", "--parameter-sets", sets]);
    for parameter in required {
        command.args(["--parameter", parameter]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let results: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results[0]["Parameters"]["OnThrottle"], "forbid");
    assert_eq!(
        results[0]["Resources"]["Api"]["Type"],
        "AWS::ApiGatewayV2::Api"
    );
    assert!(
        results[1]["Error"]
            .as_str()
            .is_some_and(|error| error.contains("OnThrottle: `loud` is not allowed")),
        "{results}"
    );
}
