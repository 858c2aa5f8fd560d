//! Verifies bearer tokens, and remembers the ones that were valid.

mod explanation;
mod reevaluation;
mod token_cache;

use std::fmt;
use std::sync::Arc;

use aws::HttpCalls;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use outcome::Reason;
use policy::{Algorithm, IntrospectionServer, Issuer, KeyOrigin, Kid};
use tokio::task::JoinSet;

use crate::introspection::{Introspection, is_jose};
use crate::issuer_keys::{IssuerKeys, TokenSigner};
use crate::key_pool::KeyPool;
use crate::policy_load_error::PolicyLoadError;
use crate::rejection::Rejection;
use crate::secrets::SecretReader;
use crate::token::bearer::Bearer;
use crate::token::claims::Claims;
use crate::token::issuer_claims;
use crate::token::jws::{Jws, MAX_TOKEN_BYTES};
use crate::token::refusal::TokenRefusal;
use crate::token::times::Times;
use crate::trusted_issuers::{TokenIssuer, TrustedIssuer, TrustedIssuers};

use self::token_cache::TokenCache;

/// The SHA-256 of a token.
pub(crate) type TokenHash = [u8; 32];

/// Verifies the tokens of trusted issuers, and opaque tokens through an introspection server.
pub(crate) struct TokenVerifier {
    issuers: TrustedIssuers,
    keys: KeyPool,
    introspection: Option<Introspection>,
    verified: TokenCache<VerifiedToken>,
}

/// A token whose signature is not checked again while its signer is one of the issuer.
struct VerifiedToken {
    trusted: Arc<TrustedIssuer>,
    signer: TokenSigner,
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
            .any(|(_, origin)| matches!(origin, KeyOrigin::Address(_) | KeyOrigin::Discovery(_)));
        let calls = (fetches_keys || server.is_some()).then(calls);

        let introspection = server.zip(calls.clone()).map(|(server, calls)| {
            let previous = previous.and_then(|previous| previous.introspection.as_ref());
            Introspection::new(server, calls, Arc::clone(secrets), previous)
        });

        let mut keys = KeyPool::new(calls, secrets, previous.map(|previous| &previous.keys));
        let trust = |(issuer, origin): (Issuer, KeyOrigin)| {
            let keys = keys.keys(&issuer, origin)?;
            Some(TrustedIssuer { issuer, keys })
        };
        let issuers = TrustedIssuers::new(issuers.into_iter().filter_map(trust));
        keys.forget_previous();

        Self {
            issuers,
            keys,
            introspection,
            verified: TokenCache::new(),
        }
    }

    /// Reads the secrets that the policy refers to.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses a reference, or a secret cannot be used.
    pub(crate) async fn load_secrets(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        for trusted in self.issuers.iter() {
            if let IssuerKeys::Secrets(secrets) = &trusted.keys {
                let name = &trusted.issuer.mapping.name;
                secrets.load(now).await.map_err(|error| {
                    PolicyLoadError::Secret(format!("secret of the issuer `{name}`: {error}"))
                })?;
            }
        }
        match &self.introspection {
            Some(introspection) => introspection.load_secret(now).await,
            None => Ok(()),
        }
    }

    /// Fetches the missing signing keys of all issuers concurrently, so that no request waits for
    /// them. A failure is logged; a request that needs the keys fetches them again.
    pub(crate) async fn preload(&self, now: Timestamp) {
        let mut fetches = JoinSet::new();
        for keys in self.keys.fetched().map(Arc::clone) {
            fetches.spawn(async move { keys.preload(now).await });
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
            return Err(TokenRefusal::invalid_token("too_long").into());
        }
        if let Some(introspection) = self.introspection.as_ref().filter(|_| !is_jose(token)) {
            return introspection.verify(token, hash_of(token), now).await;
        }

        if let Some(verified) = self.verified.get(token) {
            if verified.is_signed_by_issuer(now).await? {
                verified.check_times(now)?;
                self.check_revocation(&verified, token, now).await?;
                return Ok(Arc::clone(&verified.bearer));
            }
            self.verified.remove(token);
        }

        let verified = Arc::new(self.check(token, now).await?);
        self.verified
            .insert(token, Arc::clone(&verified), verified.bytes());
        self.check_revocation(&verified, token, now).await?;
        Ok(Arc::clone(&verified.bearer))
    }

    /// Checks a token, cheap checks first: its form, its issuer and audience, what the issuer
    /// permits, the signature, and the other claims.
    async fn check(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, Rejection> {
        let jws = Jws::parse(token).map_err(|refusal| match is_jose(token) {
            true => refusal,
            false => TokenRefusal::invalid_token("opaque"),
        })?;
        let claims = jws.claims()?;
        let issuer = self.issuers.choose(&claims)?;

        let verified = check_with(&issuer, &jws, &claims, now).await;
        verified.map_err(|rejection| issuer.rejection(rejection))
    }

    /// Asks the introspection server whether a token that passed every other check was revoked, if
    /// the policy says so for its issuer.
    async fn check_revocation(
        &self,
        verified: &VerifiedToken,
        token: &str,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let issuer = &verified.trusted.issuer;
        if !issuer.checks_revocation {
            return Ok(());
        }

        let result = match &self.introspection {
            Some(introspection) => introspection.check_active(token, hash_of(token), now).await,
            None => {
                let problem = "revocation is checked, but the policy has no introspection";
                Err(Rejection::fault(Reason::KeysUnavailable, problem))
            }
        };
        result.map_err(|rejection| rejection.of_issuer(&issuer.mapping.name))
    }
}

