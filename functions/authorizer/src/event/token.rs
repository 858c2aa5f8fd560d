//! The authorizer event of a REST API with type TOKEN: one header and the ARN of the method.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>.

use std::borrow::Cow;

use serde::Deserialize;

use super::headers::Headers;
use super::json_str::JsonStr;
use super::request::{Format, Path, Request};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventToken<'e> {
    #[serde(borrow)]
    authorization_token: Option<JsonStr<'e>>,
    method_arn: Option<JsonStr<'e>>,
}

impl<'e> EventToken<'e> {
    pub(crate) fn request(self) -> Result<Request<'e>, &'static str> {
        let method_arn = self.method_arn.ok_or("methodArn")?;
        let (method, path) = method_and_path(&method_arn).ok_or("methodArn")?;

        Ok(Request {
            id: None,
            certificate: None,
            method: JsonStr(Cow::Owned(method)),
            source: None,
            path: Path::Plain(path),
            headers: Headers::default(),
            cookies: Vec::new(),
            token_header: self.authorization_token,
            format: Format::Policy { method_arn },
        })
    }
}

/// Returns the method and the path of `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`.
fn method_and_path(arn: &str) -> Option<(String, String)> {
    let (_, resource) = arn.strip_prefix("arn:")?.split_once(":execute-api:")?;
    let mut parts = resource.splitn(4, '/').skip(2);
    let method = parts.next().filter(|method| !method.is_empty())?;

    Some((
        method.to_owned(),
        format!("/{}", parts.next().unwrap_or_default()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_path_are_read_from_the_arn() {
        let of = |resource: &str| {
            method_and_path(&format!(
                "arn:aws:execute-api:eu-central-1:123456789012:{resource}"
            ))
        };
        let some = |method: &str, path: &str| Some((method.to_owned(), path.to_owned()));
        assert_eq!(of("api/prod/GET/orders/7"), some("GET", "/orders/7"));
        assert_eq!(of("api/prod/GET/"), some("GET", "/"));
        assert_eq!(of("api/prod/GET//x"), some("GET", "//x"));
        assert_eq!(of("api/prod"), None);
        assert_eq!(method_and_path("GET/orders"), None);
    }
}
