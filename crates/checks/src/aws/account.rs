//! Reads an AWS account. Each response is read once per run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use admin_client::{AwsAccount, AwsError, AwsService};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::call::Call;
use super::service::Protocol;
use super::unread::Unread;
use super::xml;

/// The time for one call, with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// The most pages of one list.
const MAX_PAGES: usize = 50;

/// Sends requests to AWS services, or responds with recorded documents in tests.
pub trait Transport: Send + Sync {
    /// Sends a request that has a path instead of a URL, and returns a successful response.
    fn send<'a>(
        &'a self,
        service: AwsService,
        request: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>>;
}

impl Transport for AwsAccount {
    fn send<'a>(
        &'a self,
        service: AwsService,
        request: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>> {
        Box::pin(self.read(service, request))
    }
}

type Read = Arc<OnceCell<Result<Arc<Value>, Unread>>>;

/// An AWS account that is read. Checks that need the same response share one call.
#[derive(Clone)]
pub struct Account {
    transport: Arc<dyn Transport>,
    region: String,
    reads: Arc<Mutex<HashMap<Call, Read>>>,
}

impl Account {
    /// Returns the reader of an account. Nothing is sent.
    #[must_use]
    pub fn new(account: AwsAccount) -> Self {
        let region = account.region().to_owned();
        Self::over(Arc::new(account), region)
    }

    /// Returns the reader of an account over a transport.
    #[must_use]
    pub fn over(transport: Arc<dyn Transport>, region: String) -> Self {
        Self {
            transport,
            region,
            reads: Arc::default(),
        }
    }

    /// Returns the region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the response of a call. XML is returned as JSON, without its root element. The response
    /// to `HEAD` is an object of its header fields.
    ///
    /// # Errors
    /// [`Unread`] if a permission is missing, the object does not exist, or the call failed.
    pub async fn read(&self, call: &Call) -> Result<Arc<Value>, Unread> {
        let read = {
            let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(reads.entry(call.clone()).or_default())
        };
        read.get_or_init(|| self.send(call)).await.clone()
    }

    /// Returns the items of all pages of a list. `list` is a JSON Pointer to the items, such as
    /// `/DescribeStacksResult/Stacks`. The token of the next page is in the same object.
    ///
    /// # Errors
    /// [`Unread`] as for [`Self::read`], and if the list does not end.
    pub async fn read_all(&self, call: &Call, list: &str) -> Result<Vec<Value>, Unread> {
        let mut items = Vec::new();
        let mut page_call = call.clone();
        for _ in 0..MAX_PAGES {
            let page = self.read(&page_call).await?;
            items.extend(items_of(&page, list).map_err(|problem| {
                let permission = call.permission();
                Unread::Failed(format!("{permission}: unexpected response: {problem}"))
            })?);

            let parent = list.rsplit_once('/').map_or("", |(parent, _)| parent);
            match next_token(page.pointer(parent).unwrap_or(&Value::Null)) {
                None => return Ok(items),
                Some(token) => page_call = call.with_token(token),
            }
        }
        let permission = call.permission();
        Err(Unread::Failed(format!(
            "{permission}: the list has more than {MAX_PAGES} pages"
        )))
    }

    /// Returns the permissions of the calls that were made.
    #[cfg(test)]
    pub(crate) fn used_permissions(&self) -> std::collections::BTreeSet<String> {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.keys().map(Call::permission).collect()
    }

    async fn send(&self, call: &Call) -> Result<Arc<Value>, Unread> {
        let permission = call.permission();
        let request = call
            .request()
            .map_err(|_| Unread::Failed(format!("{permission}: invalid request")))?;
        let sending = self.transport.send(call.service().aws(), &request);
        let response = tokio::time::timeout(CALL_TIMEOUT, sending)
            .await
            .map_err(|_| {
                let seconds = CALL_TIMEOUT.as_secs();
                Unread::Failed(format!("{permission}: no response within {seconds} s"))
            })?
            .map_err(|error| Unread::of_aws(permission.clone(), &error))?;

        document(call, &response).map(Arc::new).map_err(|problem| {
            Unread::Failed(format!("{permission}: unexpected response: {problem}"))
        })
    }
}

fn document(call: &Call, response: &Response<Bytes>) -> Result<Value, &'static str> {
    let body = response.body();
    match call.service().protocol() {
        Protocol::Query { .. } | Protocol::RestXml => {
            let text = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
            let root = format!("{}Response", call.operation());
            xml::value(text, &root)
        }
        Protocol::Json { .. } | Protocol::Rest => {
            serde_json::from_slice(body).map_err(|_| "not valid JSON")
        }
        Protocol::Head => Ok(header_fields(response.headers())),
    }
}

/// Returns the header fields whose values are text.
fn header_fields(headers: &HeaderMap) -> Value {
    let fields = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.to_string(), Value::from(value)))
    });
    Value::Object(fields.collect())
}

/// Returns the items of a list of a response. `list` is a JSON Pointer.
///
/// API Gateway returns a single item of a REST API without a list, and leaves out an empty one. An
/// empty element of XML is null.
fn items_of(response: &Value, list: &str) -> Result<Vec<Value>, String> {
    let is_optional = list == "/item" && response.is_object();
    match response.pointer(list) {
        Some(Value::Array(items)) => Ok(items.clone()),
        Some(item @ Value::Object(_)) => Ok(vec![item.clone()]),
        Some(Value::Null) => Ok(Vec::new()),
        None if is_optional => Ok(Vec::new()),
        None | Some(_) => Err(format!("no list {}", &list[1..])),
    }
}

/// Returns the items of a list. A missing or empty list is null.
#[must_use]
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns a string, or the empty string if the value is missing or not a string.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the token of the next page.
fn next_token(page: &Value) -> Option<&str> {
    let names = [
        "NextToken",
        "nextToken",
        "NextMarker",
        "position",
        "LastEvaluatedTableName",
    ];
    let token = names
        .into_iter()
        .find_map(|name| page.get(name)?.as_str())?;
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_list_is_not_an_empty_list() {
        let items = |response: Value, list: &str| items_of(&response, list);
        assert_eq!(items(json!({"items": []}), "/items"), Ok(Vec::new()));
        assert_eq!(items(json!({"set": null}), "/set"), Ok(Vec::new()));
        assert_eq!(items(json!({}), "/item"), Ok(Vec::new()));
        assert_eq!(
            items(json!({"item": {"id": "a"}}), "/item"),
            Ok(vec![json!({"id": "a"})])
        );
        for response in [
            json!({}),
            json!({"other": []}),
            json!("text"),
            json!({"items": "text"}),
        ] {
            assert_eq!(items(response, "/items"), Err("no list items".to_owned()));
        }
    }
}
