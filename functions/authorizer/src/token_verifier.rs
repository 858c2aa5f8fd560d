//! Verifies bearer tokens, and remembers the ones that were valid.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws::HttpCalls;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use outcome::Reason;
use policy::{IntrospectionServer, Issuer, Key, KeyOrigin};
use quick_cache::sync::Cache;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::introspection::{Introspection, is_jose};
use crate::issuer_keys::{IssuerKeys, KeySource};
use crate::rejection::Rejection;
use crate::secrets::{SecretError, SecretReader};
use crate::token::bearer::Bearer;
use crate::token::issuer_claims;
use crate::token::jws::{Jws, MAX_TOKEN_BYTES};
use crate::token::times::Times;

/// The number of verified tokens that are remembered, about 1 KB each.
const MAX_VERIFIED_TOKENS: usize = 10_000;

/// The SHA-256 of a token.
pub(crate) type TokenHash = [u8; 32];

/// Verifies the tokens of trusted issuers, and opaque tokens through an introspection server.
pub(crate) struct TokenVerifier {
    /// The trusted issuers by their `iss`.
    issuers: HashMap<String, Arc<TrustedIssuer>>,
    introspection: Option<Introspection>,
    verified: Cache<TokenHash, Arc<VerifiedToken>>,
}

#[derive(Debug)]
struct TrustedIssuer {
    issuer: Issuer,
    keys: IssuerKeys,
}

/// A token whose signature is not checked again while its signing key stays in the issuer's set.
struct VerifiedToken {
    trusted: Arc<TrustedIssuer>,
    key: Arc<Key>,
    bearer: Arc<Bearer>,
}

impl TokenVerifier {
    /// Creates a verifier for these issuers and this introspection server.
    ///
    /// `calls` runs only if there is something to fetch. Signing keys are kept if `previous` has
    /// them from the same source.
    pub(crate) fn new(
        issuers: Vec<(Issuer, KeyOrigin)>,
        server: Option<IntrospectionServer>,
        previous: Option<&Self>,
        secrets: &Arc<SecretReader>,
        calls: impl FnOnce() -> HttpCalls,
    ) -> Self {
        let fetches_keys = issuers
            .iter()
            .any(|(_, origin)| !matches!(origin, KeyOrigin::Inline(_)));
        let calls = (fetches_keys || server.is_some()).then(calls);

        let introspection = server.zip(calls.clone()).map(|(server, calls)| {
            let previous = previous.and_then(|previous| previous.introspection.as_ref());
            Introspection::new(server, calls, Arc::clone(secrets), previous)
        });

        let trust = |(issuer, origin): (Issuer, KeyOrigin)| {
            let known = previous
                .and_then(|previous| previous.issuers.get(issuer.iss()))
                .map(|previous| &previous.keys);
            let keys = keys(&issuer, origin, known, calls.as_ref())?;
            let name = issuer.iss().to_owned();
            Some((name, Arc::new(TrustedIssuer { issuer, keys })))
        };
        Self {
            issuers: issuers.into_iter().filter_map(trust).collect(),
            introspection,
            verified: Cache::new(MAX_VERIFIED_TOKENS),
        }
    }

    /// Reads the secrets that the policy refers to.
    pub(crate) async fn load_secrets(&self, now: Timestamp) -> Result<(), SecretError> {
        match &self.introspection {
            Some(introspection) => introspection.load_secret(now).await,
            None => Ok(()),
        }
    }

    /// Fetches the missing signing keys of all issuers concurrently, so that no request waits for
    /// them. A failure is logged; a request that needs the keys fetches them again.
    pub(crate) async fn preload(&self, now: Timestamp) {
        let mut fetches = JoinSet::new();
        for trusted in self.issuers.values().map(Arc::clone) {
            fetches.spawn(async move { trusted.keys.preload(now).await });
        }
        while fetches.join_next().await.is_some() {}
    }

