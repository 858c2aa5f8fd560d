//! The API of a CloudFormation stack.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::aws_api::{AwsApi, AwsService, configured_address};
use crate::aws_error::AwsError;
use crate::target::{BaseUrl, TargetError};
use crate::xml;

const CLOUD_FORMATION: AwsService = AwsService {
    name: "cloudformation",
    endpoint_variable: "AWS_ENDPOINT_URL_CLOUDFORMATION",
};
const VERSION: &str = "2010-05-15";
const QUERY: &str = "application/x-www-form-urlencoded";

/// The outputs of a stack of Tollgate that a client needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StackApi {
    /// The output `ApiUrl`.
    pub(crate) url: String,
    /// The output `AdministrationArn`: the resource of the permission to call the API.
    pub(crate) administration_arn: Option<String>,
}

/// The reasons why the API of a stack is not known.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The stack does not exist.
    #[error("stack {stack}: there is no such stack in {region} of {account}")]
    NotFound {
        /// The name of the stack.
        stack: String,
        /// The region that was searched.
        region: String,
        /// The account, such as `the account of the profile dev`.
        account: String,
    },
    /// The stack has no output `ApiUrl`.
    #[error(
        "stack {stack}: no output `ApiUrl`: is it a stack of Tollgate whose deployment is complete? \
         Give the URL of the API with --url"
    )]
    NoUrl {
        /// The name of the stack.
        stack: String,
    },
    /// The permission to read the stack is missing.
    #[error(
        "stack {stack}: {error}. Expected the permission cloudformation:DescribeStacks, or --url \
         with the URL of the API"
    )]
    Denied {
        /// The name of the stack.
        stack: String,
        /// The refusal of CloudFormation.
        error: AwsError,
    },
    /// The stack cannot be read.
    #[error("stack {stack}: {error}")]
    Failed {
        /// The name of the stack.
        stack: String,
        /// The error of the request.
        error: AwsError,
    },
    /// The output `ApiUrl` or the address of an emulator is invalid.
    #[error("stack {stack}: {error}")]
    Invalid {
        /// The name of the stack.
        stack: String,
        /// The problem with the stack.
        error: TargetError,
    },
}

/// Reads the outputs of a stack.
///
/// # Errors
/// [`StackError`] if the stack cannot be read, or has no output `ApiUrl`.
pub(crate) async fn describe(aws: &AwsApi, stack: &str) -> Result<StackApi, StackError> {
    let name = utf8_percent_encode(stack, NON_ALPHANUMERIC);
    let body = format!("Action=DescribeStacks&Version={VERSION}&StackName={name}");
    let response = query(aws, CLOUD_FORMATION, body).await;
    let response = response.map_err(|error| failure(aws, stack, error))?;

    let outputs = outputs(&response).map_err(|error| StackError::Failed {
        stack: stack.to_owned(),
        error,
    })?;
    if outputs.url.is_empty() {
        return Err(StackError::NoUrl {
            stack: stack.to_owned(),
        });
    }
    Ok(outputs)
}

/// Calls an operation of a service with the Query protocol.
pub(crate) async fn query(
    aws: &AwsApi,
    service: AwsService,
    body: String,
) -> Result<Response<Bytes>, AwsError> {
    let request = Request::post("/")
        .header(CONTENT_TYPE, QUERY)
        .body(Bytes::from(body))
        .map_err(|_| AwsError::Signature)?;
    aws.read(service, &request).await
}

fn failure(aws: &AwsApi, stack: &str, error: AwsError) -> StackError {
    let stack = stack.to_owned();
    let is_missing = matches!(&error,
        AwsError::Refused { message, .. } if message.contains("does not exist"));

    if is_missing {
        let profile = aws.credentials.profile().of_profile();
        let region = aws.region.clone();
        StackError::NotFound {
            stack,
            region,
            account: format!("the account{profile}"),
        }
    } else if error.is_access_denied() {
        StackError::Denied { stack, error }
    } else {
        StackError::Failed { stack, error }
    }
}

fn outputs(response: &Response<Bytes>) -> Result<StackApi, AwsError> {
    let unexpected = |problem| AwsError::Unexpected {
        service: CLOUD_FORMATION.name,
        problem,
    };
    let text = std::str::from_utf8(response.body()).map_err(|_| unexpected("not UTF-8"))?;
    let found =
        xml::texts(text, &["OutputKey", "OutputValue"]).map_err(|_| unexpected("not valid XML"))?;

    let mut api = StackApi::default();
    for pair in found.chunks_exact(2) {
        let [(_, key), (_, value)] = pair else {
            continue;
        };
        match key.as_str() {
            "ApiUrl" => api.url.clone_from(value),
            "AdministrationArn" => api.administration_arn = Some(value.clone()),
            _ => {}
        }
    }
    Ok(api)
}

impl StackApi {
    /// Returns the URL of the API. On an emulator, whose address is in `AWS_ENDPOINT_URL`, it is
    /// `/_aws/execute-api/API/STAGE` there, which LocalStack and ministack document.
    ///
    /// # Errors
    /// [`StackError::Invalid`] if a URL is invalid.
    pub(crate) fn base_url(
        &self,
        stack: &str,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<BaseUrl, StackError> {
        let invalid = |error| StackError::Invalid {
            stack: stack.to_owned(),
            error,
        };
        let endpoint = configured_address(CLOUD_FORMATION, lookup).map_err(invalid)?;
        let emulator = endpoint.filter(BaseUrl::is_loopback);

        match emulator.zip(self.api_and_stage()) {
            Some((emulator, (api, stage))) => {
                let url = format!("{}/_aws/execute-api/{api}/{stage}", emulator.as_str());
                BaseUrl::parse("AWS_ENDPOINT_URL", &url).map_err(invalid)
            }
            None => BaseUrl::parse("output ApiUrl", &self.url).map_err(invalid),
        }
    }

    /// Returns the id of the API and its stage: `arn:P:execute-api:R:A:ID/STAGE/METHOD/PATH`.
    fn api_and_stage(&self) -> Option<(&str, &str)> {
        let arn = self.administration_arn.as_deref()?;
        let resource = arn.split(':').nth(5)?;
        let mut parts = resource.split('/');
        Some((parts.next()?, parts.next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">
      <DescribeStacksResult><Stacks><member><StackName>prod</StackName><Outputs>
        <member><Description>d</Description><OutputKey>ApiUrl</OutputKey><OutputValue>https://a.example/v1</OutputValue></member>
        <member><OutputKey>AdministrationArn</OutputKey>
          <OutputValue>arn:aws:execute-api:eu-west-1:1:abc/$default/*/_tollgate/v1/*</OutputValue></member>
      </Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";

    fn api() -> StackApi {
        outputs(&Response::new(Bytes::from_static(STACK.as_bytes()))).unwrap()
    }

    fn url(variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        api().base_url("prod", lookup).unwrap().as_str().to_owned()
    }

    #[test]
    fn outputs_are_read() {
        assert_eq!(api().url, "https://a.example/v1");
        assert_eq!(api().api_and_stage(), Some(("abc", "$default")));
    }

    #[test]
    fn api_of_an_emulator_is_below_a_path() {
        assert_eq!(url(&[]), "https://a.example/v1");
        assert_eq!(
            url(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]),
            "http://127.0.0.1:4566/_aws/execute-api/abc/$default"
        );
        let private = [("AWS_ENDPOINT_URL_CLOUDFORMATION", "https://vpce.example")];
        assert_eq!(url(&private), "https://a.example/v1");
    }
}
