//! Remembers the results of introspection.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;

use crate::token::refusal::TokenRefusal;
use crate::token_verifier::TokenHash;

/// The time for which a refusal is remembered, at most.
const REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(10);
/// The number of remembered tokens, accepted and refused ones each.
const MAX_TOKENS: usize = 10_000;

/// Results by token. Accepted and refused tokens are kept apart, so that forged tokens do not evict
/// valid ones. `T` is what is known about an accepted token.
pub(super) struct ResultCache<T> {
    accepted: Cache<TokenHash, AcceptedToken<T>>,
    refused: Cache<TokenHash, RefusedToken>,
    ttl: SignedDuration,
}

#[derive(Clone)]
struct AcceptedToken<T> {
    known: T,
    at: Timestamp,
}

#[derive(Clone)]
struct RefusedToken {
    refusal: TokenRefusal,
    at: Timestamp,
}

impl<T: Clone> ResultCache<T> {
    /// Creates a cache whose entries are valid for `ttl` at most.
    pub(super) fn new(ttl: SignedDuration) -> Self {
        Self {
            accepted: Cache::new(MAX_TOKENS),
            refused: Cache::new(MAX_TOKENS),
            ttl,
        }
    }

    /// Returns what is known about a token at `now`.
    pub(super) fn get(&self, hash: &TokenHash, now: Timestamp) -> Option<Result<T, TokenRefusal>> {
        let is_recent = |at: Timestamp, ttl| now.duration_since(at).abs() < ttl;
        if let Some(accepted) = self.accepted.get(hash)
            && is_recent(accepted.at, self.ttl)
        {
            return Some(Ok(accepted.known));
        }

        self.refused
            .get(hash)
            .filter(|refused| is_recent(refused.at, REFUSAL_TTL.min(self.ttl)))
            .map(|refused| Err(refused.refusal))
    }

    pub(super) fn insert(&self, hash: TokenHash, result: &Result<T, TokenRefusal>, at: Timestamp) {
        match result {
            Ok(known) => {
                let known = known.clone();
                self.accepted.insert(hash, AcceptedToken { known, at });
            }
            Err(refusal) => {
                let refusal = refusal.clone();
                self.refused.insert(hash, RefusedToken { refusal, at });
            }
        }
    }
}

impl<T> fmt::Debug for ResultCache<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResultCache")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
