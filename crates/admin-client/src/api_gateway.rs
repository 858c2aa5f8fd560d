//! Usage plans and API keys of API Gateway's REST APIs, as an import reads them.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::aws_api::{AwsApi, AwsService};
use crate::aws_error::AwsError;
use crate::client::{http_calls, process_environment};
use crate::credentials::{AwsCredentials, ProfileChoice};
use crate::error::ClientError;
use crate::options::TargetOptions;
use crate::path::{ApiPath, path};
use crate::region;

const API_GATEWAY: AwsService = AwsService {
    name: "apigateway",
    endpoint_variable: "AWS_ENDPOINT_URL_API_GATEWAY",
};
/// The most items that API Gateway returns per page.
const PAGE_LIMIT: &str = "500";
/// The most items of one list. API Gateway permits 10,000 API keys per account and region.
const MAX_ITEMS: usize = 100_000;

/// Reads usage plans and API keys of one account and region.
#[derive(Clone, Debug)]
pub struct ApiGatewayReader {
    aws: AwsApi,
}

impl ApiGatewayReader {
    /// Selects the account and region by `profile` and `region` of the options, or else by the
    /// environment. Nothing is sent.
    ///
    /// # Errors
    /// [`ClientError`] if there is no region, or a setting of the environment is invalid.
    pub async fn connect(options: &TargetOptions) -> Result<Self, ClientError> {
        let lookup = process_environment;
        let calls = http_calls(lookup)?;
        let profile = ProfileChoice::select(options.profile.as_deref(), lookup);
        let region = region::select(options.region.as_deref(), None, &profile, lookup).await?;
        let credentials = AwsCredentials::new(profile, &region, calls.connections()).await;
        let credentials = Arc::new(credentials);

        Ok(Self {
            aws: AwsApi {
                calls,
                credentials,
                region,
            },
        })
    }

    /// Returns the region that is read.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.aws.region
    }

    /// Returns all usage plans: `{"items": […]}`, as `aws apigateway get-usage-plans` prints them.
    ///
    /// # Errors
    /// [`ClientError`] if a page cannot be read.
    pub async fn usage_plans(&self) -> Result<Value, ClientError> {
        self.items(path(&["usageplans"])).await
    }

    /// Returns all API keys with their values, as `aws apigateway get-api-keys --include-values`
    /// prints them. The values are secrets.
    ///
    /// # Errors
    /// [`ClientError`] if a page cannot be read.
    pub async fn api_keys(&self) -> Result<Value, ClientError> {
        let keys = path(&["apikeys"]).query(&[("includeValues", "true")]);
        self.items(keys).await
    }

    /// Returns the API keys of a usage plan, as `aws apigateway get-usage-plan-keys` prints them.
    /// They have no values if the plan was read with a limited permission.
    ///
    /// # Errors
    /// [`ClientError`] if a page cannot be read.
    pub async fn usage_plan_keys(&self, usage_plan_id: &str) -> Result<Value, ClientError> {
        self.items(path(&["usageplans", usage_plan_id, "keys"]))
            .await
    }

    /// Returns the items of all pages of a list.
    async fn items(&self, list: ApiPath) -> Result<Value, ClientError> {
        let first = list.query(&[("limit", PAGE_LIMIT)]);
        let mut items = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let page = match &position {
                Some(position) => first.clone().query(&[("position", position)]),
                None => first.clone(),
            };
            let (found, next) = page_of(self.page(&page).await?)?;
            items.extend(found);

            if next.is_none() {
                return Ok(json!({ "items": items }));
            }
            if next == position || items.len() > MAX_ITEMS {
                return Err(unexpected("the list does not end").into());
            }
            position = next;
        }
    }

    async fn page(&self, page: &ApiPath) -> Result<Value, AwsError> {
        let request = Request::get(page.as_ref())
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|_| AwsError::Signature)?;
        let response = self.aws.read(API_GATEWAY, &request).await?;
        serde_json::from_slice(response.body()).map_err(|_| unexpected("not valid JSON"))
    }
}

/// Returns the items of a page and the position of the next one. API Gateway names the list `item`,
/// and the AWS CLI `items`. A list without items is missing.
fn page_of(mut page: Value) -> Result<(Vec<Value>, Option<String>), AwsError> {
    let position = page["position"].as_str().map(str::to_owned);
    let name = if page.get("item").is_some() {
        "item"
    } else {
        "items"
    };
    match page[name].take() {
        Value::Array(items) => Ok((items, position)),
        Value::Null => Ok((Vec::new(), position)),
        one @ Value::Object(_) => Ok((vec![one], position)),
        _ => Err(unexpected("the items are not a list")),
    }
}

const fn unexpected(problem: &'static str) -> AwsError {
    AwsError::Unexpected {
        service: API_GATEWAY.name,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_two_names_and_can_be_missing() {
        let page = json!({"item": [{"id": "a"}], "position": "p"});
        let expected = (vec![json!({"id": "a"})], Some("p".to_owned()));
        assert_eq!(page_of(page).unwrap(), expected);
        let page = json!({"items": [{"id": "a"}]});
        assert_eq!(page_of(page).unwrap(), (vec![json!({"id": "a"})], None));
        assert_eq!(page_of(json!({})).unwrap(), (vec![], None));
        assert!(page_of(json!({"item": "a"})).is_err());
    }
}
