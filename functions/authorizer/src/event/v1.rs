//! The event of an HTTP API's authorizer of format 1.0, and of a REST API's of type REQUEST, which
//! is the same without a version and with the headers' case kept.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>.

use std::borrow::Cow;

use serde::Deserialize;

use crate::certificate::Certificate;
use crate::text::{Headers, Members, Text};

use super::request::{Format, Path, Request};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventV1<'e> {
    #[serde(borrow)]
    method_arn: Option<Text<'e>>,
    resource: Option<Text<'e>>,
    http_method: Option<Text<'e>>,
    headers: Option<Members<'e, Text<'e>>>,
    multi_value_headers: Option<Members<'e, Vec<Text<'e>>>>,
    path_parameters: Option<Members<'e, Text<'e>>>,
    request_context: Option<RequestContext<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'e> {
    #[serde(borrow)]
    request_id: Option<Text<'e>>,
    identity: Option<Identity<'e>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'e> {
    #[serde(borrow)]
    source_ip: Option<Text<'e>>,
    client_cert: Option<Certificate<'e>>,
}

impl<'e> EventV1<'e> {
    pub(crate) fn request(mut self) -> Result<Request<'e>, &'static str> {
        let context = self.request_context.take().ok_or("requestContext")?;
        let identity = context.identity.ok_or("requestContext.identity")?;
        let headers = self.headers();
        Ok(Request {
            id: context.request_id,
            certificate: identity.client_cert,
            method: self.http_method.ok_or("httpMethod")?,
            source: identity.source_ip.and_then(|address| address.parse().ok()),
            format: Format::Policy {
                method_arn: self.method_arn.ok_or("methodArn")?,
            },
            path: Path::Route {
                key: Cow::Owned(format!("ANY {}", &*self.resource.ok_or("resource")?)),
                parameters: self.path_parameters.unwrap_or_default(),
            },
            headers,
        })
    }

    /// Of a header that was sent twice, `headers` has the last one only.
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
