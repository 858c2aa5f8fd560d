//! The priorities of the listener rules that the stack creates.

use super::deployment::other_region;
use super::listener::{listener_arn, no_listener};
use crate::aws::Unread;
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{ListenerRule, rules, rules_before};
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The parameters with priorities, and the rules that have them.
const RULES: [(&str, &str); 2] = [
    ("ThrottledRulePriority", "ThrottledRule"),
    ("UnavailableRulePriority", "UnavailableRule"),
];

const CHECK: Check = Check {
    id: "rule-priorities-free",
    group: Group::Account,
    title: "The priorities of the listener rules are free and come first",
    explanation: "Two rules of a listener cannot have the same priority, so the deployment fails if \
                  one is taken. A rule with a lower number responds before those of the stack: a \
                  throttled request then reaches a service.",
    fix: "Set `ThrottledRulePriority` and `UnavailableRulePriority` to free numbers below those of all \
          other rules, or give the other rules higher numbers. If the rules belong to the stack that \
          is updated, name it with `--stack`.",
    permissions: &["elasticloadbalancing:DescribeRules"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = listener_arn(parameters) else {
        return Ok(no_listener());
    };
    let account = parameters.aws()?;
    if let Some(problem) = other_region("AlbListenerArn", arn, account) {
        return Ok(Verdict::failed(problem));
    }

    let own: Vec<&str> = RULES
        .iter()
        .filter_map(|(_, name)| Some(parameters.stack()?.resource(name)?.id.as_str()))
        .collect();
    let mut findings = Findings::default();
    let subject = format!("listener {arn}");
    if let Some(found) = findings.take(&subject, rules(account, arn).await) {
        decide(&mut findings, parameters, &found, &own);
    }
    Ok(findings.into_verdict())
}

fn decide(findings: &mut Findings, parameters: &Parameters, rules: &[ListenerRule], own: &[&str]) {
    let mut last = 0;
    for (parameter, _) in RULES {
        let priority = u32::try_from(parameters.number(parameter)).unwrap_or(u32::MAX);
        last = last.max(priority);
        let rule = rules.iter().find(|rule| rule.priority == Some(priority));
        match rule {
            Some(rule) if own.contains(&rule.arn.as_str()) => {
                findings.fact(format!(
                    "{parameter} {priority} is that of a rule of the stack"
                ));
            }
            Some(rule) => findings.problem(format!("{parameter} {priority} is taken by {rule}")),
            None => findings.fact(format!("{parameter} {priority} is free")),
        }
    }

    // The rules respond to requests only if the authorizer marks them.
    if parameters.text("OnThrottle") == "mark" {
        for rule in rules_before(rules, own, last) {
            findings.problem(format!(
                "{rule} comes before {last}, and can respond to throttled requests"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const LIST: &str = "elasticloadbalancing.DescribeRules.xml";

    fn planned(throttled: &str, unavailable: &str) -> Recorded {
        Recorded::healthy()
            .with_parameter("ThrottledRulePriority", throttled)
            .with_parameter("UnavailableRulePriority", unavailable)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn free_priorities_before_all_others_pass() {
        let found = verdict(planned("3", "4")).await;
        assert_eq!(found.status, Status::Ok);
        assert_eq!(
            found.details,
            [
                "ThrottledRulePriority 3 is free",
                "UnavailableRulePriority 4 is free",
            ]
        );
    }

    #[tokio::test]
    async fn priorities_of_the_stack_are_free_for_it() {
        let found = check(&Recorded::healthy().update().await).await.unwrap();
        assert_eq!(found.status, Status::Ok);
    }

    #[tokio::test]
    async fn taken_priorities_fail() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "ThrottledRulePriority 1 is taken by rule 1111111111111111 (priority 1)",
                "UnavailableRulePriority 2 is taken by rule 2222222222222222 (priority 2)",
            ]
        );
    }

    #[tokio::test]
    async fn rules_that_respond_first_are_named() {
        let found = verdict(planned("3", "101")).await;
        let problem = "rule 3333333333333333 (priority 100) comes before 101, and can respond to \
                       throttled requests";
        assert_eq!(found, Verdict::failed(problem));
        let forbidding = planned("3", "101").with_parameter("OnThrottle", "forbid");
        assert_eq!(verdict(forbidding).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn missing_listener_fails() {
        let found = verdict(Recorded::healthy().missing(LIST)).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("f2f7dc8efc522ab2 does not exist"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(LIST)).await;
        let needed = "needs elasticloadbalancing:DescribeRules";
        assert_eq!(found, Verdict::not_checked(needed));
    }
}
