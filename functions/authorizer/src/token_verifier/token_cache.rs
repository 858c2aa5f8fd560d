//! Remembers verified tokens, so that their signatures are not checked again.
//!
//! A token is found by its own bytes. A cryptographic digest of them would take longer than any
//! other step of a request with a remembered token.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// The memory for remembered tokens in bytes. A short token takes 1 to 2 KB with its claims, and one
/// with many groups 4 KB. The cache has at most 256 parts, so that an entry of less than 60 KB
/// always fits. A larger one, of a token with a thousand roles, may be verified in each call.
const MAX_BYTES: u64 = 16 * 1_024 * 1_024;
/// The number of short tokens that fit.
const SHORT_TOKENS: usize = 10_000;
/// The memory of an entry of the cache in bytes, in addition to its token and its value.
const ENTRY_BYTES: usize = 128;

/// Values by token. The least used tokens make place for new ones.
///
/// A lookup hashes the whole token with a random key, and compares all bytes of a token whose hash
/// is similar. The comparison need not take a constant time: its length must be equal, the key of
/// the hash is secret, and after a miss the whole token is verified, which takes much longer.
pub(super) struct TokenCache<V>(Cache<Box<str>, Remembered<V>, MemoryWeighter>);

struct Remembered<V> {
    value: Arc<V>,
    bytes: usize,
}

impl<V> TokenCache<V> {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(
            SHORT_TOKENS,
            MAX_BYTES,
            MemoryWeighter,
        ))
    }

    /// Returns the value of exactly this token.
    pub(super) fn get(&self, token: &str) -> Option<Arc<V>> {
        self.0.get(token).map(|remembered| remembered.value)
    }

    /// Remembers a token. `bytes` is the memory of its value.
    pub(super) fn insert(&self, token: &str, value: Arc<V>, bytes: usize) {
        self.0.insert(token.into(), Remembered { value, bytes });
    }

    pub(super) fn remove(&self, token: &str) {
        self.0.remove(token);
    }
}

/// Omits the tokens.
impl<V> fmt::Debug for TokenCache<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenCache")
            .field("tokens", &self.0.len())
            .finish_non_exhaustive()
    }
}

impl<V> Clone for Remembered<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            bytes: self.bytes,
        }
    }
}

/// Weighs an entry by the memory that it takes.
#[derive(Clone)]
struct MemoryWeighter;

impl<V> Weighter<Box<str>, Remembered<V>> for MemoryWeighter {
    fn weight(&self, token: &Box<str>, remembered: &Remembered<V>) -> u64 {
        let bytes = ENTRY_BYTES + token.len() + remembered.bytes;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exactly_the_same_token_is_found() {
        let cache = TokenCache::new();
        cache.insert("a.b.c", Arc::new(1), 8);

        assert_eq!(cache.get("a.b.c").as_deref(), Some(&1));
        for token in ["", "a.b.", "a.b.cc", "a.b.C", "A.b.c", "a.b.d", "a.b.c "] {
            assert_eq!(cache.get(token), None, "{token}");
        }
    }

    #[test]
    fn removed_token_is_forgotten() {
        let cache = TokenCache::new();
        cache.insert("a.b.c", Arc::new(1), 8);

        cache.remove("a.b.c");

        assert_eq!(cache.get("a.b.c"), None);
    }

    #[test]
    fn tokens_and_values_take_no_more_than_the_memory() {
        let is_within_bound = |length: usize, bytes: usize| {
            let cache = TokenCache::new();
            for number in 0..4_000 {
                cache.insert(&format!("{number:0length$}"), Arc::new(()), bytes);
            }
            let taken = cache.0.len() * (length + bytes);
            (taken as u64) < MAX_BYTES && cache.0.len() > 1_000
        };

        assert!(is_within_bound(8_000, 0));
        assert!(is_within_bound(100, 8_000));
    }

    #[test]
    fn token_that_takes_too_much_memory_is_not_remembered() {
        let cache = TokenCache::new();
        cache.insert("a.b.c", Arc::new(1), 20_000_000);

        assert_eq!(cache.get("a.b.c"), None);
    }

    #[test]
    fn debug_output_has_no_token() {
        let cache = TokenCache::new();
        cache.insert("secret", Arc::new("value"), 8);

        assert_eq!(format!("{cache:?}"), "TokenCache { tokens: 1, .. }");
    }
}
