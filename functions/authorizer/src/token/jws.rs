//! Parses signed tokens in compact form (RFC 7515). RFC 8725 has the reasons for stricter checks.

use policy::{Algorithm, decode_base64url};
use serde_json::Value;

use super::claims::Claims;
use super::refusal::TokenRefusal;

/// The longest token that is decoded, because API Gateway passes at most 10,240 bytes of headers.
pub(crate) const MAX_TOKEN_BYTES: usize = 10 * 1_024;
const MAX_KID_BYTES: usize = 512;

/// Header parameters that change the meaning of a signature and are not supported. Ignoring them
/// would verify something else than was signed.
const UNSUPPORTED_PARAMETERS: [(&str, &str); 4] = [
    ("crit", "header:crit"),
    ("b64", "header:b64"),
    ("zip", "header:zip"),
    ("enc", "header:enc"),
];

/// A token that is not three segments of base64url, the first two of them JSON objects.
const MALFORMED: TokenRefusal = TokenRefusal::invalid_token("form");

/// The parts of a token. Keys in the token (`jwk`, `jku`, `x5u`, `x5c`) are ignored, because only
/// the issuer's key set is trusted.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    /// `None` for an algorithm that is not supported.
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) kid: Option<String>,
    /// The type in lower case, without `application/`. Empty if there is none.
    pub(crate) typ: String,
    payload: Vec<u8>,
    pub(crate) signed: &'t str,
    /// The signature in base64url.
    pub(crate) signature: &'t str,
}

impl<'t> Jws<'t> {
    /// Parses a token. The signature is not verified yet.
    pub(crate) fn parse(token: &'t str) -> Result<Self, TokenRefusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::invalid_token("too_long"));
        }
        let (header, payload, signature) = segments(token).ok_or(MALFORMED)?;
        let signed = &token[..header.len() + 1 + payload.len()];

        let header = decode_base64url(header)
            .and_then(|header| strict_json::object(&header))
            .ok_or(MALFORMED)?;
        if let Some((_, detail)) = UNSUPPORTED_PARAMETERS
            .iter()
            .find(|(name, _)| header.contains_key(*name))
        {
            return Err(TokenRefusal::invalid_token(detail));
        }
        let payload = decode_base64url(payload).ok_or(MALFORMED)?;

        Ok(Self {
            algorithm: algorithm(&header)?,
            kid: kid(&header)?,
            typ: header
                .get("typ")
                .map_or(Some(String::new()), media_type)
                .ok_or(TokenRefusal::invalid_token("type"))?,
            payload,
            signed,
            signature,
        })
    }

    /// Returns the claims, which are not verified yet.
    pub(crate) fn claims(&self) -> Result<Claims, TokenRefusal> {
        strict_json::object(&self.payload).ok_or(MALFORMED)
    }
}

/// Returns the header, the payload and the signature of a token.
fn segments(token: &str) -> Option<(&str, &str, &str)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let is_compact = !signature.is_empty() && !payload.contains('.');
    is_compact.then_some((header, payload, signature))
}

/// Returns the algorithm, or `None` if it is not supported.
fn algorithm(header: &Claims) -> Result<Option<Algorithm>, TokenRefusal> {
    let name = header.get("alg").and_then(Value::as_str);
    name.map(Algorithm::from_name)
        .ok_or(TokenRefusal::invalid_token("algorithm"))
}

fn kid(header: &Claims) -> Result<Option<String>, TokenRefusal> {
    let Some(kid) = header.get("kid") else {
        return Ok(None);
    };
    kid.as_str()
        .filter(|kid| (1..=MAX_KID_BYTES).contains(&kid.len()))
        .map(|kid| Some(kid.to_owned()))
        .ok_or(TokenRefusal::invalid_token("header:kid"))
}

fn media_type(value: &Value) -> Option<String> {
    let name = value.as_str()?.to_ascii_lowercase();
    let short = name.strip_prefix("application/").unwrap_or(&name);
    (!short.is_empty()).then(|| short.to_owned())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(header: &str) -> String {
        format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header))
    }

    fn read(header: &str) -> bool {
        Jws::parse(&token(header)).is_ok()
    }

    #[test]
    fn header_with_supported_parameters_is_read() {
        assert!(read(r#"{"alg":"RS256","kid":"1"}"#));
        let token = token(r#"{"alg":"ES256","kid":"1","typ":"application/AT+JWT","x":1}"#);
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(
            (jws.algorithm, jws.kid.as_deref(), &*jws.typ, &*jws.payload),
            (
                Algorithm::from_name("ES256"),
                Some("1"),
                "at+jwt",
                &b"{}"[..]
            )
        );
    }

    #[test]
    fn extensions_are_refused_in_every_form() {
        for more in [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":"exp""#,
            r#""crit":null"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""b64":false,"crit":["b64"]"#,
            r#""zip":"DEF""#,
            r#""enc":"A128GCM""#,
        ] {
            assert!(
                !read(&format!(r#"{{"alg":"RS256","kid":"1",{more}}}"#)),
                "{more}"
            );
        }
    }

    #[test]
    fn header_with_wrong_types_is_refused() {
        for header in [
            r#"{"kid":"1"}"#,
            r#"{"alg":["RS256"],"kid":"1"}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","kid":""}"#,
            r#"{"alg":"RS256","kid":"1","typ":1}"#,
            r#"{"alg":"RS256","kid":"1","typ":""}"#,
            r#"{"alg":"RS256","alg":"RS256","kid":"1"}"#,
            r#"{"alg":"RS256","kid":"1","kid":"1"}"#,
            "[]",
            "",
            "x",
        ] {
            assert!(!read(header), "{header}");
        }
    }

    #[test]
    fn unsupported_algorithm_is_left_to_the_issuer() {
        for name in ["none", "NONE", "ES256K", "rs256"] {
            let token = token(&format!(r#"{{"alg":"{name}"}}"#));
            let jws = Jws::parse(&token).unwrap();
            assert_eq!((jws.algorithm, jws.kid), (None, None), "{name}");
        }
    }

    #[test]
    fn token_must_have_three_base64url_segments() {
        let good = token(r#"{"alg":"RS256","kid":"1"}"#);
        let (header, _) = good.split_once('.').unwrap();
        for bad in [
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            header.into(),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!(".{good}"),
            format!("{good}."),
            format!("{good}.e30.e30"),
            format!("{header}=.e30.c2ln"),
            format!("{header}.e30=.c2ln"),
            format!("{header}.e3 0.c2ln"),
            format!("{header}.e3\n0.c2ln"),
            format!("{header}.e3+.c2ln"),
            format!("{header}.e31.c2ln"),
            format!("{header}..c2ln.x"),
            r#"{"payload":"e30","signatures":[]}"#.into(),
            "ü.ü.ü".into(),
        ] {
            assert!(Jws::parse(&bad).is_err(), "{bad:?}");
        }
        let long = format!("{header}.{}.c2ln", "e".repeat(MAX_TOKEN_BYTES));
        assert!(Jws::parse(&long).is_err());
    }
}
