//! A VPC endpoint.

use serde_json::Value;

use crate::aws::{array, text};

use super::super::link::texts;

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// The ID.
    pub(super) id: String,
    /// The VPC.
    pub(super) vpc: String,
    /// The service: the part of its name after the region, such as `dynamodb`.
    pub(super) service: String,
    /// The state, such as `available`.
    pub(super) state: String,
    /// The route tables, for a gateway endpoint.
    pub(super) route_tables: Vec<String>,
    /// The policy, or null if it is not JSON.
    pub(super) policy: Value,
    is_gateway: bool,
    has_private_dns: bool,
    groups: Vec<String>,
}

impl Endpoint {
    /// Returns an endpoint from `DescribeVpcEndpoints`.
    pub(super) fn of(value: &Value) -> Self {
        let groups = array(&value["groupSet"]).iter();
        Self {
            id: text(&value["vpcEndpointId"]).to_owned(),
            vpc: text(&value["vpcId"]).to_owned(),
            service: short_name(text(&value["serviceName"])),
            state: text(&value["state"]).to_owned(),
            route_tables: texts(&value["routeTableIdSet"]),
            policy: serde_json::from_str(text(&value["policyDocument"])).unwrap_or_default(),
            is_gateway: value["vpcEndpointType"] == "Gateway",
            has_private_dns: value["privateDnsEnabled"] == "true",
            groups: groups
                .map(|group| text(&group["groupId"]).to_owned())
                .collect(),
        }
    }

    /// True if the endpoint is in service. AWS documents the state in both spellings.
    pub(super) fn is_available(&self) -> bool {
        self.state.eq_ignore_ascii_case("available")
    }

    /// Returns the reason why functions that may connect to `group` cannot use the endpoint.
    pub(super) fn problem(&self, group: &str) -> Option<String> {
        let Self {
            id, service, state, ..
        } = self;
        let endpoint = format!("endpoint {id} for {service}");
        if !self.is_available() {
            Some(format!("{endpoint} is {state}, expected available"))
        } else if self.is_gateway {
            let is_unused = self.route_tables.is_empty();
            is_unused.then(|| format!("{endpoint} is in no route table"))
        } else if !self.has_private_dns {
            Some(format!("{endpoint} has no private DNS name"))
        } else if !self.groups.iter().any(|it| it == group) {
            Some(format!(
                "{endpoint} does not have the security group in EndpointSecurityGroupId"
            ))
        } else {
            None
        }
    }
}

/// Returns the part of a service's name after the region: `com.amazonaws.eu-west-1.ecr.api` is
/// `ecr.api`.
fn short_name(service: &str) -> String {
    let start = if service.starts_with("cn.") { 4 } else { 3 };
    service
        .splitn(start + 1, '.')
        .nth(start)
        .unwrap_or(service)
        .to_owned()
}
