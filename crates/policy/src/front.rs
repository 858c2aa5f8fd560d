//! The proxy in front of the API, such as CloudFront, which proves itself with a secret.

use std::fmt;
use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::Deserialize;

use crate::error::PolicyError;
use crate::key_header::KeyHeader;
use crate::secret_reference::SecretReference;
use crate::token_location::TokenLocation;

/// The header that carries the secret of the front. The name of a mapping cannot be computed, so the
/// template removes exactly this header before the backend.
pub const FRONT_HEADER: &str = "x-origin-verify";

/// The most secrets: the current one and the next one.
const MAX_SECRETS: usize = 2;
/// The shortest secret, in characters. 32 hexadecimal digits have 128 bits.
const MIN_SECRET_BYTES: usize = 32;
/// The longest secret, in characters. It bounds the header; a generated secret is far shorter.
const MAX_SECRET_BYTES: usize = 512;

/// The proxy that every request must come through.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Front))]
#[serde(deny_unknown_fields)]
pub(crate) struct FrontDocument {
    /// The header that carries the secret. It must be `x-origin-verify`, which is also the default:
    /// this header is removed before the backend.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    header: Option<String>,
    /// A reference to the secret that the front sends, or two references during a rotation.
    secret: FrontSecretsDocument,
    /// The header in which the front sends the address of the client.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = ClientAddressHeader, required = false))]
    client_ip: Option<ClientAddressHeader>,
}

/// The secrets of a front.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = FrontSecrets))]
#[serde(
    untagged,
    expecting = "invalid secret, expected `env:NAME`, `ssm:/NAME`, `secretsmanager:ARN`, or a list of two of these"
)]
enum FrontSecretsDocument {
    /// One reference.
    One(String),
    /// Two references while one secret replaces the other.
    Several(Vec<String>),
}

/// A header in which a front sends the address of the client. The front must overwrite it in every
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ClientAddressHeader {
    /// CloudFront: the address and the port, as in `198.51.100.10:46532`.
    #[serde(rename = "cloudfront-viewer-address")]
    CloudFrontViewerAddress,
}

/// A checked `front`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Front {
    /// The references to the secrets. A request needs one of them.
    pub secrets: Vec<SecretReference>,
    /// The header with the address of the client. `None`: the front's own address counts.
    pub client_address: Option<ClientAddressHeader>,
}

impl FrontDocument {
    /// Checks the document against the headers that carry credentials.
    ///
    /// # Errors
    /// [`PolicyError::Front`] for the first invalid field.
    pub(crate) fn check(
        self,
        key_header: &KeyHeader,
        token: &TokenLocation,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Front, PolicyError> {
        check_header(self.header.as_deref(), key_header, token)
            .map_err(|problem| refuse("header", problem))?;

        let references = match self.secret {
            FrontSecretsDocument::One(reference) => vec![reference],
            FrontSecretsDocument::Several(references) => references,
        };
        if references.is_empty() || references.len() > MAX_SECRETS {
            let count = references.len();
            let problem = format!("has {count} items, expected one or two references");
            return Err(refuse("secret", problem));
        }

        let secrets = references
            .iter()
            .map(|reference| secret(reference, lookup).map_err(|problem| refuse("secret", problem)))
            .collect::<Result<_, _>>()?;
        Ok(Front {
            secrets,
            client_address: self.client_ip,
        })
    }
}

impl Front {
    /// Checks the text of a secret, which must fit into the value of a header and be too long to
    /// guess.
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the reference. It does not contain the
    /// secret.
    pub fn check_secret(text: &str) -> Result<(), String> {
        let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        if !text.bytes().all(is_visible) {
            let problem = "contains a space, a comma, a line break or another character that a header cannot \
                           carry, expected a text such as 64 hexadecimal digits";
            return Err(problem.to_owned());
        }

        let length = text.len();
        if (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&length) {
            return Ok(());
        }
        Err(format!(
            "has {length} characters, expected {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES}, such as 64 hexadecimal digits"
        ))
    }

