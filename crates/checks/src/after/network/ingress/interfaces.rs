//! The network interfaces that have a security group of the VPC link.

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, text};

/// The type of the interfaces of a VPC link.
const OF_API_GATEWAY: &str = "api_gateway_managed";
/// The type of the interfaces of instances, and of some services.
const GENERAL: &str = "interface";

/// Returns the instances, tasks, functions and load balancers that have one of the groups.
///
/// # Errors
/// [`Unread`] if the interfaces cannot be read.
pub(super) async fn other_owners(
    account: &Account,
    groups: &[String],
) -> Result<Vec<String>, Unread> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let call = Call::query(
        Service::Ec2,
        "DescribeNetworkInterfaces",
        &[("Filter.1.Name", "group-id")],
    )
    .with_list("Filter.1.Value", groups.iter().map(String::as_str));
    let interfaces = account.read_all(&call, "/networkInterfaceSet").await?;
    Ok(interfaces.iter().filter_map(owner).collect())
}

/// Returns the owner of an interface, or `None` if it can belong to the VPC link.
///
/// AWS does not document the description of a VPC link's interfaces. An interface is another's only
/// if its type, its instance or its ECS task shows that.
fn owner(interface: &Value) -> Option<String> {
    let id = text(&interface["networkInterfaceId"]);
    let kind = text(&interface["interfaceType"]);
    let instance = text(&interface["attachment"]["instanceId"]);
    let description = text(&interface["description"]);

    if kind == OF_API_GATEWAY {
        None
    } else if !instance.is_empty() {
        Some(format!("instance {instance} ({id})"))
    } else if description.starts_with("arn:") && description.contains(":ecs:") {
        Some(format!("an ECS task ({id})"))
    } else if kind != GENERAL && !kind.is_empty() {
        Some(format!("network interface {id} of the type {kind}"))
    } else {
        None
    }
}
