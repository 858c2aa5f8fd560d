//! The settings of alb-sync.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;
use sync_targets::{Group, InvalidServers, dns_servers, parse};

use crate::before::context::Parameters;
use crate::before::regions::of_arn;
use crate::check::{Check, Group as CheckGroup};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "sync-targets-valid",
    group: CheckGroup::Parameters,
    title: "alb-sync can follow all of its names",
    explanation: "CloudFormation checks only that SyncTargets looks like a list. With an invalid \
                  entry alb-sync does not start. It may change only the target groups in \
                  SyncTargetGroupArns, and reach only the name servers in SyncDnsCidr.",
    fix: "Correct the entry. docs/concepts/alb-sync.md describes the fields.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let text = parameters.text("SyncTargets");
    if text.is_empty() {
        return Verdict::not_applicable("SyncTargets is empty");
    }
    let place = parameters.place("SyncTargets");
    let groups = match parse(text) {
        Ok(groups) => groups,
        Err(problem) => return Verdict::failed(format!("{place}: {problem}")),
    };

    let mut findings = Findings::default();
    for group in &groups {
        if let Some(problem) = group_problem(parameters, group) {
            findings.problem(format!("{place}: {}: {problem}", group.arn));
        }
    }
    add_unused_groups(parameters, &groups, &mut findings);
    add_servers(parameters, &mut findings);

    let names: usize = groups.iter().map(|group| group.sources.len()).sum();
    findings.verdict(format!("names: {names}, target groups: {}", groups.len()))
}

/// Returns why alb-sync cannot change a target group.
fn group_problem(parameters: &Parameters, group: &Group) -> Option<String> {
    let region = of_arn(&group.arn);
    if let (Some(found), Some(expected)) = (region, parameters.region())
        && found != expected
    {
        return Some(format!(
            "the target group is in {found}, expected {expected}, the region of the stack"
        ));
    }

    let is_permitted = parameters
        .list("SyncTargetGroupArns")
        .contains(&group.arn.as_str());
    (!is_permitted).then(|| "SyncTargetGroupArns does not contain this target group".to_owned())
}

fn add_unused_groups(parameters: &Parameters, groups: &[Group], findings: &mut Findings) {
    let place = parameters.place("SyncTargetGroupArns");
    let mut seen = BTreeSet::new();
    for arn in parameters.list("SyncTargetGroupArns") {
        if !seen.insert(arn) {
            findings.warning(format!("{place}: {arn} is listed twice"));
        } else if !groups.iter().any(|group| group.arn == arn) {
            findings.warning(format!(
                "{place}: SyncTargets has no entry for {arn}, which alb-sync may change without need"
            ));
        }
    }
}

fn add_servers(parameters: &Parameters, findings: &mut Findings) {
    let text = parameters.text("SyncDnsServers");
    if text.is_empty() {
        return;
    }
    let servers = match dns_servers(text) {
        Ok(servers) => servers,
        Err(InvalidServers { text, expected }) => {
            let place = parameters.place("SyncDnsServers");
            findings.problem(format!(
                "{place}: invalid value `{text}`, expected {expected}"
            ));
            return;
        }
    };

    let Ok(network) = parameters.text("SyncDnsCidr").parse::<IpNet>() else {
        // Outside a VPC, no range is needed.
        return;
    };
    let is_outside = |server: &&SocketAddr| !network.contains(&server.ip());
    for server in servers.iter().filter(is_outside) {
        findings.problem(format!(
            "{}: {server} is not in SyncDnsCidr, {network}, so alb-sync must not reach it",
            parameters.place("SyncDnsServers")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/0a";
    const OTHER: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/b/0b";

    fn check_entry(arn: &str, lines: &str) -> Verdict {
        check(&parameters(&format!(
            "SyncTargets: '[{{\"name\":\"a.example\",\"target_group_arn\":\"{arn}\",\"port\":443}}]'\n{lines}"
        )))
    }

    fn permitted(arns: &str) -> String {
        format!("SyncTargetGroupArns: {arns}\n")
    }

    #[test]
    fn permitted_groups_pass() {
        let verdict = check_entry(GROUP, &permitted(GROUP));
        assert_eq!(verdict, Verdict::ok("names: 1, target groups: 1"));
        assert_eq!(check(&parameters("")).status, Status::NotApplicable);
    }

    #[test]
    fn invalid_entries_are_reported_as_by_alb_sync() {
        for (value, problem) in [
            ("[{}]", "missing field"),
            ("[{\"name\":\"a\"", "EOF"),
            (
                "[{\"name\":\"10.0.0.1\",\"target_group_arn\":\"arn:aws:x:targetgroup/a/1\",\"port\":1}]",
                "[0].name: IP address, expected a DNS name",
            ),
        ] {
            let verdict = check(&parameters(&format!("SyncTargets: '{value}'\n")));
            assert_eq!(verdict.status, Status::Failed, "{value}");
            let detail = &verdict.details[0];
            assert!(
                detail.starts_with("parameters.yaml:5:1: SyncTargets: "),
                "{detail}"
            );
            assert!(detail.contains(problem), "{detail}");
        }
    }

    #[test]
    fn groups_that_alb_sync_must_not_change_are_reported() {
        let verdict = check_entry(GROUP, "");
        assert_eq!(
            verdict.details,
            [format!(
                "parameters.yaml:5:1: SyncTargets: {GROUP}: SyncTargetGroupArns does not contain this target group"
            )]
        );

        let elsewhere = GROUP.replace("us-east-1", "eu-west-1");
        let verdict = check_entry(&elsewhere, &permitted(&elsewhere));
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].contains("is in eu-west-1, expected us-east-1"));
    }

    #[test]
    fn unused_and_duplicate_groups_are_warnings() {
        let verdict = check_entry(GROUP, &permitted(&format!("{GROUP},{GROUP},{OTHER}")));
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(verdict.details.len(), 2, "{:?}", verdict.details);
        assert!(verdict.details[0].ends_with("is listed twice"));
        assert!(verdict.details[1].contains("SyncTargets has no entry for"));
    }

    #[test]
    fn name_servers_are_addresses_in_the_range() {
        let with_servers = |servers: &str, range: &str| {
            check_entry(
                GROUP,
                &format!(
                    "{}SyncDnsServers: {servers}\nSyncDnsCidr: {range}\n",
                    permitted(GROUP)
                ),
            )
        };
        assert_eq!(
            with_servers("10.0.0.2:53,10.0.1.2", "10.0.0.0/16").status,
            Status::Ok
        );
        assert_eq!(with_servers("10.0.0.2", "\"\"").status, Status::Ok);

        let verdict = with_servers("dns.example:53", "10.0.0.0/16");
        assert_eq!(verdict.status, Status::Failed);
        assert!(
            verdict.details[0].ends_with(
                "invalid value `dns.example:53`, expected an address such as 10.0.0.2:53"
            )
        );
        let verdict = with_servers("10.1.0.2:53", "10.0.0.0/16");
        assert!(verdict.details[0].contains("10.1.0.2:53 is not in SyncDnsCidr, 10.0.0.0/16"));
    }
}