    /// True if a request has sent this secret. The duration does not depend on the place of the
    /// first difference. An invalid secret is never equal, so an empty one does not open the API.
    #[must_use]
    pub fn is_secret(sent: &str, secret: &str) -> bool {
        Self::check_secret(secret).is_ok()
            && verify_slices_are_equal(sent.as_bytes(), secret.as_bytes()).is_ok()
    }
}

impl ClientAddressHeader {
    /// Returns the name of the header in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CloudFrontViewerAddress => "cloudfront-viewer-address",
        }
    }

    /// Reads the address in a value of the header. CloudFront always appends the port, and does not
    /// put an IPv6 address in brackets: `2001:db8::7334:46532` is port 46532 of `2001:db8::7334`.
    ///
    /// Source: "Add CloudFront request headers" in the Amazon CloudFront Developer Guide.
    #[must_use]
    pub fn address(self, value: &str) -> Option<IpAddr> {
        let (address, port) = value.rsplit_once(':')?;
        let is_port = (1..=5).contains(&port.len())
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok();

        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|bare| bare.contains(':'));
        is_port
            .then(|| bare.unwrap_or(address).parse().ok())
            .flatten()
    }
}

fn check_header(
    named: Option<&str>,
    key_header: &KeyHeader,
    token: &TokenLocation,
) -> Result<(), String> {
    if let Some(named) = named.filter(|named| !named.eq_ignore_ascii_case(FRONT_HEADER)) {
        let named = named.escape_debug();
        return Err(format!(
            "unexpected header `{named}`, expected `{FRONT_HEADER}`, the only one that is removed before the backend"
        ));
    }
    if [key_header.as_str(), &token.header].contains(&FRONT_HEADER) {
        return Err(format!(
            "`{FRONT_HEADER}` already carries API keys (KEY_HEADER) or the token (token.header)"
        ));
    }
    Ok(())
}

