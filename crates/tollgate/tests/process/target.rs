//! The API that a command is about.

use serde_json::Value;

use crate::program::{GatewayProcess, run, text, tollgate};

#[test]
fn plans_of_the_local_gateway_are_listed() {
    let gateway = GatewayProcess::start(&["--log-format", "off"]);
    let url = format!("http://{}", gateway.address);

    let by_option = run(&["plans", "list", "--json", "--url", &url]);
    let by_variable = tollgate(&["plans", "list", "--json"])
        .env("TOLLGATE_URL", &url)
        .output()
        .unwrap();

    assert_eq!(by_option.status.code(), Some(0), "{by_option:?}");
    let plans: Vec<Value> = serde_json::from_slice(&by_option.stdout).unwrap();
    let names: Vec<_> = plans.iter().map(|plan| &plan["name"]).collect();
    assert_eq!(names, ["free", "pro"]);
    assert_eq!(by_variable.stdout, by_option.stdout);
}

#[test]
fn contradicting_options_are_an_error() {
    let both = run(&["plans", "list", "--url", "https://a", "--stack", "b"]);
    assert_eq!(both.status.code(), Some(2));
    assert!(
        text(&both.stderr).contains("cannot be used with"),
        "{both:?}"
    );

    let plain = run(&["plans", "list", "--url", "http://api.example"]);
    assert_eq!(plain.status.code(), Some(2));
    assert_eq!(
        text(&plain.stderr),
        "tollgate: --url: http is only for this machine, expected https\n"
    );
}
