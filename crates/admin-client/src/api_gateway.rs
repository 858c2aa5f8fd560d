//! Usage plans and API keys of API Gateway's REST APIs, as an import reads them.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::aws_api::{AwsApi, AwsService};
use crate::aws_error::AwsError;
use crate::error::ClientError;
use crate::options::TargetOptions;
use crate::path::{ApiPath, path};

const API_GATEWAY: AwsService = AwsService {
    name: "apigateway",
    endpoint_variable: "AWS_ENDPOINT_URL_API_GATEWAY",
};
/// The most items that API Gateway returns per page.
const PAGE_LIMIT: &str = "500";
/// The most items of one list. API Gateway permits 10,000 API keys per account and region.
const MAX_ITEMS: usize = 100_000;

/// Reads usage plans and API keys of one account and region.
///
/// The documents are those that the AWS CLI prints, except for instants: they are numbers of
/// seconds, which the CLI prints as text.
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
        let aws = AwsApi::connect(options).await?;
        Ok(Self { aws })
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
    if !page.is_object() {
        return Err(unexpected("not an object"));
    }
    let name = ["item", "items"]
        .into_iter()
        .find(|name| page.get(name).is_some());
    match name.map_or(Value::Null, |name| page[name].take()) {
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
    use std::sync::Arc;

    use testing::{HttpReply, HttpServer};

    use super::*;
    use crate::credentials::AwsCredentials;
    use crate::environment::Environment;
    use crate::network::Network;

    fn reader(server: &HttpServer) -> ApiGatewayReader {
        let address = server.url();
        let lookup =
            move |name: &str| (name == "AWS_ENDPOINT_URL_API_GATEWAY").then(|| address.clone());
        ApiGatewayReader {
            aws: AwsApi {
                calls: Network::from_lookup(|_| None).unwrap().http_calls(),
                credentials: Arc::new(AwsCredentials::fixed()),
                region: "eu-west-1".to_owned(),
                environment: Environment::of(lookup),
            },
        }
    }

    #[tokio::test]
    async fn all_pages_are_read_with_signed_requests() {
        let server = HttpServer::start();
        for page in [
            json!({"item": [{"id": "a", "value": "v"}], "position": "p/1"}),
            json!({"item": [{"id": "b"}]}),
        ] {
            server.reply("GET /apikeys", HttpReply::json(200, &page));
        }

        let keys = reader(&server).api_keys().await.unwrap();

        assert_eq!(
            keys,
            json!({"items": [{"id": "a", "value": "v"}, {"id": "b"}]})
        );
        let requests = server.requests();
        let targets: Vec<_> = requests.iter().map(|it| it.target.as_str()).collect();
        let first = "/apikeys?includeValues=true&limit=500";
        assert_eq!(targets, [first, &format!("{first}&position=p%2F1")]);
        let scope = "/eu-west-1/apigateway/aws4_request";
        assert!(
            requests
                .iter()
                .all(|it| it.headers["authorization"].contains(scope))
        );
    }

    #[tokio::test]
    async fn keys_of_a_plan_and_plans_have_paths_of_their_own() {
        let server = HttpServer::start();
        let empty = HttpReply::json(200, &json!({}));
        server.reply("GET /usageplans", empty.clone());
        server.reply("GET /usageplans/abc/keys", empty);

        let reader = reader(&server);
        assert_eq!(reader.usage_plans().await.unwrap(), json!({"items": []}));
        let keys = reader.usage_plan_keys("abc").await.unwrap();
        assert_eq!(keys, json!({"items": []}));
    }

    #[tokio::test]
    async fn list_that_does_not_end_is_an_error() {
        let server = HttpServer::start();
        let page = json!({"item": [{"id": "a"}], "position": "p"});
        server.reply("GET /usageplans", HttpReply::json(200, &page));
        let error = reader(&server).usage_plans().await.unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
    }

    #[tokio::test]
    async fn missing_permission_is_a_refusal() {
        let server = HttpServer::start();
        let body = json!({"message": "User: arn:u is not authorized to perform: apigateway:GET on resource: arn:r"});
        let reply = HttpReply::json(403, &body).header("x-amzn-errortype", "AccessDeniedException");
        server.reply("GET /usageplans", reply);

        let error = reader(&server).usage_plans().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("apigateway:GET on resource: arn:r"),
            "{error}"
        );
        assert_eq!((error.exit_code(), server.requests().len()), (1, 1));
    }

    #[tokio::test]
    async fn throttled_calls_are_repeated() {
        let server = HttpServer::start();
        let throttled = HttpReply::json(429, &json!({"message": "Too Many Requests"}));
        server.reply("GET /usageplans", throttled);
        server.reply("GET /usageplans", HttpReply::json(200, &json!({})));
        assert!(reader(&server).usage_plans().await.is_ok());
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn items_have_two_names_and_can_be_missing() {
        let page = json!({"item": [{"id": "a"}], "position": "p"});
        let expected = (vec![json!({"id": "a"})], Some("p".to_owned()));
        assert_eq!(page_of(page).unwrap(), expected);
        let page = json!({"items": [{"id": "a"}]});
        assert_eq!(page_of(page).unwrap(), (vec![json!({"id": "a"})], None));
        assert_eq!(page_of(json!({})).unwrap(), (vec![], None));
        assert!(page_of(json!({"item": "a"})).is_err());
        assert!(page_of(json!([])).is_err());
    }
}
