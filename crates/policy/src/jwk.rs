//! Public keys in the form of a JWK.
//!
//! Source: RFC 7517 and 7518; RFC 8037 and RFC 9864 for Ed25519.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, VerificationAlgorithm,
};
use jsonwebtoken::Algorithm as LibraryAlgorithm;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::base64url::decode_base64url;

/// The reason why a key for encryption is ignored. Many providers publish such keys together with
/// their signing keys.
pub const ENCRYPTION: &str = "not for signatures (`use`)";
/// The parameters of a JWK that are secret (RFC 7518, sections 6.2.2, 6.3.2 and 6.4; RFC 8037).
pub const PRIVATE_PARAMETERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The reason why an RSA key is ignored that the cryptographic library refuses.
const INVALID_RSA: &str = "RSA with parameters that are not a key";
/// The number of bits that an RSA modulus may have: at least 2,048 (RFC 8725, section 3.5), and at
/// most as many as are cheap to verify.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
const RSA_ALGORITHMS: [(LibraryAlgorithm, &dyn VerificationAlgorithm); 6] = [
    (LibraryAlgorithm::RS256, &RSA_PKCS1_2048_8192_SHA256),
    (LibraryAlgorithm::RS384, &RSA_PKCS1_2048_8192_SHA384),
    (LibraryAlgorithm::RS512, &RSA_PKCS1_2048_8192_SHA512),
    (LibraryAlgorithm::PS256, &RSA_PSS_2048_8192_SHA256),
    (LibraryAlgorithm::PS384, &RSA_PSS_2048_8192_SHA384),
    (LibraryAlgorithm::PS512, &RSA_PSS_2048_8192_SHA512),
];

/// A public key that verifies tokens.
pub struct Key {
    /// The name by which tokens refer to it, if it has one.
    pub kid: Option<String>,
    /// The issuer whose tokens it may sign, if the key names one. In a key set that tenants share,
    /// it may contain `{tenantid}`.
    pub issuer: Option<String>,
    /// The algorithms of its signatures, each with the key. jsonwebtoken would parse the key for each
    /// token, which costs up to a third of a signature check.
    verifying: Vec<(Algorithm, ParsedPublicKey)>,
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
            && self.algorithms().eq(other.algorithms())
            && self.material == other.material
    }
}

/// The parameters of a public key.
struct PublicKey {
    /// The algorithms that the kind of key supports, each with the key.
    verifying: Vec<(Algorithm, ParsedPublicKey)>,
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

        let mut key = match (text("kty"), text("crv")) {
            (Some("RSA"), _) => rsa(jwk)?,
            (Some("EC"), Some("P-256")) => {
                let algorithm = Algorithm::Library(LibraryAlgorithm::ES256);
                elliptic(jwk, algorithm, &ECDSA_P256_SHA256_FIXED, 32)?
            }
            (Some("EC"), Some("P-384")) => {
                let algorithm = Algorithm::Library(LibraryAlgorithm::ES384);
                elliptic(jwk, algorithm, &ECDSA_P384_SHA384_FIXED, 48)?
            }
            (Some("EC"), Some("P-521")) => {
                elliptic(jwk, Algorithm::Es512, &ECDSA_P521_SHA512_FIXED, 66)?
            }
            (Some("OKP"), Some("Ed25519")) => ed25519(jwk)?,
            _ => return Err("of a kind that is not supported"),
        };
        if let Some(name) = jwk.get("alg") {
            let only = name.as_str().and_then(Algorithm::from_name);
            key.verifying
                .retain(|(algorithm, _)| only == Some(*algorithm));
        }
        if key.verifying.is_empty() {
            return Err("of an `alg` that is not supported, or not for this kind of key");
        }

        Ok(Self {
            kid: text("kid").filter(|kid| !kid.is_empty()).map(str::to_owned),
            issuer: text("issuer").map(str::to_owned),
            verifying: key.verifying,
            material: key.material,
        })
    }

    /// Returns the algorithms of its signatures.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifying.iter().map(|(algorithm, _)| *algorithm)
    }

    /// True if `signature` (in base64url) was made of `signed` by this key with this algorithm.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, signed: &str, signature: &str) -> bool {
        let key = self.verifying.iter().find(|(known, _)| *known == algorithm);
        key.zip(decode_base64url(signature))
            .is_some_and(|((_, key), signature)| {
                key.verify_sig(signed.as_bytes(), &signature).is_ok()
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

    let components = RsaPublicKeyComponents {
        n: &modulus,
        e: &exponent,
    };
    let der: PublicKeyX509Der<'_> = components.as_der().map_err(|_| INVALID_RSA)?;
    let verifying: Result<Vec<_>, _> = RSA_ALGORITHMS
        .iter()
        .map(|(algorithm, verification)| {
            let key = ParsedPublicKey::new(*verification, der.as_ref())?;
            Ok::<_, aws_lc_rs::error::KeyRejected>((Algorithm::Library(*algorithm), key))
        })
        .collect();

    Ok(PublicKey {
        verifying: verifying.map_err(|_| INVALID_RSA)?,
        material: [modulus, exponent].concat(),
    })
}

/// Reads a key on `curve`, whose coordinates have `length` bytes.
fn elliptic(
    jwk: &Map<String, Value>,
    algorithm: Algorithm,
    curve: &'static dyn VerificationAlgorithm,
    length: usize,
) -> Result<PublicKey, &'static str> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return Err("EC with coordinates of a wrong length");
    }
    let point = [vec![4], x, y].concat();
    let key = ParsedPublicKey::new(curve, &point)
        .map_err(|_| "EC with a point that is not on its curve")?;

    Ok(PublicKey {
        verifying: vec![(algorithm, key)],
        material: point,
    })
}

fn ed25519(jwk: &Map<String, Value>) -> Result<PublicKey, &'static str> {
    let point = bytes(jwk, "x")?;
    if point.len() != 32 {
        return Err("Ed25519 with a point of a wrong length");
    }
    let key =
        ParsedPublicKey::new(&ED25519, &point).map_err(|_| "Ed25519 with an invalid point")?;

    Ok(PublicKey {
        verifying: vec![(Algorithm::ED25519, key)],
        material: point,
    })
}
