//! The authorizer event of an HTTP API with format 1.0, and of a REST API with type REQUEST. The
//! latter has no version and keeps the case of header names.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>.

use std::borrow::Cow;

use serde::Deserialize;

use super::default_route::{DEFAULT_ROUTE, DefaultRoute};
use super::fields::Fields;
use super::headers::Headers;
use super::json_str::JsonStr;
use super::request::{Format, Path, Request};
use crate::certificate::Certificate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventV1<'e> {
    #[serde(borrow)]
    method_arn: Option<JsonStr<'e>>,
    resource: Option<JsonStr<'e>>,
    path: Option<JsonStr<'e>>,
    http_method: Option<JsonStr<'e>>,
    headers: Option<Fields<'e, JsonStr<'e>>>,
    multi_value_headers: Option<Fields<'e, Vec<JsonStr<'e>>>>,
    path_parameters: Option<Fields<'e, JsonStr<'e>>>,
    request_context: Option<RequestContext<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'e> {
    #[serde(borrow)]
    request_id: Option<JsonStr<'e>>,
    stage: Option<JsonStr<'e>>,
    identity: Option<Identity<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'e> {
    #[serde(borrow)]
    source_ip: Option<JsonStr<'e>>,
    client_cert: Option<Certificate<'e>>,
}

impl<'e> EventV1<'e> {
    pub(crate) fn request(mut self) -> Result<Request<'e>, &'static str> {
        let context = self.request_context.take().ok_or("requestContext")?;
        let identity = context.identity.ok_or("requestContext.identity")?;
        let headers = self.headers();
        let method_arn = self.method_arn.ok_or("methodArn")?;
        let resource = self.resource.ok_or("resource")?;
        let path = if *resource == *DEFAULT_ROUTE {
            Path::Default(DefaultRoute {
                path: self.path,
                stage: context.stage,
                arn: Some(JsonStr(Cow::Owned(method_arn.to_string()))),
            })
        } else {
            Path::Route {
                key: Cow::Owned(format!("ANY {}", &*resource)),
                parameters: self.path_parameters.unwrap_or_default(),
            }
        };

        Ok(Request {
            id: context.request_id,
            certificate: identity.client_cert,
            method: self.http_method.ok_or("httpMethod")?,
            source: identity.source_ip.and_then(|address| address.parse().ok()),
            format: Format::Policy { method_arn },
            path,
            headers,
            cookies: Vec::new(),
            token_header: None,
        })
    }

    /// Reads the headers. If a header was sent twice, `headers` contains only its last value.
    fn headers(&mut self) -> Headers<'e> {
        match self
            .multi_value_headers
            .take()
            .filter(|several| !several.0.is_empty())
        {
            Some(several) => Headers::new(several.0.into_iter().flat_map(|(name, values)| {
                values.into_iter().map(move |value| (name.clone(), value))
            })),
            None => Headers::new(self.headers.take().unwrap_or_default().0),
        }
    }
}
