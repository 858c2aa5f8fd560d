//! The header that the listener rules match.

use serde_json::{Map, Value};

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::load_balancer::{ListenerRule, rules};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::super::integration::request_mappings;
use super::{listener_with_rules, own_arns};

const CHECK: Check = Check {
    id: "listener-rules-header-only",
    group: Group::Network,
    title: "The listener rules match the header that API Gateway overwrites with the decision",
    explanation: "API Gateway writes the decision of the authorizer into a header, in place of a \
                  value of the client. If the rules match another header, throttled requests reach \
                  the service, and the client decides which requests get 429.",
    fix: "Deploy the stack again, so that CloudFormation restores the mappings of the integration \
          and the conditions of the rules.",
    permissions: &["elasticloadbalancing:DescribeRules", "apigateway:GET"],
    evidence: Some("The listener rules return 429 for an exceeded limit"),
};

pub(in crate::after::network) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let listener = match listener_with_rules(stack) {
        Ok(listener) => listener,
        Err(verdict) => return Ok(verdict),
    };
    let Some(mappings) = request_mappings(stack, "ProtectedIntegration").await? else {
        return Ok(Verdict::not_applicable(
            "the stack has no integration of its own",
        ));
    };
    let found = rules(stack.account(), &listener).await?;
    Ok(verdict(&mappings, &found, &own_arns(stack)))
}

fn verdict(mappings: &Map<String, Value>, rules: &[ListenerRule], own: &[&str]) -> Verdict {
    let Some(header) = decision_header(mappings) else {
        return Verdict::failed(
            "the integration overwrites no header with the decision of the authorizer",
        );
    };
    let of_stack: Vec<&ListenerRule> = rules
        .iter()
        .filter(|rule| own.contains(&rule.arn.as_str()))
        .collect();
    if of_stack.is_empty() {
        return Verdict::failed("the listener has no rule of the stack");
    }

    let mut problems = Vec::new();
    for rule in of_stack {
        let mut names: Vec<String> = rule.header_conditions().map(|it| it.name).collect();
        if names.is_empty() {
            names.push("no header".to_owned());
        }
        let others = names.iter().filter(|name| **name != header);
        problems.extend(
            others.map(|name| {
                format!("{rule} matches {name}, but the integration overwrites {header}")
            }),
        );
    }
    Verdict::of_problems(problems, format!("the rules match {header}"))
}

/// Returns the header, in lower case, that is overwritten with the decision of the authorizer.
fn decision_header(mappings: &Map<String, Value>) -> Option<String> {
    mappings.iter().find_map(|(destination, source)| {
        let header = destination.strip_prefix("overwrite:header.")?;
        let is_decision = matches!(
            source.as_str()?,
            "$context.authorizer.decision" | "$context.authorizer.lambda.decision"
        );
        is_decision.then(|| header.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const RULES: &str = "elasticloadbalancing.DescribeRules.xml";
    const INTEGRATIONS: &str = "apigateway.GET@apis~a1b2c3d4e5~integrations.json";

    async fn checked(recorded: Recorded) -> Verdict {
        match check(&recorded.stack().await).await {
            Ok(verdict) => verdict,
            Err(reason) => reason.into(),
        }
    }

    #[tokio::test]
    async fn same_header_passes() {
        let verdict = checked(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("the rules match x-tollgate-decision"));
    }

    #[tokio::test]
    async fn rule_on_another_header_fails() {
        let recorded = Recorded::healthy().with(RULES, |text| {
            text.replacen("x-tollgate-decision", "X-Decision", 1)
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "rule 1111111111111111 (priority 1) matches x-decision, but the integration \
                 overwrites x-tollgate-decision"
            ]
        );
    }

    #[tokio::test]
    async fn removed_mapping_fails() {
        let recorded = Recorded::healthy().with(INTEGRATIONS, |text| {
            text.replace(
                "overwrite:header.x-tollgate-decision",
                "append:header.x-tollgate-decision",
            )
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["the integration overwrites no header with the decision of the authorizer"]
        );
    }

    #[tokio::test]
    async fn missing_integration_and_missing_rules_fail() {
        let recorded = Recorded::healthy().with(INTEGRATIONS, |text| {
            text.replace("\"intprot\"", "\"other\"")
        });
        assert_eq!(checked(recorded).await.status, Status::Failed);

        let recorded = Recorded::healthy().with(RULES, |text| {
            text.replace("/1111", "/9").replace("/2222", "/8")
        });
        assert_eq!(checked(recorded).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn stack_without_an_integration_is_not_checked_here() {
        let recorded = Recorded::healthy().with("cloudformation.ListStackResources.xml", |text| {
            text.replace("ProtectedIntegration", "OtherIntegration")
        });
        assert_eq!(checked(recorded).await.status, Status::NotApplicable);
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let denied = checked(Recorded::healthy().denied(RULES)).await;
        let rules = Verdict::not_checked("needs elasticloadbalancing:DescribeRules");
        assert_eq!(denied, rules);

        let denied = checked(Recorded::healthy().denied(INTEGRATIONS)).await;
        assert_eq!(denied, Verdict::not_checked("needs apigateway:GET"));
    }
}
