//! Which address a service is called at: its VPC endpoint's, the public one, or `AWS_ENDPOINT_URL`.

use std::collections::BTreeMap;

use environment::{SettingError, Variables};
use http::Uri;

use crate::address::origin;

const AWS_REGION: &str = "AWS_REGION";
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";
const USE_VPC_ENDPOINT: &str = "USE_VPC_ENDPOINT";
const VPC_ENDPOINT_URLS: &str = "VPC_ENDPOINT_URLS";
const FALLBACK_TO_PUBLIC: &str = "FALLBACK_TO_PUBLIC";

const MAX_ENDPOINTS: usize = 64;
const MAX_REGION_BYTES: usize = 32;

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
    /// Reads the settings. Empty values count as missing.
    ///
    /// # Errors
    /// [`SettingError`] for the first variable that is missing (the region) or invalid. The message
    /// never contains a value, because an address may include a secret.
    pub fn from_settings(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let variables = Variables::new(lookup);
        let uses_private = flag(&variables, USE_VPC_ENDPOINT)?;
        let urls = variables.optional(VPC_ENDPOINT_URLS);
        let private = private_addresses(urls.as_deref().unwrap_or("{}"))?;

        Ok(Self {
            region: region(&variables)?,
            public: variables
                .optional(AWS_ENDPOINT_URL)
                .map(|url| address(AWS_ENDPOINT_URL, &url))
                .transpose()?,
            private: if uses_private {
                private
            } else {
                BTreeMap::new()
            },
            fallback: flag(&variables, FALLBACK_TO_PUBLIC)?,
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

fn region(variables: &Variables<impl Fn(&str) -> Option<String>>) -> Result<String, SettingError> {
    let region = variables
        .optional(AWS_REGION)
        .or_else(|| variables.optional("AWS_DEFAULT_REGION"))
        .ok_or(SettingError::Missing(AWS_REGION))?;
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';

    if region.len() <= MAX_REGION_BYTES && region.bytes().all(is_allowed) {
        Ok(region)
    } else {
        Err(SettingError::invalid_secret(
            AWS_REGION,
            "the name of a region",
        ))
    }
}

fn flag(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
    variable: &'static str,
) -> Result<bool, SettingError> {
    variables
        .flag(variable)
        .map_err(SettingError::without_value)
}

fn private_addresses(json: &str) -> Result<BTreeMap<String, Uri>, SettingError> {
    let urls: BTreeMap<String, String> = serde_json::from_str(json).map_err(|_| {
        SettingError::invalid_secret(
            VPC_ENDPOINT_URLS,
            "a JSON object of service names and addresses",
        )
    })?;
    if urls.len() > MAX_ENDPOINTS {
        return Err(SettingError::invalid_secret(
            VPC_ENDPOINT_URLS,
            format!("at most {MAX_ENDPOINTS} services"),
        ));
    }

    urls.into_iter()
        .map(|(service, url)| Ok((service, address(VPC_ENDPOINT_URLS, &url)?)))
        .collect()
}

fn address(variable: &'static str, url: &str) -> Result<Uri, SettingError> {
    origin(url).map_err(|reason| SettingError::document(variable, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URLS: &str = r#"{"dynamodb":"https://vpce-1.dynamodb.eu-central-1.vpce.amazonaws.com"}"#;

    fn read(settings: &[(&str, &str)]) -> Result<Endpoints, SettingError> {
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
        assert_eq!(read(&[]).unwrap_err().to_string(), "AWS_REGION is not set");
    }
}
