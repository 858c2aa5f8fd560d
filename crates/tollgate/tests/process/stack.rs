//! The API of a stack, which CloudFormation knows.

use std::process::{Command, Output};

use serde_json::json;
use testing::HttpReply;

use crate::program::text;
use crate::signature::{Account, assert_is_signed};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/$default/*/_tollgate/v1/*";

pub(crate) fn outputs(outputs: &[(&str, &str)]) -> HttpReply {
    let outputs: String = outputs
        .iter()
        .map(|(key, value)| {
            format!(
                "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            )
        })
        .collect();
    let xml = format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>{outputs}</Outputs>\
         </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    );
    HttpReply::text(200, "text/xml", &xml)
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> HttpReply {
    let xml = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>\
         </Error></ErrorResponse>"
    );
    HttpReply::text(status, "text/xml", &xml)
}

/// Lists the plans of the stack `prod`. CloudFormation responds with `reply`.
fn list(account: &Account, reply: HttpReply) -> Output {
    account.server.reply("POST /", reply);
    of_stack(account, account.list(&[])).output().unwrap()
}

/// Returns a command about the stack `prod`, with credentials.
pub(crate) fn of_stack(account: &Account, mut command: Command) -> Command {
    command
        .env("TOLLGATE_STACK", "prod")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env(
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        )
        .env("AWS_ENDPOINT_URL", account.server.url());
    command
}

#[test]
fn api_of_a_stack_on_an_emulator_is_called_with_a_signature() {
    let account = Account::new();
    let route = "GET /_aws/execute-api/abc/$default/_tollgate/v1/plans";
    let plans = json!({"items": [{"name": "free"}], "next_cursor": null});
    account.server.reply(route, HttpReply::json(200, &plans));

    let url = ("ApiUrl", "https://abc.execute-api.eu-west-1.amazonaws.com");
    let output = list(&account, outputs(&[url, ("AdministrationArn", ARN)]));

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let requests = account.server.requests();
    let described = String::from_utf8(requests[0].body.clone()).unwrap();
    assert_eq!(
        described,
        "Action=DescribeStacks&Version=2010-05-15&StackName=prod"
    );
    let scope = "/eu-west-1/cloudformation/aws4_request";
    assert!(requests[0].headers["authorization"].contains(scope));
    assert_is_signed(&requests[1], "eu-west-1", None);
}

#[test]
fn missing_permission_of_the_api_is_that_of_the_stack() {
    let account = Account::new();
    let route = "GET /_aws/execute-api/abc/$default/_tollgate/v1/plans";
    let forbidden = HttpReply::json(403, &json!({"message": "Forbidden"}));
    account.server.reply(route, forbidden);

    let url = ("ApiUrl", "https://api.example");
    let output = list(&account, outputs(&[url, ("AdministrationArn", ARN)]));

    assert_eq!(output.status.code(), Some(1));
    let failure = text(&output.stderr);
    assert!(failure.starts_with("tollgate: stack prod ("), "{failure}");
    assert!(
        failure.contains(&format!("execute-api:Invoke on {ARN}")),
        "{failure}"
    );
}

#[test]
fn each_problem_with_a_stack_has_a_message() {
    let missing = "Stack with id prod does not exist";
    let denied =
        "User: arn:aws:iam::1:user/ann is not authorized to perform: cloudformation:DescribeStacks";
    for (reply, code, expected) in [
        (
            error(400, "ValidationError", missing),
            2,
            "tollgate: stack prod: there is no such stack in eu-west-1 of the account\n",
        ),
        (
            outputs(&[("Other", "x")]),
            2,
            "tollgate: stack prod: no output `ApiUrl`: is it a stack of Tollgate whose deployment is \
             complete? Give the URL of the API with --url\n",
        ),
        (
            error(403, "AccessDenied", denied),
            1,
            "tollgate: stack prod: cloudformation: AccessDenied: User: arn:aws:iam::1:user/ann is not \
             authorized to perform: cloudformation:DescribeStacks. Expected the permission \
             cloudformation:DescribeStacks, or --url with the URL of the API\n",
        ),
        (
            error(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 1 is now earlier than 2",
            ),
            2,
            "tollgate: stack prod: cloudformation: the clock of this machine is wrong, set it \
             (SignatureDoesNotMatch: Signature expired: 1 is now earlier than 2)\n",
        ),
        (
            error(
                403,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            2,
            "tollgate: stack prod: cloudformation: AWS does not know these credentials \
             (InvalidClientTokenId: The security token included in the request is invalid.)\n",
        ),
        (
            HttpReply::text(200, "text/html", "hello"),
            2,
            "tollgate: stack prod: cloudformation: unexpected response: not valid XML\n",
        ),
    ] {
        let output = list(&Account::new(), reply);
        assert_eq!(text(&output.stderr), expected);
        assert_eq!(output.status.code(), Some(code), "{expected}");
    }
}

#[test]
fn unreachable_cloudformation_is_named() {
    let account = Account::new();
    let output = account
        .list(&["--stack", "prod", "--region", "eu-west-1"])
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let failure = text(&output.stderr);
    assert!(
        failure.starts_with("tollgate: stack prod: call to 127.0.0.1:1 failed"),
        "{failure}"
    );
    assert!(failure.contains("connection refused"), "{failure}");
}
