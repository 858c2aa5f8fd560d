//! One read-only call of an AWS service.

use admin_client::ApiPath;
use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::service::{Protocol, Service};

/// A read-only call of an AWS service.
///
/// ```
/// use checks::aws::{Call, Service};
///
/// let call = Call::query(Service::Ec2, "DescribeSubnets", &[("SubnetId.1", "subnet-1")]);
/// assert_eq!(call.permission(), "ec2:DescribeSubnets");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    service: Service,
    operation: &'static str,
    input: Input,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Input {
    /// The fields of a form.
    Form(Vec<(String, String)>),
    /// A JSON document.
    Json(String),
    /// A path with its query.
    Path(String),
}

impl Call {
    /// Returns a call of a service that takes forms, such as EC2.
    #[must_use]
    pub fn query(service: Service, operation: &'static str, fields: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            service,
            operation,
            input: Input::Form(fields.iter().map(owned).collect()),
        }
    }

    /// Returns the call with a list, such as `SubnetId` of EC2 or `ListenerArns` of other services.
    #[must_use]
    pub fn with_list<'a>(mut self, name: &str, items: impl IntoIterator<Item = &'a str>) -> Self {
        let prefix = match self.service {
            Service::Ec2 => name.to_owned(),
            _ => format!("{name}.member"),
        };
        if let Input::Form(fields) = &mut self.input {
            for (index, item) in items.into_iter().enumerate() {
                fields.push((format!("{prefix}.{}", index + 1), item.to_owned()));
            }
        }
        self
    }

    /// Returns a call of a service that takes JSON, such as DynamoDB.
    #[must_use]
    pub fn json(service: Service, operation: &'static str, body: &Value) -> Self {
        Self {
            service,
            operation,
            input: Input::Json(body.to_string()),
        }
    }

    /// Returns a `GET` request of a service such as Lambda, or `HEAD` for Amazon S3. `operation` is the
    /// name in permissions.
    #[must_use]
    pub fn get(service: Service, operation: &'static str, path: &ApiPath) -> Self {
        Self {
            service,
            operation,
            input: Input::Path(path.to_string()),
        }
    }

    /// Returns the same call for a later page.
    pub(super) fn with_token(&self, token: &str) -> Self {
        let mut call = self.clone();
        let name = self.service.token_name();
        match &mut call.input {
            Input::Form(fields) => fields.push((name.to_owned(), token.to_owned())),
            Input::Json(body) => {
                let mut fields: Value = serde_json::from_str(body).unwrap_or_default();
                fields[name] = token.into();
                *body = fields.to_string();
            }
            Input::Path(path) => {
                // The older API of API Gateway, for REST APIs, has another name.
                let is_rest_api = path.starts_with("/restapis/");
                let name = if is_rest_api { "position" } else { name };
                path.push(if path.contains('?') { '&' } else { '?' });
                let token = utf8_percent_encode(token, NON_ALPHANUMERIC);
                path.push_str(&format!("{name}={token}"));
            }
        }
        call
    }

    /// Returns the service.
    #[must_use]
    pub const fn service(&self) -> Service {
        self.service
    }

    /// Returns the name of the operation in permissions.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// Returns the permission that the call needs, such as `ec2:DescribeSubnets`.
    #[must_use]
    pub fn permission(&self) -> String {
        format!("{}:{}", self.service.permission_prefix(), self.operation)
    }

    /// Returns the HTTP request, with a path instead of a URL.
    pub(crate) fn request(&self) -> Result<Request<Bytes>, http::Error> {
        match (&self.input, self.service.protocol()) {
            (Input::Form(fields), Protocol::Query { version }) => Request::post("/")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form(self.operation, version, fields)),
            (
                Input::Json(body),
                Protocol::Json {
                    target,
                    content_type,
                },
            ) => Request::post("/")
                .header(CONTENT_TYPE, content_type)
                .header("x-amz-target", format!("{target}.{}", self.operation))
                .body(Bytes::from(body.clone())),
            (Input::Path(path), Protocol::Head) => Request::head(path).body(Bytes::new()),
            (Input::Path(path), Protocol::RestXml) => Request::get(path).body(Bytes::new()),
            (Input::Path(path), _) => Request::get(path)
                .header(ACCEPT, "application/json")
                .body(Bytes::new()),
            // A form for a service that takes JSON, or the reverse, is a mistake of this crate.
            (Input::Form(_) | Input::Json(_), _) => Request::post("").body(Bytes::new()),
        }
    }
}

fn form(operation: &str, version: &str, fields: &[(String, String)]) -> Bytes {
    let mut body = format!("Action={operation}&Version={version}");
    for (name, value) in fields {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        body.push_str(&format!("&{name}={value}"));
    }
    body.into()
}

#[cfg(test)]
mod tests {
    use admin_client::path;
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_have_the_form_of_their_service() {
        let body = |service| {
            let call = Call::query(service, "Describe", &[]).with_list("Ids", ["a/1", "b"]);
            String::from_utf8(call.request().unwrap().body().to_vec()).unwrap()
        };
        assert!(body(Service::Ec2).ends_with("&Ids%2E1=a%2F1&Ids%2E2=b"));
        assert!(
            body(Service::LoadBalancing).ends_with("&Ids%2Emember%2E1=a%2F1&Ids%2Emember%2E2=b")
        );
    }

    #[test]
    fn requests_have_the_form_of_their_service() {
        let target = |service| {
            let call = Call::json(service, "Describe", &json!({"Id": 1}));
            let request = call.request().unwrap();
            assert_eq!(request.body(), r#"{"Id":1}"#);
            let target = request.headers()["x-amz-target"].to_str().unwrap();
            target.to_owned()
        };
        assert_eq!(target(Service::Kms), "TrentService.Describe");
        assert_eq!(target(Service::SecretsManager), "secretsmanager.Describe");
        assert_eq!(target(Service::Ssm), "AmazonSSM.Describe");

        let call = Call::query(Service::Iam, "GetPolicy", &[("PolicyArn", "a:b")]);
        let body = "Action=GetPolicy&Version=2010-05-08&PolicyArn=a%3Ab";
        assert_eq!(call.request().unwrap().body(), body);

        let request = |service| {
            let call = Call::get(service, "Get", &path(&["a", "b c"]));
            let request = call.request().unwrap();
            format!("{} {}", request.method(), request.uri())
        };
        assert_eq!(request(Service::Route53), "GET /a/b%20c");
        assert_eq!(request(Service::S3), "HEAD /a/b%20c");
    }
}
