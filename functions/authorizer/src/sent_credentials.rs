//! Reads the token and the API key of a request.

use outcome::Reason;
use policy::{AUTHORIZATION, Auth, Policy, TokenLocation, TokenScheme};

use crate::event::Request;
use crate::introspection::is_jose;
use crate::rejection::Rejection;
use crate::site_check::check_site;

/// The credentials of a request that its rule accepts, before any check of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SentCredentials<'r> {
    pub(crate) token: Option<&'r str>,
    pub(crate) key: Option<&'r str>,
}

impl<'r> SentCredentials<'r> {
    /// Reads the credentials that a rule with `auth` accepts.
    ///
    /// # Errors
    /// 401 for a malformed credential, 403 if another site may have sent the request.
    pub(crate) fn read(
        request: &'r Request<'r>,
        policy: &Policy,
        auth: Auth,
    ) -> Result<Self, Rejection> {
        // Other credentials are left to the backend.
        if matches!(auth, Auth::None | Auth::Mtls) {
            return Ok(Self::default());
        }

        let header_key = request.header(&policy.key_header);
        let bearer_key = match header_key {
            None if auth != Auth::Jwt => bearer_key(request, policy),
            _ => None,
        };
        let token_header_is_key =
            bearer_key.is_some() && request.is_same_header(&policy.token.header, AUTHORIZATION);

        let token = match auth {
            Auth::Any | Auth::Jwt if !token_header_is_key => token(request, &policy.token)?,
            _ => None,
        };
        Ok(Self {
            token,
            key: header_key.or(bearer_key),
        })
    }
}

/// Returns the API key in `Authorization`, if the policy accepts keys there and this is one.
fn bearer_key<'r>(request: &'r Request<'r>, policy: &Policy) -> Option<&'r str> {
    let keys = policy.bearer_keys.as_ref()?;
    let value = after_scheme(request.token_header(AUTHORIZATION)?)?;
    (!is_jose(value) && keys.accept(value)).then_some(value)
}

/// Returns the token in the header, or else in the cookie.
fn token<'r>(
    request: &'r Request<'r>,
    location: &TokenLocation,
) -> Result<Option<&'r str>, Rejection> {
    if let Some(value) = request.token_header(&location.header) {
        return header_token(value, location.scheme).map(Some);
    }
    let Some(name) = &location.cookie else {
        return Ok(None);
    };

    let value = request
        .cookie(name)
        .map_err(|_| malformed("cookie_repeated"))?;
    // Sites delete a cookie by giving it an empty value.
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    check_site(request, &location.origins)?;
    checked_form(value).map(Some)
}

/// Returns the token in the value of its header.
fn header_token(value: &str, scheme: TokenScheme) -> Result<&str, Rejection> {
    match (after_scheme(value), scheme) {
        (Some(token), _) => checked_form(token),
        (None, TokenScheme::None) => checked_form(value),
        (None, TokenScheme::Bearer) => Err(malformed("scheme")),
    }
}

/// Returns the rest of `Bearer REST`. Schemes are case-insensitive (RFC 9110, section 11.1).
fn after_scheme(value: &str) -> Option<&str> {
    let (scheme, rest) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| rest.trim_start_matches(' '))
}

/// Returns the token if it has only the characters of bearer tokens (RFC 6750, section 2.1).
fn checked_form(token: &str) -> Result<&str, Rejection> {
    let is_token_byte = |byte: u8| {
        byte.is_ascii_alphanumeric()
            | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    // Without an early exit, the compiler checks several bytes at once.
    let is_token = !token.is_empty()
        && token
            .bytes()
            .fold(true, |is_token, byte| is_token & is_token_byte(byte));
    if is_token {
        Ok(token)
    } else {
        Err(malformed("form"))
    }
}

fn malformed(detail: &'static str) -> Rejection {
    Rejection::unauthenticated(Reason::MalformedCredentials).because(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_is_case_insensitive() {
        for value in [
            "Bearer a.b.c",
            "bearer a.b.c",
            "BEARER a.b.c",
            "bEaReR  a.b.c",
        ] {
            for scheme in [TokenScheme::Bearer, TokenScheme::None] {
                assert_eq!(header_token(value, scheme), Ok("a.b.c"), "{value}");
            }
        }
    }

    #[test]
    fn token_needs_no_scheme_if_the_policy_says_so() {
        assert_eq!(header_token("a.b.c", TokenScheme::None), Ok("a.b.c"));
        for value in [
            "",
            "Basic YTpi",
            "a.b.c ",
            " a.b.c",
            "Bearer ",
            "a.b.c,d.e.f",
        ] {
            let error = header_token(value, TokenScheme::None).unwrap_err();
            assert_eq!(error, malformed("form"), "{value:?}");
        }
    }

    #[test]
    fn malformed_bearer_token_is_rejected() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "a.b.c",
            "Basic YTpi",
            "DPoP a.b.c",
            "Bearera.b.c",
            " Bearer a.b.c",
            "Bearer\ta.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c,Bearer d.e.f",
            "Bearer a b",
            "Bearer \u{fc}",
            "Bearer a.b.c\n",
            "Bearer: a.b.c",
        ] {
            assert!(
                header_token(value, TokenScheme::Bearer).is_err(),
                "{value:?}"
            );
        }
    }
}
