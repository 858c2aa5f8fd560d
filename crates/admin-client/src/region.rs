//! The region that requests are signed for.

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::region::ProfileFileRegionProvider;

use crate::credentials::ProfileChoice;
use crate::target::TargetError;

/// Returns the region: `--region`, or that in the host name of an API, or `AWS_REGION`, or
/// `AWS_DEFAULT_REGION`, or that of the profile.
///
/// # Errors
/// [`TargetError`] if there is none, or an invalid one.
pub(crate) async fn select(
    option: Option<&str>,
    host: Option<&str>,
    profile: &ProfileChoice,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<String, TargetError> {
    let variable = |name| lookup(name).filter(|value| !value.is_empty());
    let known = option
        .map(str::to_owned)
        .or_else(|| host.and_then(of_host).map(str::to_owned))
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"));
    let region = match known {
        Some(region) => Some(region),
        None => of_profile(profile).await,
    };

    let region = region.ok_or(TargetError::NoRegion)?;
    if is_valid(&region) {
        Ok(region)
    } else {
        Err(TargetError::InvalidRegion(region))
    }
}

async fn of_profile(profile: &ProfileChoice) -> Option<String> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(name) = profile.name() {
        provider = provider.profile_name(name);
    }
    let region = provider.build().region().await;
    region.map(|region| region.as_ref().to_owned())
}

/// Returns the region in a host name such as `abc.execute-api.eu-central-1.amazonaws.com`.
pub(crate) fn of_host(host: &str) -> Option<&str> {
    let mut labels = host.split('.');
    let (_api, service, region) = (labels.next()?, labels.next()?, labels.next()?);
    let is_api = service == "execute-api" && labels.next()? == "amazonaws";
    is_api.then_some(region)
}

/// Returns the partition of a region in ARNs.
pub(crate) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

fn is_valid(region: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&region.len()) && region.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn region(
        option: Option<&str>,
        host: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        let profile = ProfileChoice::Option("no-such-profile".to_owned());
        let region = select(option, host, &profile, lookup).await;
        region.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn option_beats_the_host_name_and_the_host_name_the_environment() {
        let host = Some("abc.execute-api.eu-west-1.amazonaws.com");
        let both = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-2"),
        ];

        let of = async |option, host, variables| region(option, host, variables).await.unwrap();
        assert_eq!(of(Some("eu-north-1"), host, &both).await, "eu-north-1");
        assert_eq!(of(None, host, &both).await, "eu-west-1");
        assert_eq!(of(None, Some("api.example"), &both).await, "us-east-1");
        assert_eq!(of(None, None, &both[1..]).await, "us-east-2");
    }

    #[tokio::test]
    async fn missing_and_invalid_regions_are_errors() {
        let missing = region(None, None, &[("AWS_REGION", "")]).await.unwrap_err();
        assert!(missing.contains("--region"), "{missing}");
        let invalid = region(Some("eu west"), None, &[]).await.unwrap_err();
        assert!(invalid.contains("`eu west`"), "{invalid}");
    }

    #[test]
    fn other_hosts_have_no_region() {
        for host in [
            "api.example.com",
            "abc.execute-api.localhost",
            "a",
            "127.0.0.1",
        ] {
            assert_eq!(of_host(host), None, "{host}");
        }
        let china = "abc.execute-api.cn-north-1.amazonaws.com.cn";
        assert_eq!(of_host(china), Some("cn-north-1"));
    }
}
