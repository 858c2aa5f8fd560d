//! Public keys in the form of a JWK.
//!
//! Source: RFC 7517 and 7518; RFC 8037 for Ed25519.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ParsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::algorithm::algorithm;
use crate::base64url::decode_base64url;

/// The reason why a key for encryption is ignored. Many providers publish such keys together with
/// their signing keys.
pub const ENCRYPTION: &str = "not for signatures (`use`)";
/// The parameters of a JWK that are secret (RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037).
pub const PRIVATE_PARAMETERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The number of bits that an RSA modulus may have: at least 2,048 (RFC 8725, section 3.5), and at
/// most as many as are cheap to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
const RSA_ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// A public key that verifies tokens.
pub struct Key {
    /// The name by which tokens refer to it.
    pub kid: String,
    /// The algorithms of its signatures.
    pub algorithms: Vec<Algorithm>,
    /// The key itself.
    pub verifying: DecodingKey,
    /// The bytes that identify the key.
    pub(crate) material: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Key")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid
            && self.algorithms == other.algorithms
            && self.material == other.material
    }
}

/// The parameters of a public key.
struct PublicKey {
    /// The algorithms that the kind of key supports.
    algorithms: Vec<Algorithm>,
    verifying: DecodingKey,
    material: Vec<u8>,
}

impl Key {
    /// Reads a JWK.
    ///
    /// # Errors
    /// The reason why the key cannot be used.
    pub(crate) fn read(value: &Value) -> Result<Self, &'static str> {
        let jwk = value.as_object().ok_or("not an object")?;
        // RFC 7517, section 5: unsupported keys are ignored. So are secrets that became public.
        if is_private(jwk) {
            return Err("a secret");
        }
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let kid = text("kid")
            .filter(|kid| !kid.is_empty())
            .ok_or("without a `kid`")?;
        check_purpose(jwk)?;

        let key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => {
                elliptic(jwk, &ECDSA_P256_SHA256_FIXED, 32, Algorithm::ES256)?
            }
            (Some("EC"), Some("P-384")) => {
                elliptic(jwk, &ECDSA_P384_SHA384_FIXED, 48, Algorithm::ES384)?
            }
            (Some("OKP"), Some("Ed25519")) => ed25519(jwk)?,
            _ => return Err("of a kind that is not supported"),
        };
        let algorithms = match jwk.get("alg") {
            None => key.algorithms,
            Some(name) => vec![
                name.as_str()
                    .and_then(algorithm)
                    .filter(|algorithm| key.algorithms.contains(algorithm))
                    .ok_or("of an `alg` that is not supported, or not for this kind of key")?,
            ],
        };

        Ok(Self {
            kid: kid.to_owned(),
            algorithms,
            verifying: key.verifying,
            material: key.material,
        })
    }
}

/// True if a JWK has a secret parameter.
pub(crate) fn is_private(jwk: &Map<String, Value>) -> bool {
    PRIVATE_PARAMETERS
        .iter()
        .any(|name| jwk.contains_key(*name))
}

fn check_purpose(jwk: &Map<String, Value>) -> Result<(), &'static str> {
    if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(ENCRYPTION);
    }

    let can_verify = |operations: &Value| {
        operations
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one == "verify"))
    };
    match jwk.get("key_ops") {
        Some(operations) if !can_verify(operations) => Err("not for verifying (`key_ops`)"),
        _ => Ok(()),
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    jwk.get(name)
        .and_then(Value::as_str)
        .and_then(decode_base64url)
        .ok_or("without its parameters in base64url")
}

/// Returns the bytes of a number without leading zeros.
fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = bytes(jwk, name)?.into_iter();
    Ok(bytes.skip_while(|byte| *byte == 0).collect())
}

fn rsa(jwk: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let modulus = number(jwk, "n")?;
    let exponent = number(jwk, "e")?;
    let is_even = |number: &[u8]| number.last().is_none_or(|last| last % 2 == 0);

    let bits = modulus.first().map_or(0, |first| {
        modulus.len() * 8 - first.leading_zeros() as usize
    });
    if !RSA_BITS.contains(&bits) || is_even(&modulus) {
        return Err("RSA with a modulus that is even or not of 2,048 to 8,192 bits");
    }
    if exponent.len() > 8 || is_even(&exponent) || exponent == [1] {
        return Err("RSA with an exponent that is 1, even or too large");
    }

    Ok(PublicKey {
        algorithms: RSA_ALGORITHMS.to_vec(),
        verifying: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
        material: [modulus, exponent].concat(),
    })
}

/// Reads a key on `curve`, whose coordinates have `length` bytes.
fn elliptic(
    jwk: &Map<String, Value>,
    curve: &'static dyn VerificationAlgorithm,
    length: usize,
    algorithm: Algorithm,
) -> Result<PublicKey, &'static str> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err("EC with coordinates of a wrong length");
    }
    let point = [vec![4], x, y].concat();
    ParsedPublicKey::new(curve, &point).map_err(|_| "EC with a point that is not on its curve")?;

    Ok(PublicKey {
        algorithms: vec![algorithm],
        verifying: DecodingKey::from_ec_der(&point),
        material: point,
    })
}

fn ed25519(jwk: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let point = bytes(jwk, "x")?;
    if point.len() != 32 {
        return Err("Ed25519 with a point of a wrong length");
    }

    Ok(PublicKey {
        algorithms: vec![Algorithm::EdDSA],
        verifying: DecodingKey::from_ed_der(&point),
        material: point,
    })
}
