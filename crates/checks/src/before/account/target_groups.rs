//! The target groups that alb-sync changes.

use serde_json::Value;

use super::deployment::other_region;
use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "target-groups-ip",
    group: Group::Account,
    title: "The target groups of alb-sync exist and take IP addresses",
    explanation: "alb-sync registers IP addresses, which only a target group of type `ip` accepts. A \
                  group that belongs to no load balancer receives no requests.",
    fix: "Set `SyncTargetGroupArns` to target groups of type `ip` that a load balancer in `VpcId` \
          forwards to. The type of a target group cannot be changed.",
    permissions: &["elasticloadbalancing:DescribeTargetGroups"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let arns = parameters.list("SyncTargetGroupArns");
    if arns.is_empty() || parameters.given("SyncTargets").is_none() {
        return Ok(Verdict::not_applicable("alb-sync is not deployed"));
    }

    let account = parameters.aws()?;
    let vpc = parameters.text("VpcId");
    let mut findings = Findings::default();
    for arn in arns {
        if let Some(problem) = other_region("SyncTargetGroupArns", arn, account) {
            findings.problem(problem);
            continue;
        }
        let subject = format!("target group {arn}");
        if let Some(group) = findings.take(&subject, target_group(account, arn).await) {
            decide(&mut findings, &group, vpc);
        }
    }
    Ok(findings.into_verdict())
}

async fn target_group(account: &Account, arn: &str) -> Result<Value, Unread> {
    let call = Call::query(Service::LoadBalancing, "DescribeTargetGroups", &[])
        .with_list("TargetGroupArns", [arn]);
    let response = account.read(&call).await?;
    match &response["DescribeTargetGroupsResult"]["TargetGroups"][0] {
        Value::Null => Err(Unread::NotFound {
            permission: call.permission(),
        }),
        group => Ok(group.clone()),
    }
}

fn decide(findings: &mut Findings, group: &Value, vpc: &str) {
    let name = text(&group["TargetGroupName"]);
    let kind = text(&group["TargetType"]);
    let protocol = text(&group["Protocol"]);
    let port = text(&group["Port"]);
    if kind == "ip" {
        findings.fact(format!(
            "target group {name} takes IP addresses ({protocol}, port {port})"
        ));
    } else {
        findings.problem(format!(
            "target group {name} has the target type {kind}, expected ip"
        ));
    }
    if matches!(protocol, "UDP" | "QUIC" | "GENEVE") {
        findings.problem(format!(
            "target group {name} has the protocol {protocol}, expected one that carries HTTP, such as \
             TCP"
        ));
    }

    let found = text(&group["VpcId"]);
    if !vpc.is_empty() && found != vpc {
        findings.warning(format!(
            "target group {name} is in {found}, and VpcId is {vpc}"
        ));
    }
    if array(&group["LoadBalancerArns"]).is_empty() {
        findings.warning(format!(
            "target group {name} belongs to no load balancer, so it receives no requests"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const GROUPS: &str = "elasticloadbalancing.DescribeTargetGroups@6d0ecf831eec9f09.xml";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn with(from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(GROUPS, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn group_of_addresses_passes() {
        let found = verdict(Recorded::healthy()).await;
        let expected = "target group orders takes IP addresses (TCP, port 443)";
        assert_eq!(found, Verdict::ok(expected));
    }

    #[tokio::test]
    async fn group_of_another_type_fails() {
        let found = with(">ip<", ">alb<").await;
        let expected = "target group orders has the target type alb, expected ip";
        assert_eq!(found, Verdict::failed(expected));
    }

    #[tokio::test]
    async fn group_without_http_fails() {
        let found = with(">TCP<", ">UDP<").await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("has the protocol UDP"));
    }

    #[tokio::test]
    async fn group_of_another_vpc_is_a_warning() {
        let found = with("vpc-0a1", "vpc-0ff").await;
        let expected = "target group orders is in vpc-0ff, and VpcId is vpc-0a1";
        assert_eq!(found, Verdict::warning(expected));
    }

    #[tokio::test]
    async fn group_without_a_load_balancer_is_a_warning() {
        let recorded = Recorded::healthy().with(GROUPS, |text| {
            let (before, rest) = text.split_once("<LoadBalancerArns>").unwrap();
            let (_, after) = rest.split_once("</LoadBalancerArns>").unwrap();
            format!("{before}<LoadBalancerArns/>{after}")
        });
        let found = verdict(recorded).await;
        assert_eq!(found.status, Status::Warning);
        assert!(found.details[0].contains("belongs to no load balancer"));
    }

    #[tokio::test]
    async fn group_of_another_region_fails() {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/orders/6d0e";
        let recorded = Recorded::healthy().with_parameter("SyncTargetGroupArns", arn);
        let found = verdict(recorded).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("is in the region us-east-1, expected eu-west-1"));
    }

    #[tokio::test]
    async fn missing_group_fails() {
        let found = verdict(Recorded::healthy().missing(GROUPS)).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("orders/6d0ecf831eec9f09 does not exist"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(GROUPS)).await;
        let needed = "needs elasticloadbalancing:DescribeTargetGroups";
        assert_eq!(found, Verdict::not_checked(needed));
    }

    #[tokio::test]
    async fn deployment_without_sync_is_not_concerned() {
        let found = verdict(Recorded::healthy().with_parameter("SyncTargets", "")).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
