//! Public keys in PEM as JWKs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The curves of RFC 5480 with their names in a JWK and the length of a coordinate in bytes.
const CURVES: [(ObjectIdentifier, &str, usize); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        "P-256",
        32,
    ),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "P-384", 48),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521", 66),
];
/// The smallest RSA key that Tollgate accepts, in bits (RFC 8725, section 3.5).
const MIN_RSA_BITS: usize = 2_048;
/// The first byte of a point whose two coordinates follow.
const UNCOMPRESSED: u8 = 4;

/// Returns the JWK of a public key in PEM (`BEGIN PUBLIC KEY`).
///
/// # Errors
/// The reason why the key cannot be used.
pub(super) fn jwk(pem: &str) -> Result<Value, String> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| "expected a PEM block `BEGIN PUBLIC KEY`".to_owned())?;
    let info = SubjectPublicKeyInfoRef::from_der(der.as_ref())
        .map_err(|_| "the PEM block is not a public key".to_owned())?;
    let bits = info
        .subject_public_key
        .as_bytes()
        .ok_or("the public key has an incomplete byte")?;

    match info.algorithm.oid {
        RSA => rsa(bits),
        EC => {
            let curve = info.algorithm.parameters_oid().ok();
            curve.map_or_else(
                || Err("the key names no curve".to_owned()),
                |curve| elliptic(curve, bits),
            )
        }
        ED25519 => Ok(json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(bits)})),
        other => Err(format!("keys of the kind {other} are not supported")),
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the two integers of an RSA key (RFC 8017, appendix A.1.1).
fn rsa(bits: &[u8]) -> Result<Value, String> {
    let read = || -> x509_cert::der::Result<(Vec<u8>, Vec<u8>)> {
        let mut reader = SliceReader::new(bits)?;
        let numbers = reader.sequence(|reader| -> x509_cert::der::Result<_> {
            let modulus = UintRef::decode(reader)?.as_bytes().to_vec();
            let exponent = UintRef::decode(reader)?.as_bytes().to_vec();
            Ok((modulus, exponent))
        })?;
        reader.finish()?;
        Ok(numbers)
    };

    let (modulus, exponent) = read().map_err(|_| "the RSA key is damaged".to_owned())?;
    let length = modulus.len() * 8
        - modulus
            .first()
            .map_or(0, |byte| byte.leading_zeros() as usize);
    if length < MIN_RSA_BITS {
        return Err(format!(
            "an RSA key of {length} bits is too short, expected at least {MIN_RSA_BITS}"
        ));
    }
    Ok(json!({"kty": "RSA", "n": encoded(&modulus), "e": encoded(&exponent)}))
}

fn elliptic(curve: ObjectIdentifier, bits: &[u8]) -> Result<Value, String> {
    let Some((_, name, length)) = CURVES.iter().find(|(known, ..)| *known == curve) else {
        return Err("the curve is not supported, expected P-256, P-384 or P-521".to_owned());
    };
    match bits.split_first() {
        Some((&UNCOMPRESSED, point)) if point.len() == 2 * length => {
            let (x, y) = point.split_at(*length);
            Ok(json!({"kty": "EC", "crv": name, "x": encoded(x), "y": encoded(y)}))
        }
        _ => Err("the key is not an uncompressed point of its curve".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_texts_are_not_keys() {
        for text in [
            "",
            "secret",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ] {
            assert!(jwk(text).is_err(), "{text}");
        }
    }
}
