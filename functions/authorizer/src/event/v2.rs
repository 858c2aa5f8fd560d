//! The authorizer event of an HTTP API with format 2.0.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>.

use serde::Deserialize;

use super::default_route::{DEFAULT_ROUTE, DefaultRoute};
use super::fields::Fields;
use super::headers::Headers;
use super::json_str::JsonStr;
use super::request::{Format, Path, Request};
use crate::certificate::Certificate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventV2<'e> {
    #[serde(borrow)]
    r#type: Option<JsonStr<'e>>,
    version: Option<JsonStr<'e>>,
    route_key: Option<JsonStr<'e>>,
    route_arn: Option<JsonStr<'e>>,
    raw_path: Option<JsonStr<'e>>,
    headers: Option<Fields<'e, JsonStr<'e>>>,
    cookies: Option<Vec<JsonStr<'e>>>,
    path_parameters: Option<Fields<'e, JsonStr<'e>>>,
    request_context: Option<RequestContext<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'e> {
    #[serde(borrow)]
    request_id: Option<JsonStr<'e>>,
    stage: Option<JsonStr<'e>>,
    http: Option<Http<'e>>,
    authentication: Option<Authentication<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication<'e> {
    #[serde(borrow)]
    client_cert: Option<Certificate<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'e> {
    #[serde(borrow)]
    method: Option<JsonStr<'e>>,
    source_ip: Option<JsonStr<'e>>,
}

impl<'e> EventV2<'e> {
    /// True if the event declares itself a REQUEST event of format 2.0.
    pub(crate) fn is_v2(&self) -> bool {
        (self.r#type.as_deref(), self.version.as_deref()) == (Some("REQUEST"), Some("2.0"))
    }

    pub(crate) fn request(self) -> Result<Request<'e>, &'static str> {
        let context = self.request_context.ok_or("requestContext")?;
        let http = context.http.ok_or("requestContext.http")?;
        let key = self.route_key.ok_or("routeKey")?.0;
        let path = if key == DEFAULT_ROUTE {
            Path::Default(DefaultRoute {
                path: self.raw_path,
                stage: context.stage,
                arn: self.route_arn,
            })
        } else {
            Path::Route {
                key,
                parameters: self.path_parameters.unwrap_or_default(),
            }
        };

        Ok(Request {
            id: context.request_id,
            certificate: context
                .authentication
                .and_then(|authentication| authentication.client_cert),
            method: http.method.ok_or("requestContext.http.method")?,
            source: http.source_ip.and_then(|address| address.parse().ok()),
            format: Format::Simple,
            path,
            headers: Headers::new(self.headers.unwrap_or_default().0),
            cookies: self.cookies.unwrap_or_default(),
            token_header: None,
        })
    }
}
