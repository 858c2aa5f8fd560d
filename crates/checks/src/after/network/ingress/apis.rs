//! The other APIs that send requests through the VPC link.

use admin_client::path;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use super::super::link;
use crate::aws::{Account, Call, Service, Unread, text};
use crate::findings::Findings;
use crate::stack::Stack;

/// The most APIs of which the integrations are read.
const MAX_APIS: usize = 60;
/// The number of APIs that are read at the same time. API Gateway limits the rate of such calls.
const CONCURRENCY: usize = 4;
const PAGE: &str = "100";

/// Adds the other APIs that send requests through the VPC link of the stack. Their routes are not
/// those of the stack, and may have no authorizer.
pub(super) async fn check(stack: &Stack, findings: &mut Findings) {
    let Some(link) = link::id(stack) else {
        return;
    };
    let read = others(stack).await;
    let Some(others) = findings.take("the APIs of the region", read) else {
        return;
    };
    if others.len() > MAX_APIS {
        findings.unproven(format!(
            "the region has {} other APIs, of which {MAX_APIS} were read",
            others.len()
        ));
    }

    let reads = others.into_iter().take(MAX_APIS).map(|api| {
        let (account, link) = (stack.account().clone(), link.clone());
        async move {
            let read = uses_link(&account, text(&api["apiId"]), &link).await;
            (api, read)
        }
    });
    let uses: Vec<_> = stream::iter(reads).buffered(CONCURRENCY).collect().await;

    for (api, read) in uses {
        let (id, name) = (text(&api["apiId"]), text(&api["name"]));
        if findings.take(&format!("API {id}"), read) == Some(true) {
            findings.unproven(format!(
                "API {name} ({id}) sends requests through the same VPC link. Check that its routes \
                 have the authorizer"
            ));
        }
    }
}

/// Returns the HTTP APIs of the region, without that of the stack.
async fn others(stack: &Stack) -> Result<Vec<Value>, Unread> {
    let list = path(&["v2", "apis"]).query(&[("maxResults", PAGE)]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    let mut apis = stack.account().read_all(&call, "/items").await?;

    let own = stack.output("ApiId").unwrap_or_default();
    apis.retain(|api| api["protocolType"] == "HTTP" && text(&api["apiId"]) != own);
    Ok(apis)
}

async fn uses_link(account: &Account, api: &str, link: &str) -> Result<bool, Unread> {
    let list = path(&["v2", "apis", api, "integrations"]).query(&[("maxResults", PAGE)]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    let integrations = account.read_all(&call, "/items").await?;
    Ok(integrations
        .iter()
        .any(|it| text(&it["connectionId"]) == link))
}
