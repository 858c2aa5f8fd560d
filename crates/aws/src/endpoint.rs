//! Which address a service is called at: its VPC endpoint's, the public one, or `AWS_ENDPOINT_URL`.

use std::collections::BTreeMap;

use http::Uri;

use crate::address::origin;
use crate::call_error::CallError;

const AWS_REGION: &str = "AWS_REGION";
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
const USE_VPC_ENDPOINT: &str = "USE_VPC_ENDPOINT";
const VPC_ENDPOINT_URLS: &str = "VPC_ENDPOINT_URLS";
const FALLBACK_TO_PUBLIC: &str = "FALLBACK_TO_PUBLIC";

/// More private addresses than this are a mistake.
const MAX_ENDPOINTS: usize = 64;

/// The addresses that services are called at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub(crate) region: String,
    /// `AWS_ENDPOINT_URL`: stands in for every public address.
    pub(crate) public: Option<Uri>,
    /// `VPC_ENDPOINT_URLS` while `USE_VPC_ENDPOINT` is true, empty otherwise.
    private: BTreeMap<String, Uri>,
    /// `FALLBACK_TO_PUBLIC`: whether the public address is called where the private one does not
    /// connect.
    fallback: bool,
}

impl Endpoints {
    /// Reads the settings; empty ones count as absent.
    ///
    /// # Errors
    /// [`CallError::Setting`] for the first that is missing (the region) or cannot be used.
    pub fn from_settings(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, CallError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let region = lookup(AWS_REGION).or_else(|| lookup("AWS_DEFAULT_REGION"));
        let used = flag(USE_VPC_ENDPOINT, lookup(USE_VPC_ENDPOINT))?;
        let private = private_addresses(lookup(VPC_ENDPOINT_URLS).as_deref().unwrap_or("{}"))?;
        Ok(Self {
            region: valid_region(region)?,
            public: lookup(AWS_ENDPOINT_URL)
                .map(|url| setting(AWS_ENDPOINT_URL, &url))
                .transpose()?,
            private: if used { private } else { BTreeMap::new() },
            fallback: flag(FALLBACK_TO_PUBLIC, lookup(FALLBACK_TO_PUBLIC))?,
        })
    }

    /// The address of a service's VPC endpoint, where one is to be used.
    #[must_use]
    pub fn private(&self, service: &str) -> Option<&Uri> {
        self.private.get(service)
    }

    /// Whether a service's calls go to the public address when its VPC endpoint does not connect.
    #[must_use]
    pub fn falls_back(&self, service: &str) -> bool {
        self.fallback && self.private.contains_key(service)
    }

    /// The address that a service's calls go to first. The public one is that of the service's
    /// regional endpoint ("AWS service endpoints"); the SDK may know a more particular one, then
    /// only the head start is lost.
    #[must_use]
    pub fn first(&self, service: &str) -> Option<Uri> {
        self.private(service)
            .cloned()
            .or_else(|| self.public_in(service, &self.region))
    }

    /// The addresses at which a service of `region` is called, in this order. VPC endpoints are in
    /// the own region.
    #[must_use]
    pub(crate) fn all_in(&self, service: &str, region: &str) -> Vec<Uri> {
        let private = self
            .private(service)
            .filter(|_| region == self.region)
            .cloned();
        let public = self
            .public_in(service, region)
            .filter(|_| private.is_none() || self.falls_back(service));
        private.into_iter().chain(public).collect()
    }

    fn public_in(&self, service: &str, region: &str) -> Option<Uri> {
        let suffix = if region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        };
        self.public
            .clone()
            .or_else(|| format!("https://{service}.{region}.{suffix}/").parse().ok())
    }
}

fn valid_region(region: Option<String>) -> Result<String, CallError> {
    let region = region.ok_or_else(|| CallError::setting(AWS_REGION, "is not set"))?;
    let valid = region.len() <= 32
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    valid
        .then_some(region)
        .ok_or_else(|| CallError::setting(AWS_REGION, "is not a region's name"))
}

fn flag(variable: &'static str, value: Option<String>) -> Result<bool, CallError> {
    match value.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(CallError::setting(variable, "is neither true nor false")),
    }
}

fn private_addresses(json: &str) -> Result<BTreeMap<String, Uri>, CallError> {
    let urls: BTreeMap<String, String> = serde_json::from_str(json).map_err(|_| {
        CallError::setting(
            VPC_ENDPOINT_URLS,
            "is not a JSON object of service names and addresses",
        )
    })?;
    if urls.len() > MAX_ENDPOINTS {
        return Err(CallError::setting(
            VPC_ENDPOINT_URLS,
            format!("has more than {MAX_ENDPOINTS} services"),
        ));
    }
    urls.into_iter()
        .map(|(service, url)| Ok((service, setting(VPC_ENDPOINT_URLS, &url)?)))
        .collect()
}

