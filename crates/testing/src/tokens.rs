//! Tokens of issuers, signed by aws-lc-rs and not by the library under test.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The issuer of the tokens.
pub const ISSUER: &str = "https://issuer.example";
/// The audience of the tokens.
pub const AUDIENCE: &str = "https://api.example";
/// Every algorithm that has a fixture key.
pub const ALGORITHMS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];
/// The API key of plan `pro` in the settings of the events.
pub const PRO: &str = "local-pro-key-0000000000001";

/// The time at which tests start.
pub fn noon() -> Timestamp {
    Timestamp::from_second(1_795_348_800).unwrap()
}

/// Returns a time after noon.
pub fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(noon().as_second() + seconds).unwrap()
}

/// A key pair that signs tokens.
pub struct Signer {
    /// The JWS algorithm.
    pub algorithm: &'static str,
    /// The key ID in the header and the JWK.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str),
    Ed(Ed25519KeyPair),
    Secret(Box<hmac::Key>),
}

fn pkcs8(algorithm: &str) -> Vec<u8> {
    let path = format!(
        "{}/../../tests/vectors/keys/{algorithm}.pem",
        env!("CARGO_MANIFEST_DIR")
    );
    let pem = std::fs::read_to_string(path).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(base64).unwrap()
}

impl Signer {
    /// The fixture key of an algorithm, with the algorithm as its `kid`.
    pub fn of(algorithm: &'static str) -> Self {
        let key = pkcs8(algorithm);
        let rsa = |encoding| Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&key).unwrap()), encoding);
        let pair = match algorithm {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "RS512" => rsa(&RSA_PKCS1_SHA512),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "PS384" => rsa(&RSA_PSS_SHA384),
            "PS512" => rsa(&RSA_PSS_SHA512),
            "ES256" => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key).unwrap(),
                "P-256",
            ),
            "ES384" => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &key).unwrap(),
                "P-384",
            ),
            "ES512" => Pair::Ec(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, &key).unwrap(),
                "P-521",
            ),
            _ => Pair::Ed(Ed25519KeyPair::from_pkcs8(&key).unwrap()),
        };
        Self {
            algorithm,
            kid: algorithm.to_owned(),
            pair,
        }
    }

    /// A secret that is shared with the issuer, for HS256, HS384 or HS512.
    pub fn with_secret(algorithm: &'static str, secret: &[u8]) -> Self {
        let digest = match algorithm {
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        Self {
            algorithm,
            kid: algorithm.to_owned(),
            pair: Pair::Secret(Box::new(hmac::Key::new(digest, secret))),
        }
    }

    /// A new P-256 key.
    pub fn fresh(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            algorithm: "ES256",
            kid: kid.to_owned(),
            pair: Pair::Ec(pair, "P-256"),
        }
    }

    /// The same key with another `kid`.
    pub fn named(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair, _) => {
                let key = pair.public_key();
                let (n, e) = (
                    key.modulus().big_endian_without_leading_zero(),
                    key.exponent(),
                );
                json!({"kty": "RSA", "kid": self.kid, "n": text(n), "e": text(e.big_endian_without_leading_zero())})
            }
            Pair::Ec(pair, curve) => {
                let (x, y) =
                    pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
                json!({"kty": "EC", "crv": curve, "kid": self.kid, "x": text(x), "y": text(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": text(pair.public_key().as_ref())})
            }
            Pair::Secret(_) => panic!("a secret has no public key"),
        }
    }

    /// Returns a JWK set with only this key.
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Pair::Ec(pair, _) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
        }
    }

    /// A token with exactly this header and these claims.
    pub fn raw(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Returns the header of a valid token.
    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"})
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.raw(&self.header().to_string(), &claims.to_string())
    }

    /// A valid token with changed claims.
    pub fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        self.token(&claims)
    }

    /// A valid token with a changed header.
    pub fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.raw(&header.to_string(), &claims().to_string())
    }
}

/// Claims that are valid at noon.
pub fn claims() -> Value {
    let now = noon().as_second();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 3_600, "scope": "orders:read",
           "plan": "pro"})
}

/// A policy with one issuer and these keys.
pub fn policy(jwks: &Value) -> Value {
    json!({
        "issuers": [{"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": jwks, "plan_claim": "plan", "default_plan": "free"}],
        "rules": [{"match": "ANY /admin/{proxy+}", "auth": "jwt", "scopes": ["admin:read", "admin:write"]},
                  {"match": "ANY /keys/{proxy+}", "auth": "api_key"},
                  {"match": "ANY /jwt/{proxy+}", "auth": "jwt"},
                  {"match": "ANY /{proxy+}", "auth": "any"}]
    })
}

/// Returns an event with this path and these headers.
pub fn event(path: &str, headers: Value) -> Value {
    let mut event: Value = serde_json::from_str(include_str!(
        "../../../events/authorizer.missing-credentials.json"
    ))
    .unwrap();
    event["pathParameters"]["proxy"] = path.trim_start_matches('/').into();
    event["headers"] = headers;
    event
}

/// Returns an event with this bearer token.
pub fn bearer_event(token: &str) -> Value {
    event(
        "/orders",
        json!({"authorization": format!("Bearer {token}")}),
    )
}
