//! The integrations of a stack's API, as API Gateway describes them.

use admin_client::path;
use serde_json::{Map, Value};

use crate::aws::{Call, Service, Unread};
use crate::stack::Stack;

/// Reads the request mappings of an integration of the stack, or returns `None` if the stack has no
/// such integration. The values can contain a secret.
///
/// # Errors
/// [`Unread`] if the integrations cannot be read, or the integration does not exist.
pub(super) async fn request_mappings(
    stack: &Stack,
    name: &str,
) -> Result<Option<Map<String, Value>>, Unread> {
    let (Some(integration), Some(api)) = (stack.resource(name), stack.output("ApiId")) else {
        return Ok(None);
    };
    let list = path(&["v2", "apis", api, "integrations"]).query(&[("maxResults", "100")]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    let integrations = stack.account().read_all(&call, "/items").await?;

    let found = integrations
        .into_iter()
        .find(|it| it["integrationId"] == integration.id.as_str())
        .ok_or_else(|| Unread::NotFound {
            permission: call.permission(),
        })?;
    let mappings = found["requestParameters"].as_object();
    Ok(Some(mappings.cloned().unwrap_or_default()))
}
