//! `tollgate check` of an API that the stack does not contain.

use crate::operator::failure;
use crate::program::run;

#[test]
fn id_of_an_api_needs_a_stack() {
    let arguments = [
        "check",
        "--url",
        "http://127.0.0.1:1",
        "--api-id",
        "a1b2c3d4e5",
    ];
    let message = failure(&run(&arguments), 2);
    assert!(message.contains("--api-id needs --stack NAME"), "{message}");
}

#[test]
fn invalid_id_of_an_api_is_rejected() {
    for id in ["", "a1b2/c3", "A1B2C3D4E5", "https://example.com"] {
        let message = failure(&run(&["check", "--stack", "tollgate", "--api-id", id]), 2);
        assert!(message.contains("--api-id"), "{message}");
    }
}