    /// Returns the bearer of a token that is valid at `now`.
    ///
    /// # Errors
    /// 401 for an invalid token, 500 if signing keys or the introspection server are unavailable.
    pub(crate) async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Bearer>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::unauthenticated(Reason::InvalidToken));
        }
        let hash = hash_of(token);
        if let Some(introspection) = self.introspection.as_ref().filter(|_| !is_jose(token)) {
            return introspection.verify(token, hash, now).await;
        }

        if let Some(verified) = self.verified.get(&hash) {
            if let Some(bearer) = verified.check_again(now).await? {
                return Ok(bearer);
            }
            self.verified.remove(&hash);
        }

        let verified = self.check(token, now).await?;
        let bearer = Arc::clone(&verified.bearer);
        self.verified.insert(hash, Arc::new(verified));
        Ok(bearer)
    }

    /// Checks a token, cheap checks first: its form, its issuer, the signing key, the signature,
    /// and the other claims.
    async fn check(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, Rejection> {
        let invalid = || Rejection::unauthenticated(Reason::InvalidToken);
        let jws = Jws::parse(token).map_err(Rejection::unauthenticated)?;
        let claims = strict_json::object(&jws.payload).ok_or_else(invalid)?;

        let trusted = claims
            .get("iss")
            .and_then(Value::as_str)
            .and_then(|name| self.issuers.get(name))
            .filter(|trusted| trusted.issuer.admits(jws.algorithm, &jws.typ))
            .ok_or_else(invalid)?;
        let times = Times::read(&claims).map_err(Rejection::unauthenticated)?;
        if times.expires.is_none() {
            return Err(Rejection::unauthenticated(Reason::InvalidClaims));
        }

        let set = trusted.keys.set_for(&jws.kid, now).await;
        let set = set.ok_or_else(no_keys)?;
        let key = set.key(&jws.kid, jws.algorithm).ok_or_else(invalid)?;
        if !jws.is_signed_by(key) {
            return Err(Rejection::unauthenticated(Reason::InvalidSignature));
        }

        let bearer = issuer_claims::bearer(&trusted.issuer, &claims, times, now)
            .map_err(Rejection::unauthenticated)?;
        Ok(VerifiedToken {
            trusted: Arc::clone(trusted),
            key: Arc::clone(key),
            bearer: Arc::new(bearer),
        })
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenVerifier")
            .field("issuers", &self.issuers)
            .field("introspection", &self.introspection)
            .finish_non_exhaustive()
    }
}

impl VerifiedToken {
    /// Returns the bearer if the token is still valid, and `None` if its signing key is gone.
    async fn check_again(&self, now: Timestamp) -> Result<Option<Arc<Bearer>>, Rejection> {
        let set = self.trusted.keys.set_for(&self.key.kid, now).await;
        let set = set.ok_or_else(no_keys)?;
        if !set.contains(&self.key) {
            return Ok(None);
        }

        self.bearer
            .times
            .check(now, self.trusted.issuer.limits)
            .map_err(Rejection::unauthenticated)?;
        Ok(Some(Arc::clone(&self.bearer)))
    }
}

/// Returns the keys of an issuer, or the `known` ones if they have the same source.
fn keys(
    issuer: &Issuer,
    origin: KeyOrigin,
    known: Option<&IssuerKeys>,
    calls: Option<&HttpCalls>,
) -> Option<IssuerKeys> {
    let (address, discovers) = match origin {
        KeyOrigin::Inline(set) => return Some(IssuerKeys::Inline(Arc::new(set))),
        KeyOrigin::Address(address) => (address, false),
        KeyOrigin::Discovery(address) => (address, true),
    };
    let source = KeySource {
        calls: calls?.clone(),
        issuer: issuer.iss().to_owned(),
        address,
        discovers,
    };

    match known {
        Some(IssuerKeys::Fetched(keys)) if keys.are_from(&source) => {
            Some(IssuerKeys::Fetched(Arc::clone(keys)))
        }
        _ => Some(IssuerKeys::fetched(source)),
    }
}

fn no_keys() -> Rejection {
    Rejection::fault(
        Reason::KeysUnavailable,
        "cannot fetch the issuer's signing keys",
    )
}

fn hash_of(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
