//! The formats of the log.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::program::{address_in, get, get_local, get_with, text, tollgate};

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
    log_of(arguments, variables, |address| {
        get_with(address, "/orders", "x-api-key: local-pro-key-0000000000001");
        get(address, "/orders?secret=1");
    })
}

/// Returns the log of requests.
fn log_of(
    arguments: &[&str],
    variables: &[(&str, &str)],
    requests: impl FnOnce(SocketAddr),
) -> String {
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
    requests(address_in(&banner));

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
fn text_log_has_one_line_per_request_with_the_reason_of_a_refusal() {
    let log = log_of_two_requests(&["--log-format", "text"], &[]);
    let lines: Vec<_> = log.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[0].contains("Z GET /orders 200 "), "{log}");
    assert!(
        lines[0].contains(" ms request_id=")
            && lines[0].ends_with(" decision=allowed plan=pro key=local-pro"),
        "{log}"
    );
    assert!(lines[1].contains("Z GET /orders 401 "), "{log}");
    assert!(lines[1].contains(" reason=missing_credentials"), "{log}");
    assert!(!log.contains("decided"), "{log}");
    assert!(!log.contains("{\"") && !log.contains("secret"), "{log}");
    assert!(!log.contains('\u{1b}'), "a pipe has no colours: {log}");
}

#[test]
fn log_that_is_off_has_no_lines() {
    let log = log_of_two_requests(&["--log-format", "off"], &[("RUST_LOG", "debug")]);
    assert_eq!(log.trim(), "");
}

#[test]
fn filter_hides_messages_and_requests() {
    let hidden = log_of_two_requests(&[], &[("RUST_LOG", "warn,access=off")]);
    assert!(!hidden.contains("\"route_key\""), "{hidden}");
    let filtered = log_of_two_requests(&[], &[("RUST_LOG", "warn")]);
    assert!(
        filtered.contains("\"route_key\"") && !filtered.contains("decided"),
        "{filtered}"
    );
}

#[test]
fn pages_that_are_read_again_and_again_do_not_fill_the_log() {
    for format in ["text", "json"] {
        let log = log_of(&["--log-format", format], &[], |address| {
            for path in ["/_tollgate/console/", "/_tollgate/console/api/target"] {
                let response = get_local(address, path, "x-tollgate-console: local");
                assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            }
            let missing = get_local(address, "/_tollgate/console/missing.js", "accept: */*");
            assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
            get_local(address, "/_tollgate/v1/plans", "accept: */*");
            get_local(address, "/_tollgate/metrics", "accept: */*");
        });
        let is_of_a_request =
            |line: &&str| line.contains("/_tollgate") && !line.contains("handled the request");
        let lines: Vec<_> = log.lines().filter(is_of_a_request).collect();
        assert_eq!(lines.len(), 2, "{log}");
        for (line, path) in lines.iter().zip(["console", "v1"]) {
            assert!(line.contains(&format!("/_tollgate/{path}")), "{log}");
        }
    }
}
