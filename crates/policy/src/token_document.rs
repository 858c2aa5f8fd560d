//! The place of the token as a policy contains it.

use serde::Deserialize;

use crate::error::PolicyError;
use crate::key_header::KeyHeader;
use crate::token_header::token_header;
use crate::token_location::{TokenLocation, TokenScheme};
use crate::token_origin::check_origin;

/// The place of a request in which the token is read.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = TokenLocation))]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenDocument {
    /// The header that carries the token. The default is `authorization`.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    header: Option<String>,
    /// The form of the header's value. The default is `Bearer`.
    #[serde(default)]
    scheme: TokenScheme,
    /// A cookie that carries the token if the request does not have the header. The default is
    /// none.
    #[serde(default, deserialize_with = "crate::present::present")]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false))]
    cookie: Option<String>,
    /// Origins other than the API's own whose pages may send the cookie with a method other than
    /// GET, HEAD and OPTIONS, such as `https://app.example.com`. Needs `cookie`.
    #[serde(default)]
    origins: Vec<String>,
}

impl TokenDocument {
    /// Checks the document. `key_header` is the header that carries API keys.
    ///
    /// # Errors
    /// [`PolicyError::Token`] for the first invalid field.
    pub(crate) fn check(self, key_header: &KeyHeader) -> Result<TokenLocation, PolicyError> {
        let refuse = |field: &str, problem| PolicyError::Token {
            field: field.to_owned(),
            problem,
        };

        let header = token_header(self.header.as_deref(), key_header)
            .map_err(|problem| refuse("header", problem))?;
        if let Some(name) = &self.cookie {
            check_cookie_name(name).map_err(|problem| refuse("cookie", problem))?;
        } else if !self.origins.is_empty() {
            let problem = "needs `cookie`: a page of another site cannot send the header";
            return Err(refuse("origins", problem.to_owned()));
        }
        for (index, origin) in self.origins.iter().enumerate() {
            check_origin(origin)
                .map_err(|problem| refuse(&format!("origins[{index}]"), problem))?;
        }

        Ok(TokenLocation {
            header,
            scheme: self.scheme,
            cookie: self.cookie,
            origins: self.origins,
        })
    }
}

/// Checks the name of a cookie: a token (RFC 6265, section 4.1.1, and RFC 9110, section 5.6.2).
fn check_cookie_name(name: &str) -> Result<(), String> {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_token_byte) {
        return Ok(());
    }
    Err(format!(
        "invalid cookie name `{}`, expected a name such as __session, without spaces, `=`, `;` or `,`",
        name.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn checked(document: Value) -> Result<TokenLocation, String> {
        let document: TokenDocument =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        document
            .check(&KeyHeader::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn default_is_a_bearer_token_in_authorization() {
        let location = checked(json!({})).unwrap();
        assert_eq!(location, TokenLocation::default());
        assert_eq!(
            (location.header.as_str(), location.scheme, location.cookie),
            ("authorization", TokenScheme::Bearer, None)
        );
    }

    #[test]
    fn header_is_in_lower_case_and_other_fields_are_exact() {
        let location = checked(json!({"header": "Cf-Access-Jwt-Assertion", "scheme": "none", "cookie": "__Host-Session",
                                      "origins": ["https://app.example.com", "http://localhost:5173"]}))
        .unwrap();
        assert_eq!(location.header, "cf-access-jwt-assertion");
        assert_eq!(location.scheme, TokenScheme::None);
        assert_eq!(location.cookie.as_deref(), Some("__Host-Session"));
        assert_eq!(
            location.origins,
            ["https://app.example.com", "http://localhost:5173"]
        );
    }

    #[test]
    fn errors_name_the_field_and_the_expectation() {
        for (document, expected) in [
            (
                json!({"header": "X-Api-Key"}),
                "token.header: `X-Api-Key` carries API keys (KEY_HEADER), expected",
            ),
            (
                json!({"header": "cookie"}),
                "token.header: `cookie` has another meaning, expected",
            ),
            (
                json!({"scheme": "Basic"}),
                "unknown variant `Basic`, expected `Bearer` or `none`",
            ),
            (
                json!({"cookie": ""}),
                "token.cookie: invalid cookie name ``",
            ),
            (
                json!({"cookie": "a=b"}),
                "token.cookie: invalid cookie name `a=b`, expected",
            ),
            (
                json!({"cookie": "a;b"}),
                "token.cookie: invalid cookie name `a;b`, expected",
            ),
            (
                json!({"cookie": "a\n"}),
                "token.cookie: invalid cookie name `a\\n`, expected",
            ),
            (
                json!({"origins": ["https://a"]}),
                "token.origins: needs `cookie`",
            ),
            (
                json!({"cookie": "a", "origins": ["https://a", "https://b/"]}),
                "token.origins[1]: `https://b/` is not an origin, expected",
            ),
            (json!({"cookie": null}), "invalid type: null"),
            (json!({"header": null}), "invalid type: null"),
            (
                json!({"query": "a"}),
                "unknown field `query`, expected one of",
            ),
        ] {
            let error = checked(document.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{document}: {error}");
        }
    }
}
