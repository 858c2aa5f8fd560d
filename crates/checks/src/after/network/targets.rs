//! The health of the services behind the listener.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{Target, group_name, rules, targets};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::{Status, Verdict};

use super::backend::{listener_arn, no_listener};

/// The number of target groups that are read at the same time.
const CONCURRENCY: usize = 4;

const CHECK: Check = Check {
    id: "targets-healthy",
    group: Group::Network,
    title: "Each service behind the listener has a healthy target",
    explanation: "The load balancer responds with 503 if a target group has no target, and with 502 \
                  or 504 if its targets do not respond. One service without a healthy target is a \
                  warning, because it can be stopped on purpose. If no service has one, no request \
                  can succeed.",
    fix: "Read the reason in the health of the targets: `aws elbv2 describe-target-health \
          --target-group-arn ARN`. The security group of the targets must admit the load balancer.",
    permissions: &[
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetHealth",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let account = stack.account();
    let found = rules(account, &listener).await?;
    let groups: BTreeSet<String> = found
        .iter()
        .flat_map(|rule| rule.target_groups())
        .map(str::to_owned)
        .collect();

    let reads = groups.into_iter().map(|group| async move {
        let outcome = targets(account, &group).await;
        (group, outcome)
    });
    let read: Vec<_> = stream::iter(reads).buffered(CONCURRENCY).collect().await;

    let mut findings = Findings::default();
    let mut known = Vec::new();
    for (group, outcome) in read {
        let name = group_name(&group).to_owned();
        if let Some(targets) = findings.take(&format!("target group {name}"), outcome) {
            known.push((name, targets));
        }
    }
    Ok(verdict(&known, findings))
}

fn verdict(groups: &[(String, Vec<Target>)], mut findings: Findings) -> Verdict {
    let mut in_service = Vec::new();
    for (name, targets) in groups {
        let count = targets.iter().filter(|it| it.is_in_service()).count();
        if count == 0 {
            findings.warning(format!(
                "target group {name} has no healthy target: {}",
                states(targets)
            ));
        } else {
            in_service.push(format!("{name} {count} of {}", targets.len()));
        }
    }

    if groups.is_empty() {
        findings.warning("the listener has no rule that forwards to a target group");
    }
    let serves_nothing = in_service.is_empty() && !groups.is_empty();
    let mut verdict = findings.verdict(match in_service.as_slice() {
        [] => "no target is known to be healthy".to_owned(),
        counts => format!("healthy targets: {}", counts.join(", ")),
    });
    if serves_nothing && verdict.status == Status::Warning {
        verdict.status = Status::Failed;
    }
    verdict
}

/// Returns the states of targets with their reasons, each once.
fn states(targets: &[Target]) -> String {
    if targets.is_empty() {
        return "it has no target".to_owned();
    }
    let states: BTreeSet<String> = targets
        .iter()
        .map(|target| match target.reason.as_str() {
            "" => target.state.clone(),
            reason => format!("{} ({reason})", target.state),
        })
        .collect();
    Vec::from_iter(states).join(", ")
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;

    use super::*;

    const RULES: &str = "elasticloadbalancing.DescribeRules.xml";
    const WEB: &str = "elasticloadbalancing.DescribeTargetHealth@targetgroup~web.xml";
    const ORDERS: &str = "elasticloadbalancing.DescribeTargetHealth@targetgroup~orders-service.xml";

    fn unhealthy(text: &str) -> String {
        text.replace(
            "<State>healthy</State>",
            "<State>unhealthy</State><Reason>Target.Timeout</Reason>",
        )
    }

    async fn checked(recorded: Recorded) -> Verdict {
        match check(&recorded.stack().await).await {
            Ok(verdict) => verdict,
            Err(reason) => reason.into(),
        }
    }

    #[tokio::test]
    async fn healthy_targets_pass() {
        let verdict = checked(Recorded::healthy()).await;
        let expected = Verdict::ok("healthy targets: orders-service 1 of 2, web 2 of 2");
        assert_eq!(verdict, expected);
    }

    #[tokio::test]
    async fn one_service_without_a_healthy_target_is_a_warning() {
        let verdict = checked(Recorded::healthy().with(WEB, unhealthy)).await;
        assert_eq!(
            verdict,
            Verdict::warning("target group web has no healthy target: unhealthy (Target.Timeout)")
        );
    }

    #[tokio::test]
    async fn no_healthy_target_at_all_fails() {
        let none = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions/></DescribeTargetHealthResult></DescribeTargetHealthResponse>";
        let recorded = Recorded::healthy()
            .with(WEB, unhealthy)
            .answering(ORDERS, none);
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "target group orders-service has no healthy target: it has no target",
                "target group web has no healthy target: unhealthy (Target.Timeout)",
            ]
        );
    }

    #[tokio::test]
    async fn function_without_a_health_check_passes() {
        let recorded = Recorded::healthy().with(WEB, |text| {
            text.replace(
                "<State>healthy</State>",
                "<State>unavailable</State><Reason>Target.HealthCheckDisabled</Reason>",
            )
        });
        assert_eq!(checked(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn deleted_group_fails() {
        let verdict = checked(Recorded::healthy().missing(WEB)).await;
        assert_eq!(verdict, Verdict::failed("target group web does not exist"));
    }

    #[tokio::test]
    async fn listener_that_forwards_nothing_is_a_warning() {
        let recorded = Recorded::healthy().with(RULES, |text| {
            text.replace("<Type>forward</Type>", "<Type>redirect</Type>")
        });
        let verdict = checked(recorded).await;
        assert_eq!(
            verdict,
            Verdict::warning("the listener has no rule that forwards to a target group")
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let verdict = checked(Recorded::healthy().denied(RULES)).await;
        let rules = Verdict::not_checked("needs elasticloadbalancing:DescribeRules");
        assert_eq!(verdict, rules);

        let recorded = Recorded::healthy().denied(WEB).denied(ORDERS);
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details[0],
            "needs elasticloadbalancing:DescribeTargetHealth"
        );
    }
}