/// Reads a reference. The length of a secret in AWS is checked when the secret is read.
fn secret(
    reference: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<SecretReference, String> {
    let secret =
        SecretReference::parse_reference(reference, lookup).map_err(|error| error.to_string())?;
    if let SecretReference::Known(value) = &secret {
        Front::check_secret(value).map_err(|problem| format!("`{reference}` {problem}"))?;
    }
    Ok(secret)
}

fn refuse(field: &'static str, problem: String) -> PolicyError {
    PolicyError::Front { field, problem }
}

/// Omits the references, because an invalid one may be a secret.
impl fmt::Debug for FrontDocument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FrontDocument")
            .field("client_ip", &self.client_ip)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const GOOD: &str = "0123456789abcdef0123456789abcdef";

    fn checked(json: Value) -> Result<Front, String> {
        let document: FrontDocument =
            serde_json::from_value(json).map_err(|error| error.to_string())?;
        let lookup = |name: &str| match name {
            "GOOD" => Some(GOOD.to_owned()),
            "SHORT" => Some("hush".to_owned()),
            "LINE" => Some(format!("{GOOD}\n")),
            "COMMA" => Some(format!("{GOOD},{GOOD}")),
            "LONG" => Some("0".repeat(513)),
            _ => None,
        };
        document
            .check(&KeyHeader::default(), &TokenLocation::default(), &lookup)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_or_two_references_are_accepted() {
        for (json, count, client_address) in [
            (json!({"secret": "env:GOOD"}), 1, None),
            (
                json!({"header": "X-Origin-Verify", "secret": ["env:GOOD", "ssm:/front/next"],
                       "client_ip": "cloudfront-viewer-address"}),
                2,
                Some(ClientAddressHeader::CloudFrontViewerAddress),
            ),
        ] {
            let front = checked(json).unwrap();
            assert_eq!(
                (front.secrets.len(), front.client_address),
                (count, client_address)
            );
        }
    }

    #[test]
    fn errors_name_the_field_and_never_contain_the_secret() {
        for (json, expected) in [
            (
                json!({"secret": GOOD}),
                "front.secret: is not a reference to a secret",
            ),
            (json!({"secret": ""}), "front.secret: is empty"),
            (
                json!({"secret": "env:SHORT"}),
                "front.secret: `env:SHORT` has 4 characters, expected 32 to 512",
            ),
            (
                json!({"secret": "env:LONG"}),
                "front.secret: `env:LONG` has 513 characters",
            ),
            (
                json!({"secret": "env:LINE"}),
                "front.secret: `env:LINE` contains a space, a comma, a line break",
            ),
            (
                json!({"secret": "env:COMMA"}),
                "front.secret: `env:COMMA` contains a space",
            ),
            (
                json!({"secret": "env:MISSING"}),
                "front.secret: the variable MISSING is not set",
            ),
            (json!({"secret": []}), "front.secret: has 0 items"),
            (
                json!({"secret": ["env:GOOD", "env:GOOD", "env:GOOD"]}),
                "front.secret: has 3 items",
            ),
            (
                json!({"secret": ["env:GOOD", GOOD]}),
                "front.secret: is not a reference",
            ),
            (json!({"secret": 7}), "invalid secret, expected `env:NAME`"),
            (json!({}), "missing field `secret`"),
            (
                json!({"secret": "env:GOOD", "header": "x-front"}),
                "front.header: unexpected header `x-front`, expected `x-origin-verify`",
            ),
            (
                json!({"secret": "env:GOOD", "header": null}),
                "invalid type: null",
            ),
            (
                json!({"secret": "env:GOOD", "client_ip": null}),
                "invalid type: null",
            ),
            (
                json!({"secret": "env:GOOD", "client_ip": "x-forwarded-for"}),
                "unknown variant `x-forwarded-for`, expected `cloudfront-viewer-address`",
            ),
            (
                json!({"secret": "env:GOOD", "cidr": "a"}),
                "unknown field `cidr`",
            ),
        ] {
            let error = checked(json.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{json}: {error}");
            assert!(!error.contains(GOOD) && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn header_of_another_credential_is_refused() {
        let document = || serde_json::from_value::<FrontDocument>(json!({"secret": "ssm:/a"}));
        let token = TokenLocation {
            header: FRONT_HEADER.to_owned(),
            ..TokenLocation::default()
        };
        let key_header = FRONT_HEADER.parse().unwrap();
        for (key_header, token) in [
            (KeyHeader::default(), token),
            (key_header, TokenLocation::default()),
        ] {
            let error = document().unwrap().check(&key_header, &token, &|_| None);
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with("front.header: `x-origin-verify` already carries"),
                "{error}"
            );
        }
    }

    #[test]
    fn only_the_whole_secret_is_equal() {
        assert!(Front::is_secret(GOOD, GOOD));
        for sent in [
            "",
            &GOOD[1..],
            &GOOD[..31],
            &GOOD.to_uppercase(),
            &format!("{GOOD} "),
            &format!(" {GOOD}"),
            &format!("{GOOD},{GOOD}"),
        ] {
            assert!(!Front::is_secret(sent, GOOD), "{sent}");
        }
        for invalid in ["", "hush", "-"] {
            assert!(!Front::is_secret(invalid, invalid), "{invalid}");
        }
    }

    #[test]
    fn viewer_address_ends_in_a_port() {
        let address = |value| ClientAddressHeader::CloudFrontViewerAddress.address(value);
        for (value, expected) in [
            ("198.51.100.10:46532", "198.51.100.10"),
            ("2001:db8::8a2e:370:7334:46532", "2001:db8::8a2e:370:7334"),
            ("2001:db8::1:443", "2001:db8::1"),
            (
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334:1",
                "2001:db8:85a3::8a2e:370:7334",
            ),
            ("[2001:db8::1]:443", "2001:db8::1"),
        ] {
            assert_eq!(address(value), expected.parse().ok(), "{value}");
        }
        for value in [
            "",
            "-",
            ":",
            "198.51.100.10",
            "198.51.100.10:",
            "198.51.100.10:65536",
            "198.51.100.10:+1",
            "198.51.100.10:443 ",
            " 198.51.100.10:443",
            "198.51.100.10:443,203.0.113.1:443",
            "198.51.100.10, 203.0.113.1:443",
            "[198.51.100.10]:443",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "2001:db8::1%eth0:443",
            "client.example:443",
        ] {
            assert_eq!(address(value), None, "{value}");
        }
    }

    #[test]
    fn debug_output_has_no_reference() {
        let document: FrontDocument = serde_json::from_value(json!({"secret": GOOD})).unwrap();
        assert!(!format!("{document:?}").contains(GOOD));
    }
}
