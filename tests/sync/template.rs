//! alb-sync's part of the template, beside what the function does.

use gateway::local::Schedule;
use sam_template::{Fields, Kind, Node, ParameterValues, Template};

const TARGETS: &str =
    r#"[{"name":"a.example","target_group_arn":"arn:aws:x:targetgroup/a/1","port":443}]"#;

fn template(given: &[(&str, &str)]) -> Template {
    let text =
        std::fs::read_to_string(tests::project().join("template.yaml")).expect("template.yaml");
    let given = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Template::parse(&text, &given.collect::<ParameterValues>()).expect("a template")
}

fn with_targets() -> Template {
    template(&[
        ("SyncTargets", TARGETS),
        ("SyncTargetGroupArns", "arn:aws:x:targetgroup/a/1"),
        ("MetricsNamespace", "Of/Our own"),
    ])
}

fn ids(template: &Template, kind: &str) -> Vec<String> {
    template
        .resources(kind)
        .expect(kind)
        .into_iter()
        .map(|(id, _)| id)
        .filter(|id| id.starts_with("AlbSync"))
        .collect()
}

fn function() -> Fields {
    function_of(&with_targets())
}

fn function_of(template: &Template) -> Fields {
    let functions = template
        .resources("AWS::Serverless::Function")
        .expect("functions");
    functions
        .into_iter()
        .find(|(id, _)| id == "AlbSyncFunction")
        .expect("alb-sync")
        .1
}

fn role_of(template: &Template) -> Fields {
    let roles = template.resources("AWS::IAM::Role").expect("roles");
    roles
        .into_iter()
        .find(|(id, _)| id == "AlbSyncFunctionRole")
        .expect("alb-sync's role")
        .1
}

fn variables_of(template: &Template) -> Fields {
    let mut environment = Fields::of(
        function_of(template).require("Environment").expect("it"),
        "Environment",
    )
    .expect("a map");
    Fields::of(environment.require("Variables").expect("it"), "Variables").expect("a map")
}

