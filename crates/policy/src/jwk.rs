//! Public keys in the form of a JWK.
//!
//! Source: RFC 7517 and 7518; RFC 8037 and RFC 9864 for Ed25519.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey,
    VerificationAlgorithm,
};
use jsonwebtoken::{Algorithm as LibraryAlgorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
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
    Algorithm::Library(LibraryAlgorithm::RS256),
    Algorithm::Library(LibraryAlgorithm::RS384),
    Algorithm::Library(LibraryAlgorithm::RS512),
    Algorithm::Library(LibraryAlgorithm::PS256),
    Algorithm::Library(LibraryAlgorithm::PS384),
    Algorithm::Library(LibraryAlgorithm::PS512),
];

/// A public key that verifies tokens.
pub struct Key {
    /// The name by which tokens refer to it, if it has one.
    pub kid: Option<String>,
    /// The issuer whose tokens it may sign, if the key names one. In a key set that tenants share,
    /// it may contain `{tenantid}`.
    pub issuer: Option<String>,
    /// The algorithms of its signatures.
    pub(crate) algorithms: Vec<Algorithm>,
    verifying: VerifyingKey,
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
            && self.issuer == other.issuer
            && self.algorithms == other.algorithms
            && self.material == other.material
    }
}

/// The implementation of a public key.
enum VerifyingKey {
    Library(DecodingKey),
    P521(ParsedPublicKey),
}

/// The parameters of a public key.
struct PublicKey {
    /// The algorithms that the kind of key supports.
    algorithms: Vec<Algorithm>,
    verifying: VerifyingKey,
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
        check_purpose(jwk)?;

        let key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => {
                let algorithm = LibraryAlgorithm::ES256;
                elliptic(jwk, &ECDSA_P256_SHA256_FIXED, 32, Some(algorithm))?
            }
            (Some("EC"), Some("P-384")) => {
                let algorithm = LibraryAlgorithm::ES384;
                elliptic(jwk, &ECDSA_P384_SHA384_FIXED, 48, Some(algorithm))?
            }
            (Some("EC"), Some("P-521")) => elliptic(jwk, &ECDSA_P521_SHA512_FIXED, 66, None)?,
            (Some("OKP"), Some("Ed25519")) => ed25519(jwk)?,
            _ => return Err("of a kind that is not supported"),
        };
        let algorithms = match jwk.get("alg") {
            None => key.algorithms,
            Some(name) => vec![
                name.as_str()
                    .and_then(Algorithm::from_name)
                    .filter(|algorithm| key.algorithms.contains(algorithm))
                    .ok_or("of an `alg` that is not supported, or not for this kind of key")?,
            ],
        };

        Ok(Self {
            kid: text("kid").filter(|kid| !kid.is_empty()).map(str::to_owned),
            issuer: text("issuer").map(str::to_owned),
            algorithms,
            verifying: key.verifying,
            material: key.material,
        })
    }

    /// True if `signature` (in base64url) was made of `signed` by this key with this algorithm, which
    /// is one of its own.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, signed: &str, signature: &str) -> bool {
        if !self.algorithms.contains(&algorithm) {
            return false;
        }
        match (&self.verifying, algorithm) {
            (VerifyingKey::Library(key), Algorithm::Library(algorithm)) => {
                jsonwebtoken::crypto::verify(signature, signed.as_bytes(), key, algorithm)
                    .unwrap_or(false)
            }
            (VerifyingKey::P521(key), Algorithm::Es512) => decode_base64url(signature)
                .is_some_and(|signature| key.verify_sig(signed.as_bytes(), &signature).is_ok()),
            _ => false,
        }
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
        verifying: VerifyingKey::Library(DecodingKey::from_rsa_raw_components(&modulus, &exponent)),
        material: [modulus, exponent].concat(),
    })
}

/// Reads a key on `curve`, whose coordinates have `length` bytes. Without an algorithm of the
/// library, the curve itself verifies signatures.
fn elliptic(
    jwk: &Map<String, Value>,
    curve: &'static dyn VerificationAlgorithm,
    length: usize,
    algorithm: Option<LibraryAlgorithm>,
) -> Result<PublicKey, &'static str> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err("EC with coordinates of a wrong length");
    }
    let point = [vec![4], x, y].concat();
    let parsed = ParsedPublicKey::new(curve, &point)
        .map_err(|_| "EC with a point that is not on its curve")?;

    let (algorithm, verifying) = match algorithm {
        Some(algorithm) => {
            let key = DecodingKey::from_ec_der(&point);
            (Algorithm::Library(algorithm), VerifyingKey::Library(key))
        }
        None => (Algorithm::Es512, VerifyingKey::P521(parsed)),
    };
    Ok(PublicKey {
        algorithms: vec![algorithm],
        verifying,
        material: point,
    })
}

fn ed25519(jwk: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let point = bytes(jwk, "x")?;
    if point.len() != 32 {
        return Err("Ed25519 with a point of a wrong length");
    }

    Ok(PublicKey {
        algorithms: vec![Algorithm::ED25519],
        verifying: VerifyingKey::Library(DecodingKey::from_ed_der(&point)),
        material: point,
    })
}
