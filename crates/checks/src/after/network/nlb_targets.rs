//! The targets that alb-sync registers.

mod comparison;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::after::lookup::{Lookup, system_addresses};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{group_name, targets};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use comparison::{Name, compare};

/// The most names in SyncTargets, as alb-sync has it.
const MAX_NAMES: usize = 100;

const CHECK: Check = Check {
    id: "nlb-targets-current",
    group: Group::Network,
    title: "The target groups of alb-sync contain the current addresses",
    explanation: "An Application Load Balancer changes its addresses. alb-sync registers them in a \
                  target group every minute. Without it, a Network Load Balancer sends connections \
                  to addresses that no longer belong to the load balancer.",
    fix: "Wait for two runs of alb-sync, then read its log: docs/operations/runbook.md. It changes \
          nothing if `SyncDryRun` is `true`, or if a DNS lookup fails.",
    permissions: &["elasticloadbalancing:DescribeTargetHealth"],
    evidence: Some("The schedule starts `alb-sync`. It registers addresses"),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack, &system_addresses)),
};

/// An entry of SyncTargets.
#[derive(Clone, Debug, Deserialize)]
struct SyncTarget {
    name: String,
    target_group_arn: String,
    port: u16,
    #[serde(default)]
    answers: String,
}

async fn check(stack: &Stack, lookup: &Lookup) -> Result<Verdict, Unread> {
    let parameter = stack.parameter("SyncTargets");
    if parameter.is_empty() {
        return Ok(Verdict::not_applicable("SyncTargets is empty"));
    }
    let entries: Vec<SyncTarget> = match serde_json::from_str(&parameter) {
        Ok(entries) => entries,
        Err(error) => {
            let problem = format!("SyncTargets is not valid: {error}");
            return Ok(Verdict::failed(problem));
        }
    };

    let mut findings = Findings::default();
    if stack.parameter("SyncDryRun") == "true" {
        findings.warning("SyncDryRun is true, so alb-sync changes no target");
    }

    let groups: BTreeSet<&String> = entries.iter().map(|it| &it.target_group_arn).collect();
    let mut current = Vec::new();
    for group in groups {
        let name = group_name(group);
        let read = targets(stack.account(), group).await;
        let Some(targets) = findings.take(&format!("target group {name}"), read) else {
            continue;
        };
        let names = resolved(&entries, group, lookup).await;
        if compare(name, &names, &targets, has_own_dns(stack), &mut findings) {
            current.push(name);
        }
    }
    Ok(findings.verdict(match current.as_slice() {
        [] => "no target group is known to be current".to_owned(),
        names => format!("current: target groups {}", names.join(", ")),
    }))
}

/// True if alb-sync can receive other addresses for a name than this machine.
fn has_own_dns(stack: &Stack) -> bool {
    stack.parameter("SyncInVpc") == "true" || !stack.parameter("SyncDnsServers").is_empty()
}

async fn resolved(entries: &[SyncTarget], group: &str, lookup: &Lookup) -> Vec<Name> {
    let of_group = entries.iter().filter(|it| it.target_group_arn == group);
    let mut names = Vec::new();
    for entry in of_group.take(MAX_NAMES) {
        names.push(Name {
            host: entry.name.clone(),
            port: entry.port,
            is_sample: entry.answers == "part",
            addresses: lookup(entry.name.clone()).await,
        });
    }
    names
}

#[cfg(test)]
mod tests;
