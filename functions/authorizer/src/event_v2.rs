//! The event of an HTTP API's authorizer, format 2.0.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>.

use std::collections::HashMap;

use serde::Deserialize;

use crate::certificate::Certificate;
use crate::event::{Format, Path, Request, joined};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventV2 {
    route_key: Option<String>,
    headers: Option<HashMap<String, Option<String>>>,
    path_parameters: Option<HashMap<String, Option<String>>>,
    request_context: Option<RequestContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    http: Option<Http>,
    authentication: Option<Authentication>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    client_cert: Option<Certificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

impl EventV2 {
    pub(crate) fn request(self) -> Result<Request, &'static str> {
        let context = self.request_context.ok_or("requestContext")?;
        let http = context.http.ok_or("requestContext.http")?;
        Ok(Request {
            id: context.request_id,
            certificate: context.authentication.and_then(|authentication| authentication.client_cert),
            method: http.method.ok_or("requestContext.http.method")?,
            source: http.source_ip.and_then(|address| address.parse().ok()),
            format: Format::Simple,
            path: Path::Route {
                key: self.route_key.ok_or("routeKey")?,
                parameters: self.path_parameters.unwrap_or_default(),
            },
            headers: joined(
                self.headers.unwrap_or_default().into_iter().filter_map(|(name, value)| Some((name, value?))),
            ),
        })
    }
}
