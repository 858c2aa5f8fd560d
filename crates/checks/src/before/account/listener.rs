//! The listener in front of the services, and its load balancer.

use super::deployment::other_region;
use crate::aws::Unread;
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::load_balancer::{
    self, Listener, LoadBalancer, desync_mode, exposure, invalid_headers, load_balancer,
    load_balancer_arn,
};
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

const EXISTS: Check = Check {
    id: "listener-exists",
    group: Group::Account,
    title: "The listener exists, and its load balancer is the one that the parameters describe",
    explanation: "API Gateway sends requests to the listener in `AlbListenerArn`: with TLS if \
                  `BackendTlsServerName` is set, and otherwise without. The stack opens \
                  `AlbListenerPort` in `AlbSecurityGroupId`. If one of them does not fit, all \
                  requests fail with 503.",
    fix: "Set the parameters to the values of the listener and of its load balancer, which \
          `aws elbv2 describe-listeners` and `aws elbv2 describe-load-balancers` show.",
    permissions: &[
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeLoadBalancers",
    ],
    evidence: None,
};

const ATTRIBUTES: Check = Check {
    id: "alb-attributes",
    group: Group::Account,
    title: "The load balancer drops invalid header fields and ambiguous requests",
    explanation: "A client can send `x_tollgate_user_id` on public routes, which some services read \
                  as `x-tollgate-user-id`, and so claim any identity. A load balancer with public \
                  addresses can be reached without the API. The stack cannot set these attributes.",
    fix: "Use an internal load balancer. Set its attributes \
          `routing.http.drop_invalid_header_fields.enabled` to `true` and \
          `routing.http.desync_mitigation_mode` to `defensive`.",
    permissions: &[
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeLoadBalancers",
    ],
    evidence: None,
};

pub(super) const EXISTS_ENTRY: Entry<Parameters> = Entry {
    check: &EXISTS,
    run: |parameters| Box::pin(exists(parameters)),
};

pub(super) const ATTRIBUTES_ENTRY: Entry<Parameters> = Entry {
    check: &ATTRIBUTES,
    run: |parameters| Box::pin(attributes(parameters)),
};

/// Returns the ARN of the listener, or `None` without a VPC link.
pub(super) fn listener_arn(parameters: &Parameters) -> Option<&str> {
    let arn = parameters.given("AlbListenerArn");
    arn.filter(|_| parameters.has_vpc_link())
}

/// Returns the verdict of a deployment without a listener.
pub(super) fn no_listener() -> Verdict {
    Verdict::not_applicable("the deployment has no VPC link to a load balancer")
}

async fn exists(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = listener_arn(parameters) else {
        return Ok(no_listener());
    };
    let account = parameters.aws()?;
    if let Some(problem) = other_region("AlbListenerArn", arn, account) {
        return Ok(Verdict::failed(problem));
    }

    let mut findings = Findings::default();
    let subject = format!("listener {arn}");
    let listener = load_balancer::listener(account, arn).await;
    if let Some(listener) = findings.take(&subject, listener) {
        fits(&mut findings, parameters, &listener);
    }
    let owner = load_balancer_arn(arn);
    let subject = format!("load balancer {owner}");
    let owner = load_balancer(account, &owner).await;
    if let Some(owner) = findings.take(&subject, owner) {
        findings.merge(exposure(&owner));
        contains(&mut findings, parameters, &owner);
    }
    Ok(findings.into_verdict())
}

/// Adds the findings about the port and the protocol.
fn fits(findings: &mut Findings, parameters: &Parameters, listener: &Listener) {
    let Listener { port, protocol, .. } = listener;
    let name = parameters.text("BackendTlsServerName");
    match (protocol.as_str(), name) {
        ("HTTPS", "") => findings.problem(
            "the listener uses HTTPS, expected a name in BackendTlsServerName: API Gateway would send \
             HTTP",
        ),
        ("HTTP", "") | ("HTTPS", _) => {
            findings.fact(format!("the listener uses {protocol} on port {port}"));
        }
        (_, "") => findings.problem(format!(
            "the listener uses {protocol}, expected HTTP or HTTPS"
        )),
        _ => findings.problem(format!(
            "the listener uses {protocol}, expected HTTPS: BackendTlsServerName is {name}, so API \
             Gateway would send TLS"
        )),
    }
    if listener.verifies_clients {
        findings.problem(
            "the listener verifies client certificates, and API Gateway has none for a VPC link",
        );
    }

    // With an existing VPC link, the stack opens no port.
    let expected = parameters.number("AlbListenerPort");
    if parameters.makes_vpc_link() && expected != u64::from(*port) {
        findings.problem(format!(
            "AlbListenerPort is {expected}, expected {port}, the port of the listener"
        ));
    }
}

/// Adds the findings about the VPC and the security group.
fn contains(findings: &mut Findings, parameters: &Parameters, owner: &LoadBalancer) {
    let LoadBalancer {
        name, vpc, groups, ..
    } = owner;
    if let Some(expected) = parameters.given("VpcId")
        && expected != vpc
    {
        findings.problem(format!(
            "load balancer {name} is in {vpc}, expected {expected} (VpcId)"
        ));
    }
    if let Some(expected) = parameters.given("AlbSecurityGroupId")
        && parameters.makes_vpc_link()
        && !groups.iter().any(|group| group == expected)
    {
        let groups = groups.join(", ");
        findings.problem(format!(
            "load balancer {name} has the security groups {groups}, expected {expected} \
             (AlbSecurityGroupId)"
        ));
    }
}

