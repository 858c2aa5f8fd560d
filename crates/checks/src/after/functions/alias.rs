//! The alias that API Gateway invokes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{ALIAS, Function, authorizer};

const CHECK: Check = Check {
    id: "alias-current",
    group: Group::Functions,
    title: "The alias of the authorizer is its newest version",
    explanation: "API Gateway invokes the alias `live`. If the alias is an older version, its code \
                  and its policy decide, although the deployment succeeded. Weights that a gradual \
                  deployment left over send requests to two versions.",
    fix: "Open the deployments of the function in CodeDeploy, and end one that is still running. \
          Otherwise deploy again with a changed parameter, which publishes a version and moves the \
          alias.",
    permissions: &[
        "lambda:GetAlias",
        "lambda:ListVersionsByFunction",
        "lambda:GetFunctionConfiguration",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let function = authorizer(stack)?;
    if function.alias.is_none() {
        return Ok(Verdict::not_applicable("the stack publishes no alias"));
    }
    let mut findings = Findings::default();

    let path = function.path("2015-03-31", &["aliases", ALIAS]);
    let call = Call::get(Service::Lambda, "GetAlias", &path);
    let Some(alias) = findings.take(&function.to_string(), stack.account().read(&call).await)
    else {
        return Ok(findings.into_verdict());
    };
    let current = text(&alias["FunctionVersion"]);
    let is_split = weights(&function, &alias, stack, &mut findings);

    let path = function.path("2015-03-31", &["versions"]);
    let call = Call::get(Service::Lambda, "ListVersionsByFunction", &path);
    let versions = stack.account().read_all(&call, "/Versions").await;
    // While two versions share the requests, the alias is the older one.
    if !is_split {
        deployed_version(&function, current, stack, &mut findings);
    }
    if let Some(versions) = findings.take(&function.to_string(), versions) {
        if !is_split {
            newest(&function, current, &versions, &mut findings);
        }
        unpublished_changes(&function, current, &versions, &mut findings);
    }
    Ok(findings.into_verdict())
}

/// Names the weights of other versions. Returns true if there are any.
fn weights(function: &Function<'_>, alias: &Value, stack: &Stack, findings: &mut Findings) -> bool {
    let weights = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object();
    let Some(weights) = weights.filter(|weights| !weights.is_empty()) else {
        return false;
    };
    let is_deploying = stack.status().ends_with("_IN_PROGRESS");
    let cause = if is_deploying {
        "a gradual deployment is running"
    } else {
        "no deployment of the stack is running"
    };
    for (version, weight) in weights {
        let detail = format!(
            "{function} sends the share {weight} of the requests to version {version}, and {cause}"
        );
        let receives_all = weight.as_f64().is_some_and(|share| share >= 1.0);
        if is_deploying && !receives_all {
            findings.warning(detail);
        } else {
            findings.problem(detail);
        }
    }
    true
}

/// Compares the version of the alias with the version that the stack deployed.
fn deployed_version(
    function: &Function<'_>,
    current: &str,
    stack: &Stack,
    findings: &mut Findings,
) {
    let prefix = format!("{}Version", function.name);
    let deployed = stack.resources().find(|(name, resource)| {
        resource.kind == "AWS::Lambda::Version" && name.starts_with(&prefix)
    });
    let number = deployed.and_then(|(_, resource)| resource.id.rsplit(':').next());
    match number {
        None => {}
        Some(number) if number == current => findings.fact(format!(
            "{function} is version {current}, which the stack published"
        )),
        Some(number) => findings.problem(format!(
            "{function} is version {current}, expected {number}, which the stack published"
        )),
    }
}

fn newest(function: &Function<'_>, current: &str, versions: &[Value], findings: &mut Findings) {
    let numbers = versions
        .iter()
        .filter_map(|version| text(&version["Version"]).parse::<u64>().ok());
    let Some(newest) = numbers.max() else {
        findings.problem(format!("{function} has no published version"));
        return;
    };
    if current == newest.to_string() {
        findings.fact(format!("{function} is version {current}, the newest one"));
    } else {
        findings.problem(format!(
            "{function} is version {current}, and the newest version is {newest}"
        ));
    }
}

/// Names what was changed in the function after the alias' version was published.
fn unpublished_changes(
    function: &Function<'_>,
    current: &str,
    versions: &[Value],
    findings: &mut Findings,
) {
    let find = |name: &str| versions.iter().find(|version| version["Version"] == name);
    let (Some(published), Some(latest)) = (find(current), find("$LATEST")) else {
        return;
    };
    if published["CodeSha256"] != latest["CodeSha256"] {
        findings.problem(format!(
            "{function}: the code of version {current} differs from that of $LATEST, which is not \
             published"
        ));
    }
    for name in changed_variables(published, latest) {
        findings.problem(format!(
            "{function}: the variable {name} of version {current} differs from that of $LATEST, \
             which is not published"
        ));
    }
}

/// Returns the names of the variables that differ. Their values can contain secrets.
fn changed_variables<'v>(published: &'v Value, latest: &'v Value) -> BTreeSet<&'v str> {
    let variables = |version: &'v Value| &version["Environment"]["Variables"];
    let (published, latest) = (variables(published), variables(latest));
    let names = [published, latest]
        .into_iter()
        .filter_map(Value::as_object)
        .flat_map(|variables| variables.keys());
    names
        .map(String::as_str)
        .filter(|name| published[*name] != latest[*name])
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const GET_ALIAS: &str = "lambda.GET@~aliases~live.json";
    const DESCRIBE_STACKS: &str = "cloudformation.DescribeStacks.xml";
    const VERSIONS: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~versions.json";
    const NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";

    /// Returns the responses of a stack whose alias sends a share of the requests to version 4.
    fn with_weight(weight: &str) -> Recorded {
        Recorded::healthy().with(GET_ALIAS, |text| {
            let weights = format!(r#""AdditionalVersionWeights": {{"4": {weight}}}"#);
            text.replace(
                "\"Description\"",
                &format!("\"RoutingConfig\": {{{weights}}}, \"Description\""),
            )
        })
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn newest_version_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                format!("{NAME} is version 3, which the stack published"),
                format!("{NAME} is version 3, the newest one"),
            ]
        );
    }

    #[tokio::test]
    async fn older_version_fails() {
        let recorded = Recorded::healthy().with(GET_ALIAS, |text| {
            text.replace("\"FunctionVersion\": \"3\"", "\"FunctionVersion\": \"2\"")
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!("{NAME} is version 2, expected 3, which the stack published"),
                format!("{NAME} is version 2, and the newest version is 3"),
                format!(
                    "{NAME}: the code of version 2 differs from that of $LATEST, which is not \
                     published"
                ),
            ]
        );
    }

    #[tokio::test]
    async fn weights_that_are_left_over_fail() {
        let verdict = verdict(with_weight("0.1")).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [format!(
                "{NAME} sends the share 0.1 of the requests to version 4, and no deployment of \
                 the stack is running"
            )]
        );
    }

    #[tokio::test]
    async fn weights_of_a_running_deployment_need_attention_unless_one_is_everything() {
        for (weight, status) in [("0.1", Status::Warning), ("1.0", Status::Failed)] {
            let deploying = with_weight(weight).with(DESCRIBE_STACKS, |text| {
                text.replace(
                    "<StackStatus>UPDATE_COMPLETE</StackStatus>",
                    "<StackStatus>UPDATE_IN_PROGRESS</StackStatus>",
                )
            });
            let verdict = verdict(deploying).await;
            assert_eq!(verdict.status, status, "{verdict:?}");
            assert!(verdict.details[0].ends_with("a gradual deployment is running"));
        }
    }

    #[tokio::test]
    async fn changes_that_are_not_published_fail_without_their_values() {
        let recorded = Recorded::healthy().with(VERSIONS, |text| {
            text.replacen(
                "\"KEY_HEADER\": \"x-api-key\"",
                "\"KEY_HEADER\": \"other\"",
                1,
            )
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [format!(
                "{NAME}: the variable KEY_HEADER of version 3 differs from that of $LATEST, which \
                 is not published"
            )]
        );
    }

    #[tokio::test]
    async fn missing_alias_fails() {
        let verdict = verdict(Recorded::healthy().missing(GET_ALIAS)).await;
        assert_eq!(verdict, Verdict::failed(format!("{NAME} does not exist")));
    }

    #[tokio::test]
    async fn what_is_read_counts_without_the_list_of_versions() {
        let denied = Recorded::healthy().denied(VERSIONS);
        let result = verdict(denied.clone()).await;
        assert_eq!(result.status, Status::NotChecked);
        assert_eq!(
            result.details,
            [
                "needs lambda:ListVersionsByFunction".to_owned(),
                format!("apart from that: {NAME} is version 3, which the stack published"),
            ]
        );

        let older = denied.with(GET_ALIAS, |text| {
            text.replace("\"FunctionVersion\": \"3\"", "\"FunctionVersion\": \"2\"")
        });
        assert_eq!(verdict(older).await.status, Status::Failed);
    }
}