fn setting(variable: &'static str, url: &str) -> Result<Uri, CallError> {
    origin(url).map_err(|reason| CallError::setting(variable, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URLS: &str = r#"{"dynamodb":"https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"}"#;

    fn read(settings: &[(&str, &str)]) -> Result<Endpoints, CallError> {
        Endpoints::from_settings(|name| {
            settings
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_settings_every_call_goes_to_the_public_address_of_the_region() {
        let endpoints = read(&[("AWS_DEFAULT_REGION", "eu-central-1")]).unwrap();
        assert_eq!(endpoints.private("dynamodb"), None);
        assert_eq!(
            endpoints.first("dynamodb").unwrap(),
            "https://dynamodb.eu-central-1.amazonaws.com/"
        );
        let china = read(&[("AWS_REGION", "cn-north-1")]).unwrap();
        assert_eq!(
            china.first("monitoring").unwrap(),
            "https://monitoring.cn-north-1.amazonaws.com.cn/"
        );
    }

    #[test]
    fn private_addresses_are_used_only_when_switched_on() {
        let settings = [
            ("AWS_REGION", "eu-central-1"),
            ("VPC_ENDPOINT_URLS", URLS),
            ("FALLBACK_TO_PUBLIC", "true"),
        ];
        assert_eq!(read(&settings).unwrap().private("dynamodb"), None);
        let on = read(&[settings.as_slice(), &[("USE_VPC_ENDPOINT", "true")]].concat()).unwrap();
        assert!(on.private("dynamodb").is_some() && on.falls_back("dynamodb"));
        assert!(on.private("monitoring").is_none() && !on.falls_back("monitoring"));
    }

    #[test]
    fn another_region_is_called_at_its_public_address() {
        let urls = r#"{"ssm":"https://vpce-1.ssm.eu-central-1.vpce.amazonaws.com"}"#;
        let settings = [
            ("AWS_REGION", "eu-central-1"),
            ("VPC_ENDPOINT_URLS", urls),
            ("USE_VPC_ENDPOINT", "true"),
        ];
        let all = |endpoints: &Endpoints, region| {
            endpoints
                .all_in("ssm", region)
                .iter()
                .map(|uri| uri.host().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let private = "vpce-1.ssm.eu-central-1.vpce.amazonaws.com";
        let endpoints = read(&settings).unwrap();
        assert_eq!(all(&endpoints, "eu-central-1"), [private]);
        assert_eq!(
            all(&endpoints, "us-east-1"),
            ["ssm.us-east-1.amazonaws.com"]
        );

        let falls_back =
            read(&[settings.as_slice(), &[("FALLBACK_TO_PUBLIC", "true")]].concat()).unwrap();
        assert_eq!(
            all(&falls_back, "eu-central-1"),
            [private, "ssm.eu-central-1.amazonaws.com"]
        );
    }

    #[test]
    fn an_endpoint_url_stands_in_for_every_public_address() {
        let endpoints = read(&[
            ("AWS_REGION", "x"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ])
        .unwrap();
        assert_eq!(
            endpoints.first("dynamodb").unwrap(),
            "http://127.0.0.1:4566/"
        );
        assert_eq!(
            endpoints.first("monitoring").unwrap(),
            "http://127.0.0.1:4566/"
        );
    }

    #[test]
    fn a_bad_setting_is_one_error_that_names_the_variable_and_hides_its_value() {
        for (variable, value) in [
            ("AWS_REGION", "eu central"),
            ("USE_VPC_ENDPOINT", "yes-secret"),
            ("FALLBACK_TO_PUBLIC", "TRUE-secret"),
            ("VPC_ENDPOINT_URLS", "secret"),
            ("VPC_ENDPOINT_URLS", r#"["secret"]"#),
            ("VPC_ENDPOINT_URLS", r#"{"dynamodb":7}"#),
            ("VPC_ENDPOINT_URLS", r#"{"dynamodb":"secret"}"#),
            ("VPC_ENDPOINT_URLS", r#"{"dynamodb":"ftp://secret"}"#),
            ("AWS_ENDPOINT_URL", "https://user:secret@example.com"),
            ("AWS_ENDPOINT_URL", "https://example.com/secret"),
            ("AWS_ENDPOINT_URL", "https://example.com/?secret"),
        ] {
            let mut settings = vec![(variable, value)];
            settings.push(("AWS_REGION", "eu-central-1"));
            let message = read(&settings).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{variable}: ")), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        assert_eq!(read(&[]).unwrap_err().to_string(), "AWS_REGION: is not set");
    }
}
