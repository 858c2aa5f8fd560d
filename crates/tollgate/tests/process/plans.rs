//! `plans` against the local gateway.

use serde_json::{Value, json};
use testing::{HttpReply, HttpServer};

use crate::apply::{Api, assert_code};
use crate::operator::{at_terminal, fails, failure, ok, with_input};
use crate::program::{run, text, tollgate};

#[test]
fn plan_is_created_from_options_and_listed() {
    let api = Api::start();
    let create = [
        "plans",
        "create",
        "gold",
        "--rate",
        "10",
        "--burst",
        "20",
        "--quota",
        "month=100000",
        "--quota",
        "day=5000",
        "--time-zone",
        "Europe/Berlin",
    ];
    assert_eq!(ok(&api, &create), "created plan gold\n");

    let plan: Value = serde_json::from_str(&ok(&api, &["plans", "get", "gold"])).unwrap();
    let zone = "Europe/Berlin";
    assert_eq!(
        plan,
        json!({"throttle": {"rate": 10, "burst": 20},
            "quotas": [{"limit": 100_000, "period": "month", "time_zone": zone},
                {"limit": 5_000, "period": "day", "time_zone": zone}]})
    );
    assert_eq!(
        ok(&api, &["plans", "list"]),
        "\
NAME  STATE    LIMIT             QUOTAS                  MANAGED_BY
free  enabled  1/s, burst 5      day=100
gold  enabled  10/s, burst 20    month=100000, day=5000
pro   enabled  100/s, burst 200  month=1000000
"
    );
}

#[test]
fn list_can_be_json_and_cut_short() {
    let api = Api::start();
    let plans: Vec<Value> = serde_json::from_str(&ok(&api, &["plans", "list", "--json"])).unwrap();
    let names: Vec<_> = plans.iter().map(|plan| &plan["name"]).collect();
    assert_eq!(names, ["free", "pro"]);
    assert_eq!(plans[0]["plan"], api.send("GET", "/plans/free", "").1);

    let first = ok(&api, &["plans", "list", "--json", "--limit", "1"]);
    assert_eq!(
        serde_json::from_str::<Vec<Value>>(&first).unwrap(),
        plans[..1]
    );
    assert_eq!(
        ok(&api, &["plans", "list", "--limit", "1"]).lines().count(),
        2
    );
}

#[test]
fn existing_plan_is_not_created_again() {
    let api = Api::start();
    let error = fails(&api, &["plans", "create", "free", "--quota", "day=1"], 1);
    assert_eq!(
        error,
        "tollgate: plan free already exists; `set` replaces it\n"
    );
    assert_eq!(api.send("GET", "/plans/free", "").1["throttle"]["rate"], 1);
}

#[test]
fn plan_is_set_from_yaml_json_and_standard_input() {
    let api = Api::start();
    let yaml = api.file("gold.yaml", "throttle: {rate: 2, burst: 4}\n");
    assert_eq!(
        ok(&api, &["plans", "set", "gold", "--from", &yaml]),
        "created plan gold\n"
    );
    let json = api.file(
        "gold.json",
        r#"{"quotas": [{"limit": 7, "period": "day"}]}"#,
    );
    assert_eq!(
        ok(&api, &["plans", "set", "gold", "--from", &json]),
        "replaced plan gold\n"
    );
    // `set` replaces the whole plan.
    let plan = api.send("GET", "/plans/gold", "").1;
    assert_eq!(plan, json!({"quotas": [{"limit": 7, "period": "day"}]}));

    let mut command = api.command(&["plans", "set", "gold", "--from", "-", "--json"]);
    let output = with_input(&mut command, "shadow: true\n");
    assert_code(&output, 0);
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, json!({"shadow": true}));
}

#[test]
fn printed_plan_can_be_set_again() {
    let api = Api::start();
    for form in ["--json", "--yaml"] {
        let printed = ok(&api, &["plans", "get", "pro", form]);
        let file = api.file("pro", &printed);
        assert_eq!(
            ok(&api, &["plans", "create", &form[2..], "--from", &file]),
            format!("created plan {}\n", &form[2..])
        );
        let (_, copy) = api.send("GET", &format!("/plans/{}", &form[2..]), "");
        assert_eq!(copy, api.send("GET", "/plans/pro", "").1);
    }
}

