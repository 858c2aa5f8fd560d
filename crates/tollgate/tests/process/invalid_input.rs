//! Errors of arguments and files.

use std::net::TcpListener;

use crate::program::{run, text, tollgate};

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