/// Checks a token against the requirements of its issuer.
async fn check_with(
    issuer: &TokenIssuer<'_>,
    jws: &Jws<'_>,
    claims: &Claims,
    now: Timestamp,
) -> Result<VerifiedToken, Rejection> {
    let trusted = issuer.trusted;
    let algorithm = admitted_algorithm(&trusted.issuer, jws)?;
    check_type(&trusted.issuer, jws)?;
    check_kid(trusted, jws)?;
    let times = read_times(claims)?;

    let signer = trusted.keys.verify(jws, algorithm, issuer, now).await?;

    let bearer = issuer_claims::bearer(&trusted.issuer, issuer.iss, claims, times, now)?;
    Ok(VerifiedToken {
        trusted: Arc::clone(trusted),
        signer,
        bearer: Arc::new(bearer),
    })
}

/// Returns the algorithm of a token, if the issuer may use it.
fn admitted_algorithm(issuer: &Issuer, jws: &Jws<'_>) -> Result<Algorithm, TokenRefusal> {
    jws.algorithm
        .filter(|algorithm| issuer.algorithms.contains(algorithm))
        .ok_or(TokenRefusal::invalid_token("algorithm"))
}

fn check_type(issuer: &Issuer, jws: &Jws<'_>) -> Result<(), TokenRefusal> {
    if issuer.admits_type(&jws.typ) {
        Ok(())
    } else {
        Err(TokenRefusal::invalid_token("type"))
    }
}

/// Checks that a token names its key, unless the issuer has secrets or the policy makes it optional.
fn check_kid(trusted: &TrustedIssuer, jws: &Jws<'_>) -> Result<(), TokenRefusal> {
    let is_required =
        trusted.issuer.kid == Kid::Required && !matches!(trusted.keys, IssuerKeys::Secrets(_));
    if is_required && jws.kid.is_none() {
        return Err(TokenRefusal::invalid_token("kid_missing"));
    }
    Ok(())
}

/// Returns the times of a token. A JWT without an expiry is refused.
fn read_times(claims: &Claims) -> Result<Times, TokenRefusal> {
    let times = Times::read(claims)?;
    match times.expires {
        Some(_) => Ok(times),
        None => Err(TokenRefusal::claim("exp")),
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
    /// Returns the memory that it takes in bytes, roughly. Issuers and keys are shared.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.bearer.bytes()
    }

    /// True if the key or secret that signed the token is still one of the issuer.
    async fn is_signed_by_issuer(&self, now: Timestamp) -> Result<bool, Rejection> {
        self.trusted.keys.include(&self.signer, now).await
    }

    fn check_times(&self, now: Timestamp) -> Result<(), Rejection> {
        let issuer = &self.trusted.issuer;
        let result = self.bearer.times.check(now, issuer.limits);
        result.map_err(|refusal| Rejection::from(refusal).of_issuer(&issuer.mapping.name))
    }
}

fn hash_of(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
