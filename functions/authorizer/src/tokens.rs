//! Tokens: whose they are, and whether they hold.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws::HttpCalls;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use outcome::Reason;
use policy::{IntrospectionServer, Issuer, Key, KeyOrigin};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::Stop;
use crate::introspection::{Introspection, SecretError, SecretReader, is_jose};
use crate::issuer_keys::{KeySource, Keys};
use crate::recent::Recent;
use crate::token::bearer::Bearer;
use crate::token::issuer_claims;
use crate::token::jws::{Jws, LONGEST};
use crate::token::times::Times;

/// Some 1 KB each.
const MOST_VERIFIED: usize = 10_000;

/// The issuers that are trusted, and the tokens of theirs that were verified.
#[derive(Debug)]
pub(crate) struct Tokens {
    issuers: HashMap<String, Arc<Trusted>>,
    introspection: Option<Introspection>,
    verified: Recent<[u8; 32], Arc<Verified>>,
}

#[derive(Debug)]
struct Trusted {
    issuer: Issuer,
    keys: Keys,
}

/// A token whose signature need not be checked again as long as its key is there.
struct Verified {
    trusted: Arc<Trusted>,
    key: Arc<Key>,
    bearer: Arc<Bearer>,
}

impl fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verified").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Tokens of these issuers, and opaque ones of this server. `calls` is made only if there is
    /// anything to call for. Keys of the same source as `before` are kept.
    pub(crate) fn new(
        issuers: Vec<(Issuer, KeyOrigin)>,
        server: Option<IntrospectionServer>,
        before: Option<&Self>,
        secrets: &Arc<SecretReader>,
        calls: impl FnOnce() -> HttpCalls,
    ) -> Self {
        let fetches = issuers
            .iter()
            .any(|(_, origin)| !matches!(origin, KeyOrigin::Inline(_)));
        let calls = (fetches || server.is_some()).then(calls);
        let introspection = server.zip(calls.clone()).map(|(server, calls)| {
            let before = before.and_then(|before| before.introspection.as_ref());
            Introspection::new(server, calls, Arc::clone(secrets), before)
        });
        let trust = |(issuer, origin): (Issuer, KeyOrigin)| {
            let held = before
                .and_then(|before| before.issuers.get(issuer.iss()))
                .map(|before| &before.keys);
            let keys = keys(&issuer, origin, held, calls.as_ref())?;
            Some((issuer.iss().to_owned(), Arc::new(Trusted { issuer, keys })))
        };
        let issuers = issuers.into_iter().filter_map(trust).collect();
        Self {
            issuers,
            introspection,
            verified: Recent::new(MOST_VERIFIED),
        }
    }

    /// Reads the secrets that the policy refers to.
    pub(crate) async fn load_secrets(&self, now: Timestamp) -> Result<(), SecretError> {
        match &self.introspection {
            Some(introspection) => introspection.load_secret(now).await,
            None => Ok(()),
        }
    }

    /// Fetches the keys that are not there, of all issuers at once, so that no request has to wait
    /// for them. What cannot be had is logged, and asked for again by a request.
    pub(crate) async fn preload(&self, now: Timestamp) {
        let mut under_way = JoinSet::new();
        for trusted in self.issuers.values().map(Arc::clone) {
            under_way.spawn(async move { trusted.keys.preload(now).await });
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Who bears this token, if it holds at `now`.
    pub(crate) async fn verify(&self, token: &str, now: Timestamp) -> Result<Arc<Bearer>, Stop> {
        if token.len() > LONGEST {
            return Err(Stop::Unauthenticated(Reason::InvalidToken));
        }
        let hash = hash_of(token);
        if let Some(introspection) = self.introspection.as_ref().filter(|_| !is_jose(token)) {
            return introspection.verify(token, hash, now).await;
        }
        if let Some(verified) = self.verified.get(&hash) {
            let set = verified
                .trusted
                .keys
                .set_for(&verified.key.kid, now)
                .await
                .ok_or_else(no_keys)?;
            if set.holds(&verified.key) {
                let limits = verified.trusted.issuer.limits;
                verified
                    .bearer
                    .times
                    .check(now, limits)
                    .map_err(Stop::Unauthenticated)?;
                return Ok(Arc::clone(&verified.bearer));
            }
            self.verified.forget(&hash);
        }
        let verified = self.check(token, now).await?;
        let bearer = Arc::clone(&verified.bearer);
        self.verified.put(hash, Arc::new(verified));
        Ok(bearer)
    }

    /// The checks, the cheap ones first: what the token says of itself, its issuer, the key, the
    /// signature, and what the claims mean.
    async fn check(&self, token: &str, now: Timestamp) -> Result<Verified, Stop> {
        let jws = Jws::parse(token).map_err(Stop::Unauthenticated)?;
        let invalid = || Stop::Unauthenticated(Reason::InvalidToken);
        let claims = strict_json::object(&jws.payload).ok_or_else(invalid)?;
        let trusted = claims
            .get("iss")
            .and_then(Value::as_str)
            .and_then(|name| self.issuers.get(name));
        let trusted = trusted
            .filter(|trusted| trusted.issuer.admits(jws.algorithm, &jws.typ))
            .ok_or_else(invalid)?;
        let times = Times::read(&claims).map_err(Stop::Unauthenticated)?;
        if times.expires.is_none() {
            return Err(Stop::Unauthenticated(Reason::InvalidClaims));
        }
        let set = trusted
            .keys
            .set_for(&jws.kid, now)
            .await
            .ok_or_else(no_keys)?;
        let key = set.key(&jws.kid, jws.algorithm).ok_or_else(invalid)?;
        if !jws.is_signed_by(key) {
            return Err(Stop::Unauthenticated(Reason::InvalidSignature));
        }
        let bearer = issuer_claims::bearer(&trusted.issuer, &claims, times, now)
            .map_err(Stop::Unauthenticated)?;
        Ok(Verified {
            trusted: Arc::clone(trusted),
            key: Arc::clone(key),
            bearer: Arc::new(bearer),
        })
    }
}

fn keys(
    issuer: &Issuer,
    origin: KeyOrigin,
    held: Option<&Keys>,
    calls: Option<&HttpCalls>,
) -> Option<Keys> {
    let source = |address, discovers| {
        let source = KeySource {
            calls: calls?.clone(),
            issuer: issuer.iss().to_owned(),
            address,
            discovers,
        };
        match held {
            Some(Keys::Fetched(keys)) if keys.are_from(&source) => {
                Some(Keys::Fetched(Arc::clone(keys)))
            }
            _ => Some(Keys::fetched(source)),
        }
    };
    match origin {
        KeyOrigin::Inline(set) => Some(Keys::Inline(Arc::new(set))),
        KeyOrigin::Address(address) => source(address, false),
        KeyOrigin::Discovery(address) => source(address, true),
    }
}

fn no_keys() -> Stop {
    Stop::Fault(
        Reason::KeysUnavailable,
        "the issuer's keys cannot be had".to_owned(),
    )
}

fn hash_of(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
