//! The VPC link of a stack.

use std::sync::Arc;

use admin_client::path;
use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::stack::Stack;

/// The number of links per page.
const PAGE: &str = "25";

/// Returns the ID of the VPC link, which the stack creates or the parameter `VpcLinkId` names.
pub(super) fn id(stack: &Stack) -> Option<String> {
    if let Some(link) = stack.resource("VpcLink") {
        return Some(link.id.clone());
    }
    let given = stack.parameter("VpcLinkId");
    (!given.is_empty()).then_some(given)
}

/// Reads a VPC link.
///
/// # Errors
/// [`Unread`] if it cannot be read or does not exist.
pub(super) async fn read(account: &Account, id: &str) -> Result<Arc<Value>, Unread> {
    let link = path(&["v2", "vpclinks", id]);
    let call = Call::get(Service::ApiGateway, "GET", &link);
    account.read(&call).await
}

/// Returns the security groups of the VPC link. The group that the stack creates is known without
/// a call.
///
/// # Errors
/// [`Unread`] if the link cannot be read or does not exist.
pub(super) async fn groups(stack: &Stack) -> Result<Vec<String>, Unread> {
    if let Some(group) = stack.resource("VpcLinkSecurityGroup") {
        return Ok(vec![group.id.clone()]);
    }
    let Some(id) = id(stack) else {
        return Ok(Vec::new());
    };
    let link = read(stack.account(), &id).await?;
    Ok(texts(&link["securityGroupIds"]))
}

/// Returns the other VPC links that have one of the groups. What they send reaches the load balancer
/// as well.
///
/// # Errors
/// [`Unread`] if the links cannot be read.
pub(super) async fn others_with_groups(
    stack: &Stack,
    groups: &[String],
) -> Result<Vec<String>, Unread> {
    let own = id(stack);
    let list = path(&["v2", "vpclinks"]).query(&[("maxResults", PAGE)]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    let links = stack.account().read_all(&call, "/items").await?;

    let has_group = |link: &&Value| {
        let found = texts(&link["securityGroupIds"]);
        found.iter().any(|group| groups.contains(group))
    };
    let ids = links
        .iter()
        .filter(has_group)
        .map(|link| text(&link["vpcLinkId"]))
        .filter(|link| own.as_deref() != Some(*link));
    Ok(ids.map(|link| format!("VPC link {link}")).collect())
}

/// Returns the strings of a list.
pub(super) fn texts(list: &Value) -> Vec<String> {
    array(list)
        .iter()
        .map(|item| text(item).to_owned())
        .collect()
}
