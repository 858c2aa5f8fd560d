//! Single signed calls of AWS services, without an SDK client.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws::{HttpCall, HttpCalls, Replay};
use bytes::Bytes;
use http::{Request, Response, Uri};
use tokio::time::Instant;

use crate::aws_error::AwsError;
use crate::credentials::{AwsCredentials, ProfileChoice};
use crate::environment::{Environment, process_environment};
use crate::error::ClientError;
use crate::network::Network;
use crate::options::TargetOptions;
use crate::region;
use crate::target::{BaseUrl, TargetError};

/// The time for one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for all attempts and the pauses between them.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// An AWS service with an address in each region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AwsService {
    /// The name in host names and signatures.
    pub name: &'static str,
    /// The variable that replaces its address.
    pub endpoint_variable: &'static str,
}

/// The services of one account and region.
#[derive(Clone)]
pub(crate) struct AwsApi {
    pub(crate) calls: HttpCalls,
    pub(crate) credentials: Arc<AwsCredentials>,
    pub(crate) region: String,
    pub(crate) environment: Environment,
}

impl AwsApi {
    /// Selects the account and region by `profile` and `region` of the options, or else by the
    /// environment. Nothing is sent.
    ///
    /// # Errors
    /// [`ClientError`] if there is no region, or a setting of the environment is invalid.
    pub(crate) async fn connect(options: &TargetOptions) -> Result<Self, ClientError> {
        let lookup = process_environment;
        let calls = Network::from_lookup(lookup)?.http_calls();
        let profile = ProfileChoice::select(options.profile.as_deref(), lookup);
        let region = region::select(options.region.as_deref(), None, &profile, lookup).await?;
        let credentials = AwsCredentials::new(profile, &region, calls.connections()).await;

        Ok(Self {
            calls,
            credentials: Arc::new(credentials),
            region,
            environment: Environment::process(),
        })
    }

    /// Makes a read-only call and returns the response if it is successful. `request` has a path
    /// instead of a URL. Throttled and failed calls are repeated.
    ///
    /// # Errors
    /// [`AwsError`] if there are no credentials, no response, or an error response.
    pub(crate) async fn read(
        &self,
        service: AwsService,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, AwsError> {
        let address = self.address(service)?;
        let deadline = Instant::now() + CALL_TIMEOUT;
        let remaining = || deadline.saturating_duration_since(Instant::now());
        let mut attempt = 1;
        loop {
            let limit = ATTEMPT_TIMEOUT.min(remaining());
            let outcome = self.attempt(service, &address, request, limit).await;
            let is_transient = outcome.as_ref().is_err_and(AwsError::is_transient);
            let pause = is_transient
                .then(|| aws::retry::pause(attempt, None, remaining(), fastrand::f64()))
                .flatten();
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return outcome,
            }
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        service: AwsService,
        address: &BaseUrl,
        request: &Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, AwsError> {
        let credentials = self.credentials.get().await?;
        let mut request = request.clone();
        let path = request.uri().to_string();
        let uri: Uri = format!("{}{path}", address.as_str())
            .parse()
            .map_err(|_| AwsError::Signature)?;
        *request.uri_mut() = uri;
        let now = SystemTime::now();
        let region = match global_endpoint(service.name, &self.region) {
            Some((_, region)) => region,
            None => &self.region,
        };
        aws::sign(&mut request, &credentials, service.name, region, now)
            .map_err(|_| AwsError::Signature)?;

        let call = HttpCall {
            service: service.name.into(),
            operation: "Read",
            request,
            replay: Replay::Never,
        };
        let response = self.calls.send_once(call, limit).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(AwsError::of_response(service.name, &response))
    }

    /// Returns the address of a service: that in its variable, that in `AWS_ENDPOINT_URL`, or the
    /// public one of the region.
    fn address(&self, service: AwsService) -> Result<BaseUrl, TargetError> {
        let lookup = |name: &str| self.environment.get(name);
        address(service, &self.region, lookup)
    }
}

impl fmt::Debug for AwsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AwsApi({})", self.region)
    }
}

