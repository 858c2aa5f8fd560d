//! The event of an HTTP API's authorizer of format 1.0, and of a REST API's of type REQUEST, which is the
//! same without a version and with the headers' case kept.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>.

use std::collections::HashMap;

use serde::Deserialize;

use crate::certificate::Certificate;
use crate::event::{Format, Path, Request, joined};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventV1 {
    method_arn: Option<String>,
    resource: Option<String>,
    http_method: Option<String>,
    headers: Option<HashMap<String, Option<String>>>,
    multi_value_headers: Option<HashMap<String, Option<Vec<String>>>>,
    path_parameters: Option<HashMap<String, Option<String>>>,
    request_context: Option<RequestContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
    client_cert: Option<Certificate>,
}

impl EventV1 {
    pub(crate) fn request(mut self) -> Result<Request, &'static str> {
        let context = self.request_context.take().ok_or("requestContext")?;
        let identity = context.identity.ok_or("requestContext.identity")?;
        let headers = self.headers();
        Ok(Request {
            id: context.request_id,
            certificate: identity.client_cert,
            method: self.http_method.ok_or("httpMethod")?,
            source: identity.source_ip.and_then(|address| address.parse().ok()),
            format: Format::Policy { method_arn: self.method_arn.ok_or("methodArn")? },
            path: Path::Route {
                key: format!("ANY {}", self.resource.ok_or("resource")?),
                parameters: self.path_parameters.unwrap_or_default(),
            },
            headers,
        })
    }

    /// Of a header that was sent twice, `headers` has the last one only.
    fn headers(&mut self) -> HashMap<String, String> {
        let several = self.multi_value_headers.take().filter(|headers| !headers.is_empty());
        match several {
            Some(several) => joined(several.into_iter().filter_map(|(name, values)| Some((name, values?.join(","))))),
            None => joined(
                self.headers.take().unwrap_or_default().into_iter().filter_map(|(name, value)| Some((name, value?))),
            ),
        }
    }
}
