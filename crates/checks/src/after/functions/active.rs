//! The state and the settings of the functions.

use serde_json::Value;

use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::comparison::{is_known, is_same, plain};
use super::function::{Function, functions};

const CHECK: Check = Check {
    id: "functions-active",
    group: Group::Functions,
    title: "Every function is active and has the settings of the template",
    explanation: "Lambda rejects invocations of a function that is not active. Settings that were \
                  changed outside the stack, such as memory or timeout, last until the next \
                  deployment changes the function.",
    fix: "If a function is pending or updating, wait. If it failed, its reason names the cause. If \
          settings differ, deploy again with a changed parameter, or correct the setting in \
          Lambda.",
    permissions: &[
        "lambda:GetFunctionConfiguration",
        "cloudformation:GetTemplate",
    ],
    evidence: Some("The SAM CLI deploys, updates and deletes the template."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The settings that are compared: the property of the template and its place in the response.
const SETTINGS: [(&str, &str); 9] = [
    ("/Runtime", "/Runtime"),
    ("/Handler", "/Handler"),
    ("/Architectures", "/Architectures"),
    ("/MemorySize", "/MemorySize"),
    ("/Timeout", "/Timeout"),
    ("/Tracing", "/TracingConfig/Mode"),
    ("/KmsKeyArn", "/KMSKeyArn"),
    ("/LoggingConfig/LogFormat", "/LoggingConfig/LogFormat"),
    ("/LoggingConfig/LogGroup", "/LoggingConfig/LogGroup"),
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let functions = functions(stack);
    if functions.is_empty() {
        return Ok(Verdict::failed("the stack has no functions"));
    }
    let mut findings = Findings::default();
    let mut read_functions = 0;
    for function in &functions {
        let read = function.configuration(stack).await;
        let Some(configuration) = findings.take(&function.to_string(), read) else {
            continue;
        };
        read_functions += 1;
        state(function, &configuration, &mut findings);

        let expected = stack.expected(function.name);
        if let Some(Some(expected)) = findings.take("the template", expected) {
            settings(function, &expected, &configuration, &mut findings);
        }
    }
    // A stack without the limiter is an example, which has no number of a release.
    if stack.resource("LimiterFunction").is_some() {
        release(stack.output("Version"), &mut findings);
    }

    findings.fact_of_some(read_functions, "functions are active");
    Ok(findings.into_verdict())
}

/// Compares the state. Versions of functions have no `LastUpdateStatus` in some responses.
fn state(function: &Function<'_>, configuration: &Value, findings: &mut Findings) {
    let reason = |name: &str| match text(&configuration[name]) {
        "" => String::new(),
        reason => format!(": {reason}"),
    };

    match text(&configuration["State"]) {
        "Active" => {}
        "" => findings.unproven(format!("{function} has no state in the response")),
        "Inactive" => findings.warning(format!(
            "{function} is Inactive, expected Active: the first requests fail until Lambda has \
             prepared it again"
        )),
        state => findings.problem(format!(
            "{function} is {state}, expected Active{}",
            reason("StateReason")
        )),
    }
    match text(&configuration["LastUpdateStatus"]) {
        "Successful" | "" => {}
        status => findings.problem(format!(
            "{function}: the last update is {status}, expected Successful{}",
            reason("LastUpdateStatusReason")
        )),
    }
}

fn settings(
    function: &Function<'_>,
    expected: &Value,
    configuration: &Value,
    findings: &mut Findings,
) {
    for (property, place) in SETTINGS {
        let Some(expected) = expected.pointer(property).filter(|value| is_known(value)) else {
            continue;
        };
        let actual = configuration.pointer(place).unwrap_or(&Value::Null);
        if !is_same(expected, actual) {
            findings.problem(format!(
                "{function}: {} is {}, expected {}",
                &place[1..],
                plain(actual),
                plain(expected)
            ));
        }
    }
}

/// Compares the release of the stack with that of this command.
fn release(deployed: Option<&str>, findings: &mut Findings) {
    let command = env!("CARGO_PKG_VERSION");
    match deployed {
        None => findings.warning("the stack has no output Version, so its release is not known"),
        Some(deployed) if deployed != command => findings.warning(format!(
            "the stack is of release {deployed}, and this command is of release {command}"
        )),
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const AUTHORIZER: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";
    const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~configuration.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn active_functions_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("4 functions are active"));
    }

    #[tokio::test]
    async fn failed_function_fails_with_its_reason() {
        let recorded = Recorded::healthy().with(AUTHORIZER, |text| {
            text.replace(
                "\"State\": \"Active\"",
                "\"State\": \"Failed\", \"StateReason\": \"The KMS key is disabled\"",
            )
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "function tollgate-AuthorizerFunction-AbCdEfGh:live is Failed, expected Active: \
                 The KMS key is disabled"
            ]
        );
    }

    #[tokio::test]
    async fn failed_update_fails() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace(
                "\"LastUpdateStatus\": \"Successful\"",
                "\"LastUpdateStatus\": \"Failed\"",
            )
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "function tollgate-LimiterFunction-AbCdEfGh: the last update is Failed, expected \
                 Successful"
            ]
        );
    }

    #[tokio::test]
    async fn every_changed_setting_is_named() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace("\"MemorySize\": 512", "\"MemorySize\": 128")
                .replace("\"Timeout\": 28", "\"Timeout\": 3")
                .replace("arm64", "x86_64")
                .replace("\"JSON\"", "\"Text\"")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        let name = "function tollgate-LimiterFunction-AbCdEfGh";
        assert_eq!(
            verdict.details,
            [
                format!("{name}: Architectures is x86_64, expected arm64"),
                format!("{name}: MemorySize is 128, expected 512"),
                format!("{name}: Timeout is 3, expected 28"),
                format!("{name}: LoggingConfig/LogFormat is Text, expected JSON"),
            ]
        );
    }

    #[tokio::test]
    async fn stack_without_functions_fails() {
        let recorded = Recorded::healthy().with("cloudformation.ListStackResources.xml", |text| {
            text.replace("AWS::Lambda::Function", "AWS::Other")
        });
        let expected = Verdict::failed("the stack has no functions");
        assert_eq!(verdict(recorded).await, expected);
    }

    #[tokio::test]
    async fn deleted_function_fails() {
        let verdict = verdict(Recorded::healthy().missing(LIMITER)).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["function tollgate-LimiterFunction-AbCdEfGh does not exist"]
        );
    }

    #[tokio::test]
    async fn idle_function_needs_attention() {
        let recorded = Recorded::healthy().with(LIMITER, |text| {
            text.replace("\"State\": \"Active\"", "\"State\": \"Inactive\"")
        });
        assert_eq!(verdict(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn another_release_needs_attention() {
        let version = env!("CARGO_PKG_VERSION");
        let recorded = Recorded::healthy().with("cloudformation.DescribeStacks.xml", |text| {
            text.replace(&format!(">{version}<"), ">0.0.1<")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(
            verdict.details,
            [format!(
                "the stack is of release 0.0.1, and this command is of release {version}"
            )]
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(LIMITER)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details,
            [
                "needs lambda:GetFunctionConfiguration",
                "apart from that: 3 functions are active"
            ]
        );
    }
}
