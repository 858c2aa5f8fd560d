//! The text at startup.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::program::{GatewayProcess, get, get_with, serve_in, text, tollgate};

#[test]
fn banner_describes_the_gateway_and_requests_are_served() {
    let gateway = GatewayProcess::start(&[]);
    for expected in [
        "ANY      /{proxy+}",
        "GET      /health",
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
