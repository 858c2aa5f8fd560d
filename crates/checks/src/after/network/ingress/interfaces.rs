//! The network interfaces that have a security group of the VPC link.

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, text};

/// The type of the interfaces of a VPC link.
const OF_API_GATEWAY: &str = "api_gateway_managed";
/// The type of the interfaces of instances, and of some services.
const GENERAL: &str = "interface";
/// The type of the interfaces of functions. Functions with the same subnets and groups share them, so
/// that they do not name a function.
const OF_LAMBDA: &str = "lambda";

/// The network interfaces that have a security group of the VPC link.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interfaces {
    /// Those of instances, tasks, functions and load balancers, with their owners.
    pub(super) of_others: Vec<String>,
    /// Those that may be part of the VPC link.
    pub(super) of_unknown_owner: Vec<String>,
}

/// Reads the network interfaces that have one of the groups.
///
/// # Errors
/// [`Unread`] if they cannot be read.
pub(super) async fn read(account: &Account, groups: &[String]) -> Result<Interfaces, Unread> {
    if groups.is_empty() {
        return Ok(Interfaces::default());
    }
    Ok(by_owner(&with_groups(account, groups).await?))
}

/// Returns the owners of the interfaces that have a group and do not belong to functions.
///
/// # Errors
/// [`Unread`] if the interfaces cannot be read.
pub(super) async fn without_functions(
    account: &Account,
    group: &String,
) -> Result<Vec<String>, Unread> {
    let interfaces = with_groups(account, std::slice::from_ref(group)).await?;
    let others = interfaces
        .iter()
        .filter(|it| text(&it["interfaceType"]) != OF_LAMBDA);
    let owners = others.map(|it| {
        let id = text(&it["networkInterfaceId"]);
        owner(it).unwrap_or_else(|| format!("network interface {id}"))
    });
    Ok(owners.collect())
}

async fn with_groups(account: &Account, groups: &[String]) -> Result<Vec<Value>, Unread> {
    let call = Call::query(
        Service::Ec2,
        "DescribeNetworkInterfaces",
        &[("Filter.1.Name", "group-id")],
    )
    .with_list("Filter.1.Value", groups.iter().map(String::as_str));
    account.read_all(&call, "/networkInterfaceSet").await
}

/// Separates the interfaces by their owners.
///
/// AWS does not document the description of a VPC link's interfaces, only their type. An interface
/// of the general type does not belong to a link that has interfaces of its own type.
fn by_owner(interfaces: &[Value]) -> Interfaces {
    let is_of_api_gateway = |it: &Value| text(&it["interfaceType"]) == OF_API_GATEWAY;
    let has_own_type = interfaces.iter().any(is_of_api_gateway);

    let mut found = Interfaces::default();
    for interface in interfaces.iter().filter(|it| !is_of_api_gateway(it)) {
        let id = text(&interface["networkInterfaceId"]);
        match owner(interface) {
            Some(owner) => found.of_others.push(owner),
            None if has_own_type => found.of_others.push(format!("network interface {id}")),
            None => found.of_unknown_owner.push(id.to_owned()),
        }
    }
    found
}

/// Returns the owner of an interface that shows it.
fn owner(interface: &Value) -> Option<String> {
    let id = text(&interface["networkInterfaceId"]);
    let kind = text(&interface["interfaceType"]);
    let instance = text(&interface["attachment"]["instanceId"]);
    let description = text(&interface["description"]);
    let public = text(&interface["association"]["publicIp"]);

    if !instance.is_empty() {
        Some(format!("instance {instance} ({id})"))
    } else if let Some(name) = description.strip_prefix("ELB ") {
        Some(format!("load balancer {name} ({id})"))
    } else if description.starts_with("arn:") && description.contains(":ecs:") {
        Some(format!("an ECS task ({id})"))
    } else if kind != GENERAL && !kind.is_empty() {
        Some(format!("network interface {id} of the type {kind}"))
    } else if !public.is_empty() {
        Some(format!(
            "network interface {id} with the public address {public}"
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_api_gateway() -> Value {
        json!({"networkInterfaceId": "eni-1", "interfaceType": OF_API_GATEWAY})
    }

    fn general(extra: &Value) -> Value {
        let mut interface = json!({"networkInterfaceId": "eni-2", "interfaceType": GENERAL});
        let fields = extra.as_object().into_iter().flatten();
        for (name, value) in fields {
            interface[name] = value.clone();
        }
        interface
    }

    #[test]
    fn owner_is_named_if_the_interface_shows_it() {
        for (extra, expected) in [
            (
                json!({"description": "ELB app/public/50dc"}),
                "load balancer app/public/50dc (eni-2)",
            ),
            (
                json!({"attachment": {"instanceId": "i-0abc"}}),
                "instance i-0abc (eni-2)",
            ),
            (
                json!({"association": {"publicIp": "203.0.113.7"}}),
                "network interface eni-2 with the public address 203.0.113.7",
            ),
            (
                json!({"interfaceType": "lambda"}),
                "network interface eni-2 of the type lambda",
            ),
        ] {
            assert_eq!(by_owner(&[general(&extra)]).of_others, [expected]);
        }
    }

    #[test]
    fn general_interface_is_no_part_of_a_link_with_interfaces_of_its_own_type() {
        let pod = general(&json!({"description": "aws-K8S-i-0abc"}));
        let found = by_owner(&[of_api_gateway(), pod.clone()]);
        assert_eq!(found.of_others, ["network interface eni-2"]);

        let found = by_owner(&[pod]);
        assert_eq!(found.of_unknown_owner, ["eni-2"]);
        assert!(found.of_others.is_empty());
    }

    #[test]
    fn interfaces_of_the_link_are_no_other_way() {
        assert_eq!(by_owner(&[of_api_gateway()]), Interfaces::default());
    }
}
