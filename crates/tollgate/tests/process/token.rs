//! `tollgate token`.

use std::path::Path;

use crate::program::{GatewayProcess, get_with, run, text, tollgate};

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