/// Returns the address that the environment sets for a service, if any.
pub(crate) fn configured_address(
    service: AwsService,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<BaseUrl>, TargetError> {
    let names = [service.endpoint_variable, "AWS_ENDPOINT_URL"];
    let configured = names
        .into_iter()
        .find_map(|name| Some((name, lookup(name).filter(|url| !url.is_empty())?)));
    configured
        .map(|(name, url)| BaseUrl::parse(name, &url))
        .transpose()
}

fn address(
    service: AwsService,
    region: &str,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<BaseUrl, TargetError> {
    if let Some(address) = configured_address(service, lookup)? {
        return Ok(address);
    }
    if let Some((host, _)) = global_endpoint(service.name, region) {
        return BaseUrl::parse("region", &format!("https://{host}"));
    }
    let suffix = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let url = format!("https://{}.{region}.{suffix}", service.name);
    BaseUrl::parse("region", &url)
}

/// Returns the host name of a service that has one address per partition, and the region in the
/// signatures of its requests.
fn global_endpoint(service: &str, region: &str) -> Option<(&'static str, &'static str)> {
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    match (service, partition) {
        ("iam", "aws-cn") => Some(("iam.cn-north-1.amazonaws.com.cn", "cn-north-1")),
        ("iam", "aws-us-gov") => Some(("iam.us-gov.amazonaws.com", "us-gov-west-1")),
        ("iam", _) => Some(("iam.amazonaws.com", "us-east-1")),
        ("route53", "aws-cn") => Some(("route53.amazonaws.com.cn", "cn-northwest-1")),
        ("route53", "aws-us-gov") => Some(("route53.us-gov.amazonaws.com", "us-gov-west-1")),
        ("route53", _) => Some(("route53.amazonaws.com", "us-east-1")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: AwsService = AwsService {
        name: "cloudformation",
        endpoint_variable: "AWS_ENDPOINT_URL_CLOUDFORMATION",
    };

    fn address_with(region: &str, variables: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        match address(SERVICE, region, lookup) {
            Ok(address) => address.as_str().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn variable_of_the_service_beats_the_common_one_and_the_public_address() {
        let common = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/");
        let own = ("AWS_ENDPOINT_URL_CLOUDFORMATION", "https://vpce.example");

        assert_eq!(address_with("eu-west-1", &[own, common]), own.1);
        assert_eq!(
            address_with("eu-west-1", &[common]),
            "http://127.0.0.1:4566"
        );
        assert_eq!(
            address_with("eu-west-1", &[]),
            "https://cloudformation.eu-west-1.amazonaws.com"
        );
        assert_eq!(
            address_with("cn-north-1", &[]),
            "https://cloudformation.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn global_services_have_one_address_per_partition() {
        let address_of = |name, region| {
            let endpoint_variable = "AWS_ENDPOINT_URL_TEST";
            let service = AwsService {
                name,
                endpoint_variable,
            };
            let address = address(service, region, |_| None).unwrap();
            (address.as_str().to_owned(), global_endpoint(name, region))
        };
        // The addresses and regions are those of botocore.
        for (name, region, host, signed) in [
            ("iam", "eu-west-1", "iam.amazonaws.com", "us-east-1"),
            (
                "iam",
                "us-gov-east-1",
                "iam.us-gov.amazonaws.com",
                "us-gov-west-1",
            ),
            (
                "iam",
                "cn-northwest-1",
                "iam.cn-north-1.amazonaws.com.cn",
                "cn-north-1",
            ),
            ("route53", "eu-west-1", "route53.amazonaws.com", "us-east-1"),
            (
                "route53",
                "us-gov-west-1",
                "route53.us-gov.amazonaws.com",
                "us-gov-west-1",
            ),
            (
                "route53",
                "cn-north-1",
                "route53.amazonaws.com.cn",
                "cn-northwest-1",
            ),
        ] {
            let expected = (format!("https://{host}"), Some((host, signed)));
            assert_eq!(address_of(name, region), expected, "{name} {region}");
        }
        assert_eq!(global_endpoint("s3", "eu-west-1"), None);
    }

    #[test]
    fn address_of_another_machine_needs_https() {
        let error = address_with("eu-west-1", &[("AWS_ENDPOINT_URL", "http://emulator:4566")]);
        assert!(error.starts_with("AWS_ENDPOINT_URL: "), "{error}");
        assert!(error.contains("expected https"), "{error}");
    }
}
