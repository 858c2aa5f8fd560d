//! Parses signed tokens in compact form (RFC 7515), and verifies their signatures. RFC 8725 has the
//! reasons for stricter checks.

use jsonwebtoken::Algorithm;
use outcome::Reason;
use policy::{Key, algorithm, decode_base64url};
use serde_json::Value;

/// The longest token that is decoded, because API Gateway passes at most 10,240 bytes of headers.
pub(crate) const MAX_TOKEN_BYTES: usize = 10 * 1_024;
const MAX_KID_BYTES: usize = 512;

/// Header parameters that change the meaning of a signature and are not supported. Ignoring them
/// would verify something else than was signed.
const UNSUPPORTED_PARAMETERS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// The parts of a token. Keys in the token (`jwk`, `jku`, `x5u`, `x5c`) are ignored, because only
/// the issuer's key set is trusted.
#[derive(Debug)]
pub(crate) struct Jws<'t> {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    /// The type in lower case, without `application/`. Empty if there is none.
    pub(crate) typ: String,
    pub(crate) payload: Vec<u8>,
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Jws<'t> {
    /// Parses a token. The signature is not verified yet.
    pub(crate) fn parse(token: &'t str) -> Result<Self, Reason> {
        Self::read(token).ok_or(Reason::InvalidToken)
    }

    fn read(token: &'t str) -> Option<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if signature.is_empty() || payload.contains('.') {
            return None;
        }

        let header = strict_json::object(&decode_base64url(header)?)?;
        if UNSUPPORTED_PARAMETERS
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return None;
        }
        let kid = header
            .get("kid")?
            .as_str()
            .filter(|kid| (1..=MAX_KID_BYTES).contains(&kid.len()))?
            .to_owned();
        let algorithm = algorithm(header.get("alg")?.as_str()?)?;
        let typ = header.get("typ").map_or(Some(String::new()), media_type)?;

        Some(Self {
            algorithm,
            kid,
            typ,
            payload: decode_base64url(payload)?,
            signed,
            signature,
        })
    }

    /// True if the signature was made by `key`, with an algorithm of that key.
    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        key.algorithms.contains(&self.algorithm)
            && jsonwebtoken::crypto::verify(
                self.signature,
                self.signed.as_bytes(),
                &key.verifying,
                self.algorithm,
            )
            .unwrap_or(false)
    }
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
            (jws.algorithm, &*jws.kid, &*jws.typ, &*jws.payload),
            (Algorithm::ES256, "1", "at+jwt", &b"{}"[..])
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
            r#"{"alg":"RS256"}"#,
            r#"{"alg":["RS256"],"kid":"1"}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","kid":""}"#,
            r#"{"alg":"none","kid":"1"}"#,
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
