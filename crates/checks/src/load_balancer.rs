//! The load balancer in front of the services: its attributes, its listener and the listener's rules.
//!
//! The functions here read, or decide from values alone. Checks before and after a deployment share
//! them.

mod attributes;
mod listener;
mod rules;
mod targets;

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::verdict::Verdict;

pub(crate) use attributes::{Attributes, desync_mode, invalid_headers};
pub(crate) use listener::{Listener, listener, listeners};
pub(crate) use rules::{DECISION_HEADER, ListenerRule, rules, rules_before};
pub(crate) use targets::{Target, group_name, targets};

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadBalancer {
    /// The ARN.
    pub(crate) arn: String,
    /// The name.
    pub(crate) name: String,
    /// The type: `application`, `network` or `gateway`.
    pub(crate) kind: String,
    /// The scheme: `internal` or `internet-facing`.
    pub(crate) scheme: String,
    /// The state, such as `active`.
    pub(crate) state: String,
    /// The VPC.
    pub(crate) vpc: String,
    /// The security groups.
    pub(crate) groups: Vec<String>,
}

impl LoadBalancer {
    fn of(value: &Value) -> Self {
        let field = |name: &str| text(&value[name]).to_owned();
        let groups = array(&value["SecurityGroups"]).iter();
        Self {
            arn: field("LoadBalancerArn"),
            name: field("LoadBalancerName"),
            kind: field("Type"),
            scheme: field("Scheme"),
            state: text(&value["State"]["Code"]).to_owned(),
            vpc: field("VpcId"),
            groups: groups.map(|group| text(group).to_owned()).collect(),
        }
    }
}

/// Returns the ARN of the load balancer of a listener, which the ARN of the listener contains.
pub(crate) fn load_balancer_arn(listener: &str) -> String {
    let without_id = listener
        .rsplit_once('/')
        .map_or(listener, |(start, _)| start);
    without_id.replacen(":listener/", ":loadbalancer/", 1)
}

/// Reads a load balancer.
///
/// # Errors
/// [`Unread`] if it cannot be read or does not exist.
pub(crate) async fn load_balancer(account: &Account, arn: &str) -> Result<LoadBalancer, Unread> {
    let call = Call::query(Service::LoadBalancing, "DescribeLoadBalancers", &[])
        .with_list("LoadBalancerArns", [arn]);
    let response = account.read(&call).await?;
    let found = &response["DescribeLoadBalancersResult"]["LoadBalancers"][0];
    if found.is_null() {
        let permission = call.permission();
        return Err(Unread::NotFound { permission });
    }
    Ok(LoadBalancer::of(found))
}

/// Reads all load balancers of the region.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn load_balancers(account: &Account) -> Result<Vec<LoadBalancer>, Unread> {
    let call = Call::query(Service::LoadBalancing, "DescribeLoadBalancers", &[]);
    let found = account
        .read_all(&call, "/DescribeLoadBalancersResult/LoadBalancers")
        .await?;
    Ok(found.iter().map(LoadBalancer::of).collect())
}

/// Reads the attributes of a load balancer.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(crate) async fn attributes(account: &Account, arn: &str) -> Result<Attributes, Unread> {
    let fields = [("LoadBalancerArn", arn)];
    let call = Call::query(
        Service::LoadBalancing,
        "DescribeLoadBalancerAttributes",
        &fields,
    );
    let response = account.read(&call).await?;
    let list = &response["DescribeLoadBalancerAttributesResult"]["Attributes"];
    Ok(Attributes::of(array(list)))
}

/// Returns whether only the VPC can reach the load balancer, and whether it is in service.
pub(crate) fn exposure(load_balancer: &LoadBalancer) -> Verdict {
    let LoadBalancer {
        name,
        kind,
        scheme,
        state,
        ..
    } = load_balancer;

    let mut problems = Vec::new();
    if kind != "application" {
        problems.push(format!(
            "load balancer {name} has the type {kind}, expected application"
        ));
    }
    if scheme != "internal" {
        problems.push(format!(
            "load balancer {name} is {scheme}, expected internal: it has public addresses"
        ));
    }
    if state != "active" {
        problems.push(format!(
            "load balancer {name} is in the state {state}, expected active"
        ));
    }
    Verdict::of_problems(
        problems,
        format!("load balancer {name} is internal and active"),
    )
}

#[cfg(test)]
mod tests {
    use crate::verdict::Status;

    use super::*;

    fn internal() -> LoadBalancer {
        LoadBalancer {
            arn: "arn".to_owned(),
            name: "internal".to_owned(),
            kind: "application".to_owned(),
            scheme: "internal".to_owned(),
            state: "active".to_owned(),
            vpc: "vpc-0a1".to_owned(),
            groups: vec!["sg-0alb".to_owned()],
        }
    }

    #[test]
    fn listener_names_its_load_balancer() {
        assert_eq!(
            load_balancer_arn("arn:aws:elasticloadbalancing:r:1:listener/app/internal/50dc/f2f7"),
            "arn:aws:elasticloadbalancing:r:1:loadbalancer/app/internal/50dc"
        );
    }

    #[test]
    fn internal_load_balancer_passes() {
        assert_eq!(exposure(&internal()).status, Status::Ok);
    }

    #[test]
    fn every_problem_of_a_load_balancer_is_named() {
        let found = exposure(&LoadBalancer {
            kind: "network".to_owned(),
            scheme: "internet-facing".to_owned(),
            state: "provisioning".to_owned(),
            ..internal()
        });
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "load balancer internal has the type network, expected application",
                "load balancer internal is internet-facing, expected internal: it has public addresses",
                "load balancer internal is in the state provisioning, expected active",
            ]
        );
    }
}