fn texts(node: Node) -> Vec<String> {
    match node.kind {
        Kind::Text(text) => vec![text],
        Kind::List(items) => items.into_iter().flat_map(texts).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_targets_nothing_of_it_exists() {
    for (kind, id) in [
        ("AWS::Serverless::Function", "AlbSyncFunction"),
        ("AWS::Logs::LogGroup", "AlbSyncLogGroup"),
    ] {
        assert!(ids(&template(&[]), kind).is_empty(), "{id}");
        assert_eq!(ids(&with_targets(), kind), [id]);
    }
    assert!(Schedule::all(&template(&[])).expect("schedules").is_empty());
}

#[test]
fn every_target_is_followed_as_it_is_written() {
    let first = r#"{"name":"b.example","target_group_arn":"arn:aws:x:targetgroup/b/1","port":443,"networks":["2001:db8::/56"]}"#;
    let second = r#"{"name":"c.example","target_group_arn":"arn:aws:x:targetgroup/c/1","port":80}"#;
    for given in [format!("[{first}]"), format!("[{first}, {second}]")] {
        let template = template(&[
            ("SyncTargets", &given),
            ("SyncTargetGroupArns", "arn:aws:x:targetgroup/b/1"),
        ]);
        let set = variables_of(&template)
            .require_text("SYNC_TARGETS")
            .expect("it")
            .0;
        assert_eq!(set, given);
        assert_eq!(Schedule::all(&template).expect("schedules").len(), 1);
    }
}

#[test]
fn it_is_in_the_vpc_only_where_that_is_asked_for() {
    assert!(function().take("VpcConfig").is_none());
    let inside = function_of(&template(&[
        ("SyncTargets", TARGETS),
        ("SyncInVpc", "true"),
        ("PrivateSubnetIds", "subnet-1,subnet-2"),
    ]))
    .require("VpcConfig")
    .expect("it");
    let mut inside = Fields::of(inside, "VpcConfig").expect("a map");
    assert_eq!(
        texts(inside.require("SecurityGroupIds").expect("groups")),
        ["FunctionSecurityGroup"]
    );
    assert_eq!(
        texts(inside.require("SubnetIds").expect("subnets")).len(),
        2
    );
}

#[test]
fn it_runs_every_minute_ends_before_the_next_and_is_never_retried() {
    let schedules = Schedule::all(&with_targets()).expect("schedules");
    assert_eq!(
        schedules
            .iter()
            .map(|schedule| schedule.interval.as_secs())
            .collect::<Vec<_>>(),
        [60]
    );
    let mut function = function();
    let timeout = function
        .number::<u64>("Timeout")
        .expect("a number")
        .expect("a time-out");
    assert!(
        (26..60).contains(&timeout),
        "above the longest run and below the interval"
    );
    let mut invoke =
        Fields::of(function.require("EventInvokeConfig").expect("it"), "it").expect("a map");
    assert_eq!(
        invoke.require_text("MaximumRetryAttempts").expect("it").0,
        "0"
    );
    assert_eq!(
        invoke
            .require_text("MaximumEventAgeInSeconds")
            .expect("it")
            .0,
        "60"
    );
}

#[test]
fn each_setting_has_a_parameter_and_its_default_is_the_functions_own() {
    let set = |more: &[(&str, &str)]| {
        let parameters = [&[("SyncTargets", TARGETS)], more].concat();
        let mut variables = variables_of(&template(&parameters));
        let names = [
            "MISSES_BEFORE_DEREGISTRATION",
            "INTERVAL_S",
            "MAX_DEREGISTRATION_PERCENT",
            "MAX_LOOKUPS",
            "REMOVE_UNTRACKED",
            "DRY_RUN",
        ];
        let text = |name: &str| (name.to_owned(), variables.require_text(name).expect(name).0);
        names
            .map(text)
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let config = |variables: &std::collections::BTreeMap<String, String>| {
        let more = |name: &str| match name {
            "SYNC_TARGETS" => Some(TARGETS.to_owned()),
            "USAGE_TABLE" => Some("usage".to_owned()),
            other => variables.get(other).cloned(),
        };
        alb_sync::Config::from_lookup(more).expect("a configuration")
    };
    assert_eq!(
        config(&set(&[])),
        config(&std::collections::BTreeMap::new())
    );

    let given = set(&[
        ("SyncMisses", "5"),
        ("SyncIntervalSeconds", "120"),
        ("SyncMaxDeregistrationPercent", "25"),
        ("SyncMaxLookups", "300"),
        ("SyncRemoveUntracked", "true"),
        ("SyncDryRun", "true"),
    ]);
    assert_eq!(
        given.values().collect::<Vec<_>>(),
        ["true", "120", "25", "300", "5", "true"]
    );
    assert!(config(&given).dry_run && config(&given).settings.remove_untracked);
}

#[test]
fn it_may_change_its_target_groups_and_its_own_items_alone() {
    let policy = texts_of_policies(&with_targets());
    assert_eq!(
        policy["ChangeTheseTargetGroups"].1,
        ["arn:aws:x:targetgroup/a/1"]
    );
    assert_eq!(policy["LookAtTargetGroups"].1, ["*"]);
    assert_eq!(
        policy["KeepState"].0,
        ["dynamodb:GetItem", "dynamodb:PutItem"]
    );
    let all =
        std::fs::read_to_string(tests::project().join("template.yaml")).expect("template.yaml");
    assert!(all.contains(r#""dynamodb:LeadingKeys": ["sync#*"]"#));
    let actions: Vec<_> = policy
        .values()
        .flat_map(|(actions, _)| actions.clone())
        .collect();
    for (crate_file, calls) in [
        (
            "target_groups.rs",
            [
                "DescribeTargetGroups",
                "DescribeTargetHealth",
                "RegisterTargets",
                "DeregisterTargets",
            ],
        ),
        (
            "state_table.rs",
            ["GetItem", "PutItem", "GetItem", "PutItem"],
        ),
    ] {
        let source = std::fs::read_to_string(
            tests::project()
                .join("functions/alb-sync/src")
                .join(crate_file),
        )
        .expect("it");
        for call in calls {
            assert!(source.contains(&format!("\"{call}\"")), "{call}");
            assert!(
                actions
                    .iter()
                    .any(|action| action.ends_with(&format!(":{call}"))),
                "{call}"
            );
        }
    }
}

/// Actions and resources of each statement.
fn texts_of_policies(
    template: &Template,
) -> std::collections::BTreeMap<String, (Vec<String>, Vec<String>)> {
    let policies = role_of(template)
        .require("Policies")
        .expect("policies")
        .into_list("Policies")
        .expect("a list");
    let mut policy =
        Fields::of(policies.into_iter().next().expect("a policy"), "a policy").expect("a map");
    let document = policy.require("PolicyDocument").expect("it");
    let statements = Fields::of(document, "a document")
        .expect("a map")
        .require("Statement")
        .expect("it")
        .into_list("Statement")
        .expect("a list");
    let read = |statement: Node| {
        let mut statement = Fields::of(statement, "a statement").expect("a map");
        let sid = statement.require_text("Sid").expect("a name").0;
        let of = |node: Result<Node, _>| texts(node.unwrap_or_else(|error| panic!("{error:?}")));
        (
            sid,
            (
                of(statement.require("Action")),
                of(statement.require("Resource")),
            ),
        )
    };
    statements.into_iter().map(read).collect()
}

#[test]
fn every_variable_that_it_is_given_is_one_that_it_reads() {
    let source = std::fs::read_to_string(tests::project().join("functions/alb-sync/src/config.rs"))
        .expect("config.rs");
    let variables = variables_of(&with_targets()).rest();
    assert_eq!(variables.len(), 10);
    let read = source
        .split("#[cfg(test)]")
        .next()
        .expect("the code before its tests");
    for (name, ..) in variables {
        assert!(read.contains(&format!("\"{name}\"")), "{name}");
    }
}
