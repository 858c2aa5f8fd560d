//! The addresses of services: a VPC endpoint, the public endpoint, or `AWS_ENDPOINT_URL`.

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

/// The addresses of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION` if that is missing.
    pub(crate) region: String,
    /// `AWS_ENDPOINT_URL`, which replaces every public address.
    pub(crate) public: Option<Uri>,
    /// `VPC_ENDPOINT_URLS` if `USE_VPC_ENDPOINT` is true, otherwise empty.
    private: BTreeMap<String, Uri>,
    /// `FALLBACK_TO_PUBLIC`. True if the public address is called when the private one does not
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

    /// Returns the address of a service's VPC endpoint, if it is used.
    #[must_use]
    pub fn private(&self, service: &str) -> Option<&Uri> {
        self.private.get(service)
    }

    /// True if calls go to the public address when the service's VPC endpoint does not connect.
    #[must_use]
    pub fn falls_back(&self, service: &str) -> bool {
        self.fallback && self.private.contains_key(service)
    }

    /// Returns the address that calls of a service try first.
    ///
    /// The public address is that of the regional endpoint ("AWS service endpoints"). If the SDK
    /// uses a more specific one, a connection that was opened ahead is not used.
    #[must_use]
    pub fn first(&self, service: &str) -> Option<Uri> {
        self.private(service)
            .cloned()
            .or_else(|| self.public_in(service, &self.region))
    }

    /// Returns the addresses of a service of `region` in the order in which they are called. VPC
    /// endpoints only serve the function's own region.
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
    fn default_address_is_the_regions_public_one() {
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
    fn private_addresses_are_used_only_if_enabled() {
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
    fn other_regions_are_called_at_their_public_addresses() {
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
    fn endpoint_url_replaces_every_public_address() {
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
    fn invalid_setting_names_the_variable_and_hides_its_value() {
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
