//! `tollgate check` of a stack and of a parameter file: what is read, and what happens if it cannot be
//! read.

use std::process::Output;

use serde_json::json;
use testing::HttpReply;

use crate::check::{check, report};
use crate::operator::failure;
use crate::program::text;
use crate::signature::Account;
use crate::stack::{error, of_stack, outputs};

/// Scripts the responses about a stack with these resources: to the client, to the checks, and for the
/// resources. The template cannot be read.
fn add_stack(account: &Account, described: &HttpReply, resources: &[&str]) {
    let resources: String = resources
        .iter()
        .map(|name| {
            format!(
                "<member><LogicalResourceId>{name}</LogicalResourceId>\
                 <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
            )
        })
        .collect();
    let listed = format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{resources}\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
    );
    account.server.reply("POST /", described.clone());
    account.server.reply("POST /", described.clone());
    account
        .server
        .reply("POST /", HttpReply::text(200, "text/xml", &listed));
}

/// Checks the stack `prod`. CloudFormation responds with `reply`.
fn check_stack(reply: HttpReply, arguments: &[&str]) -> Output {
    let account = Account::new();
    account.server.reply("POST /", reply);
    let command = account.command(&[&["check"], arguments].concat());
    of_stack(&account, command).output().unwrap()
}

#[test]
fn stack_that_cannot_be_read_is_one_error() {
    let missing = error(400, "ValidationError", "Stack with id prod does not exist");
    let message = failure(&check_stack(missing, &[]), 2);
    let expected = "tollgate: stack prod: there is no such stack in eu-west-1 of the account\n";
    assert_eq!(message, expected);

    let denied = error(403, "AccessDenied", "not authorized");
    let message = failure(&check_stack(denied, &["--only", "network"]), 1);
    assert!(
        message.contains("cloudformation:DescribeStacks"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn missing_credentials_are_one_error() {
    let account = Account::new();
    let arguments = ["check", "--stack", "prod", "--region", "eu-west-1"];
    let message = failure(&account.command(&arguments).output().unwrap(), 2);
    assert!(message.contains("credentials"), "{message}");
}

#[test]
fn stack_of_another_product_is_one_error() {
    let account = Account::new();
    add_stack(&account, &outputs(&[("Other", "x")]), &["Vpc"]);
    let mut command = of_stack(&account, account.command(&["check"]));
    let message = failure(&command.output().unwrap(), 2);
    assert!(message.contains("is it a stack of Tollgate"), "{message}");
}

#[test]
fn stack_without_an_api_says_so_in_the_checks_of_the_api() {
    let account = Account::new();
    add_stack(
        &account,
        &outputs(&[("Other", "x")]),
        &["AuthorizerFunction"],
    );

    let command = account.command(&["check", "--only", "admin-api-reachable"]);
    let (code, report) = report(&mut of_stack(&account, command));
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(report["target"], "stack prod");
    let reachable = check(&report, "admin-api-reachable");
    assert_eq!(reachable["status"], "error");
    let detail = reachable["details"][0].as_str().unwrap();
    assert!(detail.contains("no output `ApiUrl`"), "{detail}");
}

#[test]
fn missing_permission_of_the_admin_api_is_not_checked() {
    let account = Account::new();
    let url = ("ApiUrl", "https://api.example");
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/*/_tollgate/v1/*";
    let reply = outputs(&[url, ("AdministrationArn", arn)]);
    add_stack(&account, &reply, &["AuthorizerFunction"]);
    let route = "GET /_aws/execute-api/abc/$default/_tollgate/v1/plans";
    let forbidden = HttpReply::json(403, &json!({"message": "Forbidden"}));
    account.server.reply(route, forbidden);

    let command = account.command(&["check", "--only", "admin-api-reachable"]);
    let (code, report) = report(&mut of_stack(&account, command));
    assert_eq!(code, 0, "{report:#}");
    let reachable = check(&report, "admin-api-reachable");
    assert_eq!(reachable["status"], "not_checked");
    let detail = reachable["details"][0].as_str().unwrap();
    let needed = format!("needs execute-api:Invoke on {arn}");
    assert!(detail.starts_with(&needed), "{detail}");
}

#[test]
fn parameters_are_checked_without_a_target_in_the_environment() {
    let account = Account::new();
    let file = account.path().join("parameters.yaml");
    std::fs::write(&file, "VpcIdd: vpc-0123456789abcdef0\n").unwrap();
    let file = file.to_str().unwrap();
    let arguments = ["check", "--parameters", file, "--only", "parameters-known"];
    let (code, report) = report(account.command(&arguments).env("TOLLGATE_STACK", "prod"));

    assert_eq!(code, 1, "{report:#}");
    assert_eq!(report["target"], file);
    let known = check(&report, "parameters-known");
    let detail = known["details"].to_string();
    assert!(
        detail.contains("VpcIdd") && detail.contains("VpcId"),
        "{detail}"
    );
    assert!(account.server.requests().is_empty());
}

#[test]
fn stored_policy_is_read_from_a_file() {
    let account = Account::new();
    let [file, policy] = ["parameters.yaml", "edge.json"].map(|name| account.path().join(name));
    std::fs::write(
        &file,
        "CreateVpcLink: \"false\"\nBackendUrl: https://a.example\nAuthPolicy: table:edge\n",
    )
    .unwrap();
    std::fs::write(&policy, r#"{"rules": [{"match": "/a", "auth": "any"}]}"#).unwrap();
    let file = ["check", "--parameters", file.to_str().unwrap()];
    let only = ["--only", "policy-valid"];

    let (code, without) = report(&mut account.command(&[&file[..], &only].concat()));
    assert_eq!(code, 0, "{without:#}");
    assert_eq!(check(&without, "policy-valid")["status"], "not_checked");

    let policy = ["--policy", policy.to_str().unwrap()];
    let (code, with) = report(&mut account.command(&[&file[..], &only, &policy].concat()));
    assert_eq!(code, 1, "{with:#}");
    let detail = check(&with, "policy-valid")["details"].to_string();
    assert!(detail.contains("edge.json: line 1"), "{detail}");
}

#[test]
fn account_is_optional_unless_it_is_selected() {
    let account = Account::new();
    let file = account.path().join("parameters.yaml");
    std::fs::write(&file, "Environment: development\n").unwrap();
    let arguments = ["check", "--parameters", file.to_str().unwrap()];

    let only = ["--only", "parameters-known"];
    let file_only = account.command(&[&arguments[..], &only].concat()).output();
    assert_eq!(text(&file_only.unwrap().stderr), "");
    let note = text(&account.command(&arguments).output().unwrap().stderr);
    assert!(note.starts_with("The account is not checked: "), "{note}");

    let region = ["--region", "eu-west-1"];
    let selected = account
        .command(&[&arguments[..], &region].concat())
        .output()
        .unwrap();
    let message = failure(&selected, 2);
    assert!(message.contains("credentials"), "{message}");
}

#[test]
fn parameter_file_that_cannot_be_read_is_invalid_input() {
    let account = Account::new();
    let arguments = ["check", "--parameters", "no-such-file.yaml"];
    let message = failure(&account.command(&arguments).output().unwrap(), 2);
    assert!(message.contains("no-such-file.yaml"), "{message}");
}
