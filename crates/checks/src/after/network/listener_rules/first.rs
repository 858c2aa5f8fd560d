//! The order of the listener's rules.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::load_balancer::{ListenerRule, rules, rules_before};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::{listener_with_rules, own_arns};

const CHECK: Check = Check {
    id: "listener-rules-first",
    group: Group::Network,
    title: "The listener rules come before all other rules",
    explanation: "The load balancer takes the first rule that matches, in the order of the priority \
                  numbers. A throttled request that matches an earlier rule reaches the service as \
                  if no limit applied.",
    fix: "Set `ThrottledRulePriority` and `UnavailableRulePriority` to numbers below those of all \
          other rules, or move the rules that are named.",
    permissions: &["elasticloadbalancing:DescribeRules"],
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
    let found = rules(stack.account(), &listener).await?;
    Ok(verdict(&found, &own_arns(stack)))
}

fn verdict(rules: &[ListenerRule], own: &[&str]) -> Verdict {
    let of_stack = rules.iter().filter(|rule| own.contains(&rule.arn.as_str()));
    let Some(last) = of_stack.filter_map(|rule| rule.priority).max() else {
        return Verdict::failed("the listener has no rule of the stack");
    };

    let before = rules_before(rules, own, last);
    let problems = before.into_iter().map(|rule| {
        let effect = match rule.kind() {
            "forward" => "forwards throttled requests to a service".to_owned(),
            kind => format!("responds to throttled requests itself ({kind})"),
        };
        format!("{rule} {effect}, expected a priority above {last}")
    });
    let detail = format!("no other rule has a priority of {last} or less");
    Verdict::of_problems(problems.collect(), detail)
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ANSWER: &str = "elasticloadbalancing.DescribeRules.xml";

    async fn checked(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn rules_in_front_pass() {
        let verdict = checked(Recorded::healthy()).await;
        let expected = Verdict::ok("no other rule has a priority of 2 or less");
        assert_eq!(verdict, expected);
    }

    #[tokio::test]
    async fn earlier_rule_fails() {
        let recorded = Recorded::healthy().with(ANSWER, |text| {
            text.replace("<Priority>2<", "<Priority>200<")
                .replace("<Priority>1<", "<Priority>150<")
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "rule 3333333333333333 (priority 100) forwards throttled requests to a service, \
                 expected a priority above 200"
            ]
        );
    }

    #[tokio::test]
    async fn earlier_rule_that_redirects_fails() {
        let recorded = Recorded::healthy().with(ANSWER, |text| {
            text.replace("<Priority>2<", "<Priority>200<")
                .replace("<Type>forward</Type>", "<Type>redirect</Type>")
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].contains("responds to throttled requests itself (redirect)"));
    }

    #[tokio::test]
    async fn listener_without_the_rules_fails() {
        let recorded = Recorded::healthy().with(ANSWER, |text| {
            text.replace("/1111", "/9").replace("/2222", "/8")
        });
        let verdict = checked(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed("the listener has no rule of the stack")
        );
    }

    #[tokio::test]
    async fn stack_that_does_not_mark_requests_needs_no_rule() {
        let recorded = Recorded::healthy().with_parameter("OnThrottle", "function");
        assert_eq!(checked(recorded).await.status, Status::NotApplicable);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let stack = Recorded::healthy().denied(ANSWER).stack().await;
        let verdict: Verdict = check(&stack).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs elasticloadbalancing:DescribeRules")
        );
    }
}
