//! The proof that a request came through the API.

mod secret;

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{ListenerRule, rules};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::backend::listener_arn;
use super::ingress::{self, OtherWays};
use super::integration::request_mappings;
use secret::{OriginSecret, origin_secret};

/// The header with the secret.
const HEADER: &str = "x-tollgate-origin";
/// The fewest characters of a value that cannot be guessed.
const MIN_SECRET_CHARS: usize = 16;
/// The integrations that send the header.
const INTEGRATIONS: [&str; 2] = ["ProtectedIntegration", "PublicIntegration"];

const CHECK: Check = Check {
    id: "origin-proof",
    group: Group::Network,
    title: "A request that bypasses the API does not reach a service",
    explanation: "If another client can reach the services, it can send the headers that they trust. \
                  With `OriginSecretArn`, API Gateway adds a secret to each request. The rules of \
                  the load balancer, or the services themselves, refuse requests without it. This \
                  run reads the rules, and cannot see what a service does. It never prints the \
                  secret.",
    fix: "Set `OriginSecretArn`, and let the listener's rules or the services refuse requests \
          without the secret: docs/guides/proof-of-origin.md.",
    permissions: &[
        "apigateway:GET",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroupRules",
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeRules",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    if stack.parameter("OriginSecretArn").is_empty() {
        return without_secret(stack).await;
    }

    let mut findings = Findings::default();
    let mut secrets = Vec::new();
    let mut has_integration = false;
    for name in INTEGRATIONS {
        let Some(mappings) = request_mappings(stack, name).await? else {
            continue;
        };
        has_integration = true;
        match origin_secret(&mappings) {
            Some(secret) => secrets.push(secret),
            None => findings.problem(format!(
                "{name} does not overwrite {HEADER} with the secret"
            )),
        }
    }
    if !has_integration {
        let detail = "the stack has no integration of its own";
        return Ok(Verdict::not_applicable(detail));
    }

    match listener_arn(stack) {
        Some(listener) => {
            let found = rules(stack.account(), &listener).await?;
            check_rules(&found, &secrets, &mut findings);
        }
        None => findings.unproven(
            "only the service itself can refuse requests without the secret, because the backend \
             is on the internet",
        ),
    }
    Ok(findings.verdict(format!("API Gateway sends the secret in {HEADER}")))
}

/// Returns the verdict of a stack without a proof of origin. It needs none if nothing but the VPC
/// link can reach the services.
async fn without_secret(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        if stack.parameter("BackendUrl").is_empty() {
            return Ok(Verdict::not_applicable("the stack has no backend"));
        }
        return Ok(Verdict::warning(
            "the backend is on the internet, and requests have no proof of origin",
        ));
    };
    Ok(match ingress::other_ways(stack, &listener).await? {
        OtherWays::Closed => Verdict::ok(
            "no proof of origin is in force. None is needed while only the VPC link can reach the \
             load balancer",
        ),
        OtherWays::Open => Verdict::warning(
            "no proof of origin is in force, and there are other ways into the load balancer: see \
             alb-ingress",
        ),
        OtherWays::Unknown => Verdict::not_proven(
            "no proof of origin is in force, and other ways into the load balancer are not ruled \
             out: see alb-ingress",
        ),
    })
}

/// Checks the rules that forward requests to a service.
fn check_rules(rules: &[ListenerRule], secrets: &[OriginSecret], findings: &mut Findings) {
    let mut open = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.target_groups().is_empty()) {
        let mut conditions = rule.header_conditions().filter(|it| it.name == HEADER);
        let Some(condition) = conditions.next() else {
            open.push(rule.to_string());
            continue;
        };
        let is_exact =
            !condition.has_patterns && !condition.values.iter().any(|it| it.contains(['*', '?']));
        if !is_exact {
            findings.problem(format!(
                "{rule} has a wildcard in its condition on {HEADER}"
            ));
        } else if !secrets.iter().all(|it| it.is_in(&condition.values)) {
            findings.problem(format!(
                "{rule} does not match the value of {HEADER} that API Gateway sends"
            ));
        } else {
            check_other_values(rule, &condition.values, secrets, findings);
        }
    }
    if !open.is_empty() {
        findings.unproven(format!(
            "requests without {HEADER} match these rules, so the services must refuse them: {}",
            open.join(", ")
        ));
    }
}

/// Checks the values that a rule accepts in addition to the secret: during a rotation, the one before.
fn check_other_values(
    rule: &ListenerRule,
    values: &[&str],
    secrets: &[OriginSecret],
    findings: &mut Findings,
) {
    let is_other = |value: &&&str| !secrets.iter().any(|secret| secret.is_in(&[**value]));
    let others: Vec<&str> = values.iter().filter(is_other).copied().collect();
    if others.is_empty() {
        return;
    }

    // The guide generates 64 characters. API Gateway sends `-` without a secret.
    if others.iter().any(|value| value.len() < MIN_SECRET_CHARS) {
        findings.problem(format!(
            "{rule} also accepts a value of {HEADER} with less than {MIN_SECRET_CHARS} characters, \
             which can be guessed"
        ));
    } else {
        findings.warning(format!(
            "{rule} also accepts values of {HEADER} other than the secret: {}. Remove those of \
             earlier secrets after a rotation",
            others.len()
        ));
    }
}

#[cfg(test)]
mod tests;