async fn attributes(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = listener_arn(parameters) else {
        return Ok(no_listener());
    };
    let account = parameters.aws()?;
    let owner = load_balancer_arn(arn);
    let subject = format!("load balancer {owner}");

    let mut findings = Findings::default();
    let read = load_balancer::attributes(account, &owner).await;
    if let Some(attributes) = findings.take(&subject, read) {
        findings.merge(invalid_headers(&attributes));
        findings.merge(desync_mode(&attributes));
    }
    let read = load_balancer(account, &owner).await;
    if let Some(found) = findings.take(&subject, read)
        && exposure(&found).status == Status::Failed
        && found.scheme != "internal"
    {
        findings.problem(format!(
            "load balancer {} is {}, expected internal",
            found.name, found.scheme
        ));
    }
    Ok(findings.into_verdict())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;

    use super::*;

    const LISTENER: &str = "elasticloadbalancing.DescribeListeners.xml";
    const OWNER: &str = "elasticloadbalancing.DescribeLoadBalancers@LoadBalancerArns.xml";
    const LIST: &str = "elasticloadbalancing.DescribeLoadBalancerAttributes.xml";

    async fn exists_with(recorded: Recorded) -> Verdict {
        let outcome = exists(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn attributes_with(recorded: Recorded) -> Verdict {
        let outcome = attributes(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn changed(file: &str, from: &str, to: &str) -> Verdict {
        exists_with(Recorded::healthy().with(file, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn listener_of_the_parameters_passes() {
        let found = exists_with(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Ok);
        assert_eq!(
            found.details,
            [
                "the listener uses HTTPS on port 443",
                "load balancer internal is internal and active",
            ]
        );
    }

    #[tokio::test]
    async fn protocol_must_match_the_server_name() {
        let found = changed(LISTENER, ">HTTPS<", ">HTTP<").await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].starts_with("the listener uses HTTP, expected HTTPS"));

        let plain = Recorded::healthy().with_parameter("BackendTlsServerName", "");
        let found = exists_with(plain).await;
        assert!(found.details[0].contains("expected a name in BackendTlsServerName"));
    }

    #[tokio::test]
    async fn port_must_match_unless_the_link_exists() {
        let other = || Recorded::healthy().with_parameter("AlbListenerPort", "8443");
        let found = exists_with(other()).await;
        let problem = "AlbListenerPort is 8443, expected 443, the port of the listener";
        assert_eq!(found, Verdict::failed(problem));
        let shared = other().with_parameter("VpcLinkId", "vl1abc");
        assert_eq!(exists_with(shared).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn listener_that_verifies_clients_fails() {
        let found = changed(LISTENER, ">off<", ">verify<").await;
        assert!(found.details[0].starts_with("the listener verifies client certificates"));
    }

    #[tokio::test]
    async fn load_balancer_must_be_the_described_one() {
        let found = changed(OWNER, "vpc-0a1", "vpc-0ff").await;
        let problem = "load balancer internal is in vpc-0ff, expected vpc-0a1 (VpcId)";
        assert_eq!(found, Verdict::failed(problem));
        let found = changed(OWNER, "sg-0alb", "sg-0old").await;
        let problem = "load balancer internal has the security groups sg-0old, expected sg-0alb \
                       (AlbSecurityGroupId)";
        assert_eq!(found, Verdict::failed(problem));
        for (from, to) in [
            (">active<", ">provisioning<"),
            (">application<", ">network<"),
            (">internal</Scheme>", ">internet-facing</Scheme>"),
        ] {
            assert_eq!(
                changed(OWNER, from, to).await.status,
                Status::Failed,
                "{to}"
            );
        }
    }

    #[tokio::test]
    async fn missing_listener_fails() {
        let found = exists_with(Recorded::healthy().missing(LISTENER)).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("f2f7dc8efc522ab2 does not exist"));
    }

    #[tokio::test]
    async fn missing_permission_leaves_the_load_balancer() {
        let denied = || Recorded::healthy().denied(LISTENER);
        let found = exists_with(denied()).await;
        assert_eq!(found.status, Status::NotChecked);
        assert_eq!(
            found.details[0],
            "needs elasticloadbalancing:DescribeListeners"
        );
        let moved = denied().with(OWNER, |text| text.replace("vpc-0a1", "vpc-0ff"));
        assert_eq!(exists_with(moved).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn safe_attributes_pass() {
        let found = attributes_with(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn unsafe_attributes_fail() {
        let with = |key: &str, from: &str, to: &str| {
            let pair = |value: &str| format!("<Value>{value}</Value>\n<Key>{key}</Key>");
            let (from, to) = (pair(from), pair(to));
            attributes_with(Recorded::healthy().with(LIST, move |text| text.replace(&from, &to)))
        };
        let key = "routing.http.drop_invalid_header_fields.enabled";
        let found = with(key, "true", "false").await;
        assert_eq!(
            found,
            Verdict::failed(format!("{key} is false, expected true"))
        );
        let key = "routing.http.desync_mitigation_mode";
        let found = with(key, "defensive", "monitor").await;
        assert_eq!(found.status, Status::Failed);

        let public = Recorded::healthy().with(OWNER, |text| {
            text.replace(">internal</Scheme>", ">internet-facing</Scheme>")
        });
        let problem = "load balancer internal is internet-facing, expected internal";
        assert_eq!(attributes_with(public).await, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn attributes_without_permission_are_no_failure() {
        let found = attributes_with(Recorded::healthy().denied(LIST)).await;
        let needed = "needs elasticloadbalancing:DescribeLoadBalancerAttributes";
        assert_eq!(found, Verdict::not_checked(needed));
    }

    #[tokio::test]
    async fn deployment_without_a_vpc_link_is_not_concerned() {
        let none = || Recorded::healthy().with_parameter("CreateVpcLink", "false");
        assert_eq!(exists_with(none()).await.status, Status::NotApplicable);
        assert_eq!(attributes_with(none()).await.status, Status::NotApplicable);
    }
}
