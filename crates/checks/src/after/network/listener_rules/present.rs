//! The listener rules exist as the template asks for them.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{DECISION_HEADER, ListenerRule, rules};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::expected::ExpectedRule;
use super::{RULES, listener_with_rules};

const CHECK: Check = Check {
    id: "listener-rules-present",
    group: Group::Network,
    title: "The listener rules respond to throttled requests with 429 and 503",
    explanation: "An authorizer of an HTTP API cannot return 429. It marks a throttled request in a \
                  header, and a rule of the load balancer's listener responds. Without the rule, \
                  the service responds: no limit applies. A rule that an earlier stack left on the \
                  listener can respond in its place.",
    fix: "Deploy the stack again with another `ThrottledRulePriority` or `UnavailableRulePriority`, \
          so that CloudFormation creates the rule again. Delete rules on the header \
          `x-tollgate-decision` that belong to no stack.",
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
    let expected = RULES
        .iter()
        .map(|name| ExpectedRule::of(stack, name))
        .collect::<Result<Vec<_>, Unread>>()?;
    let found = rules(stack.account(), &listener).await?;
    Ok(verdict(&expected, &found))
}

fn verdict(expected: &[ExpectedRule], rules: &[ListenerRule]) -> Verdict {
    let mut findings = Findings::default();
    for wanted in expected {
        check_own(wanted, rules, &mut findings);
    }
    for rule in rules {
        let is_own = expected
            .iter()
            .any(|wanted| wanted.arn.as_ref() == Some(&rule.arn));
        if !is_own && rule.is_on_decision() {
            check_other(rule, expected, rules, &mut findings);
        }
    }
    findings.verdict("both rules are as in the template")
}

fn check_own(wanted: &ExpectedRule, rules: &[ListenerRule], findings: &mut Findings) {
    let name = wanted.name;
    let Some(arn) = &wanted.arn else {
        findings.problem(format!("the stack has no {name}"));
        return;
    };
    let Some(rule) = rules.iter().find(|rule| rule.arn == *arn) else {
        findings.problem(format!("{name} is not on the listener: {arn}"));
        return;
    };

    for difference in wanted.differences(rule) {
        findings.problem(difference);
    }
    if let Some(difference) = wanted.priority_difference(rule) {
        findings.warning(difference);
    }
}

/// Checks a rule on the header of the decision that is not the stack's.
fn check_other(
    rule: &ListenerRule,
    expected: &[ExpectedRule],
    rules: &[ListenerRule],
    findings: &mut Findings,
) {
    let replaced = expected.iter().find(|wanted| {
        let own = rules
            .iter()
            .find(|own| wanted.arn.as_ref() == Some(&own.arn));
        let comes_before = own.is_none_or(|own| rule.priority < own.priority);
        comes_before && wanted.overlaps(rule) && !wanted.has_response_of(rule)
    });
    match replaced {
        Some(wanted) => findings.problem(format!(
            "{rule} is not of this stack and responds in place of {}: {}",
            wanted.name,
            rule.kind()
        )),
        None => findings.warning(format!(
            "{rule} also matches {DECISION_HEADER}. It belongs to another stack, or an earlier \
             stack left it"
        )),
    }
}

#[cfg(test)]
mod tests;