#[test]
fn mistakes_in_a_file_are_found_before_anything_is_sent() {
    let unreachable = "http://127.0.0.1:1";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gold.yaml");
    std::fs::write(
        &path,
        "throttle: {rate: -1, burst: 5}\nquotas:\n- {limit: 5, period: day, time_zone: Mars}\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    for command in ["create", "set"] {
        let output = run(&[
            "plans",
            command,
            "gold",
            "--from",
            path,
            "--url",
            unreachable,
        ]);
        let error = failure(&output, 2);
        let lines: Vec<_> = error.lines().collect();
        assert!(
            lines[0].starts_with(&format!("tollgate: {path}:1:18: throttle.rate: ")),
            "{error}"
        );
        assert!(
            lines[1].starts_with(&format!("  {path}:3:38: quotas[0].time_zone: ")),
            "{error}"
        );
        assert_eq!(lines.len(), 2, "{error}");
    }

    let mut command = tollgate(&["plans", "set", "gold", "--from", "-", "--url", unreachable]);
    let error = failure(&with_input(&mut command, "trottle: {}"), 2);
    assert!(error.starts_with("tollgate: standard input:1:"), "{error}");
    assert!(error.contains("unknown field `trottle`"), "{error}");
}

#[test]
fn invalid_arguments_are_usage_errors() {
    let api = Api::start();
    for (arguments, expected) in [
        (
            &["create", "a b", "--quota", "day=1"][..],
            "invalid plan name `a b`",
        ),
        (
            &["create", "gold"],
            "expected --from FILE, or limits such as --rate 10",
        ),
        (&["create", "gold", "--rate", "1"], "--burst"),
        (
            &["create", "gold", "--rate", "-1", "--burst", "1"],
            "--rate: ",
        ),
        (
            &["create", "gold", "--quota", "day=1", "--quota", "day=2"],
            "--quota: ",
        ),
        (
            &["create", "gold", "--quota", "fortnight=1"],
            "unknown period `fortnight`, expected one of",
        ),
        (
            &["create", "gold", "--quota", "day=1", "--from", "a"],
            "cannot be used with",
        ),
        (&["set", "gold"], "--from"),
        (
            &["set", "gold", "--from", "no-such-file"],
            "no-such-file: No such file",
        ),
        (&["list", "--limit", "0"], "--limit"),
    ] {
        let mut all = vec!["plans"];
        all.extend(arguments);
        let error = fails(&api, &all, 2);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn missing_plan_is_named() {
    let api = Api::start();
    for command in ["get", "enable", "disable"] {
        let error = fails(&api, &["plans", command, "gold"], 1);
        assert_eq!(
            error, "tollgate: plan gold: The plan does not exist.\n",
            "{command}"
        );
    }
    let error = fails(&api, &["plans", "delete", "gold", "--yes"], 1);
    assert_eq!(error, "tollgate: plan gold: The plan does not exist.\n");
}

#[test]
fn change_with_an_outdated_entity_tag_is_refused() {
    let api = Api::start();
    let etag = ok(&api, &["plans", "get", "free", "--etag"]);
    let file = api.file("free.yaml", "quotas: [{limit: 5, period: day}]\n");
    let set =
        |etag: &str| api.tollgate(&["plans", "set", "free", "--from", &file, "--if-match", etag]);

    // A shell may have removed the quotation marks.
    assert_code(&set(etag.trim().trim_matches('"')), 0);
    let error = failure(&set(etag.trim()), 1);
    assert!(
        error.starts_with("tollgate: plan free does not have this entity tag"),
        "{error}"
    );
    let error = fails(
        &api,
        &["plans", "delete", "free", "--yes", "--if-match", "x"],
        1,
    );
    assert!(error.contains("free"), "{error}");
}

#[test]
fn warnings_go_to_standard_error() {
    let api = Api::start();
    let output = api.tollgate(&["plans", "create", "none", "--rate", "1", "--burst", "0"]);
    assert_code(&output, 0);
    assert_eq!(text(&output.stdout), "created plan none\n");
    let warning = text(&output.stderr);
    assert!(
        warning.starts_with("warning: plan none: /throttle/burst: a burst of 0 refuses"),
        "{warning}"
    );
}

#[test]
fn plan_is_disabled_and_enabled_with_its_limits() {
    let api = Api::start();
    let before = api.send("GET", "/plans/free", "").1;
    assert_eq!(
        ok(&api, &["plans", "disable", "free"]),
        "disabled plan free\n"
    );
    assert_eq!(
        ok(&api, &["plans", "disable", "free"]),
        "plan free was disabled before\n"
    );

    let disabled = api.send("GET", "/plans/free", "").1;
    assert_eq!(disabled["enabled"], false);
    assert_eq!(disabled["quotas"], before["quotas"]);
    assert!(ok(&api, &["plans", "list"]).contains("free  disabled"));

    let printed = ok(&api, &["plans", "enable", "free", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), before);
    assert_eq!(api.send("GET", "/plans/free", "").1, before);
}

#[test]
fn switch_reads_a_plan_again_if_it_was_changed() {
    let server = HttpServer::start();
    let plan = |rate: u32, etag: &str| {
        let plan = json!({"throttle": {"rate": rate, "burst": 5}});
        HttpReply::json(200, &plan).header("etag", etag)
    };
    let route = "/_tollgate/v1/plans/free";
    server.reply(&format!("GET {route}"), plan(1, "\"a\""));
    server.reply(&format!("GET {route}"), plan(2, "\"b\""));
    let changed = HttpReply::text(
        412,
        "application/problem+json",
        r#"{"title": "Precondition Failed"}"#,
    );
    server.reply(&format!("PUT {route}"), changed);
    server.reply(&format!("PUT {route}"), plan(2, "\"c\""));

    let output = run(&["plans", "disable", "free", "--url", &server.url()]);
    assert_code(&output, 0);
    let requests = server.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.headers["if-match"], "\"b\"");
    let sent: Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!(
        sent,
        json!({"throttle": {"rate": 2, "burst": 5}, "enabled": false})
    );
}

#[test]
fn switch_gives_up_after_five_changes_by_others() {
    let server = HttpServer::start();
    let route = "/_tollgate/v1/plans/free";
    server.reply(
        &format!("GET {route}"),
        HttpReply::json(200, &json!({})).header("etag", "\"a\""),
    );
    let changed = HttpReply::text(
        412,
        "application/problem+json",
        r#"{"title": "Precondition Failed"}"#,
    );
    server.reply(&format!("PUT {route}"), changed);

    let error = failure(
        &run(&["plans", "disable", "free", "--url", &server.url()]),
        1,
    );
    assert!(error.contains("it is not disabled"), "{error}");
    assert_eq!(server.requests().len(), 10);
}

#[test]
fn plan_of_keys_is_not_deleted() {
    let api = Api::start();
    let error = fails(&api, &["plans", "delete", "free", "--yes"], 1);
    assert!(
        error.contains("The plan is used by key `local-free`"),
        "{error}"
    );
    assert!(
        error.ends_with("`tollgate keys list --plan free` lists the keys of the plan\n"),
        "{error}"
    );
    assert_eq!(api.send("GET", "/plans/free", "").0, 200);
}

#[test]
fn deletion_without_a_terminal_needs_yes() {
    let api = Api::start();
    ok(&api, &["plans", "create", "gold", "--quota", "day=1"]);
    let mut command = api.command(&["plans", "delete", "gold"]);
    // An answer in a pipe is not a confirmation.
    let error = failure(&with_input(&mut command, "y\n"), 2);
    assert!(error.contains("confirm with --yes"), "{error}");
    assert_eq!(api.send("GET", "/plans/gold", "").0, 200);

    assert_eq!(
        ok(&api, &["plans", "delete", "gold", "--yes"]),
        "deleted plan gold\n"
    );
    assert_eq!(api.send("GET", "/plans/gold", "").0, 404);
}

#[test]
fn deletion_asks_at_a_terminal() {
    let api = Api::start();
    ok(&api, &["plans", "create", "gold", "--quota", "day=1"]);

    let (code, screen) = at_terminal(api.command(&["plans", "delete", "gold"]), 80, "n\n");
    assert_eq!(code, 1, "{screen}");
    assert!(
        screen.contains("Delete plan gold of http://127.0.0.1:"),
        "{screen}"
    );
    assert!(
        screen.contains("? [y/N] ") && screen.contains("nothing was deleted"),
        "{screen}"
    );
    assert_eq!(api.send("GET", "/plans/gold", "").0, 200);

    let (code, screen) = at_terminal(api.command(&["plans", "delete", "gold"]), 80, "y\n");
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("deleted plan gold"), "{screen}");
    assert_eq!(api.send("GET", "/plans/gold", "").0, 404);
}

#[test]
fn stopped_server_is_an_error_of_the_target() {
    let error = failure(
        &run(&["plans", "get", "free", "--url", "http://127.0.0.1:1"]),
        2,
    );
    assert!(error.contains("connection refused"), "{error}");
    // The beginning of an array would look like a list to a program.
    failure(
        &run(&["plans", "list", "--json", "--url", "http://127.0.0.1:1"]),
        2,
    );
}
