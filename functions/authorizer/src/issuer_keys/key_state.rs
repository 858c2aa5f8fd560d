//! The schedule by which an issuer's signing keys are used, refreshed and discarded.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::KeySet;

/// From this age on, keys are refreshed in the background.
const BACKGROUND_REFRESH_AGE: SignedDuration = SignedDuration::from_mins(10);
/// From this age on, a request waits for newer keys, so that a revoked key is not used after a long
/// time without requests. If the fetch fails, the old keys are used.
const BLOCKING_REFRESH_AGE: SignedDuration = SignedDuration::from_hours(1);
/// From this age on, keys are not used any more.
const MAX_KEY_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The pause between two fetches because of the age of the keys, and between two because of a `kid`
/// that the set lacks.
const FETCH_INTERVAL: SignedDuration = SignedDuration::from_secs(10);
/// The pause between two fetches while there are no keys. It doubles with each failure up to
/// [`FETCH_INTERVAL`].
const FIRST_RETRY_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

/// The keys of an issuer, and the times of fetches.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    /// The keys, and when they were fetched.
    keys: Option<(Arc<KeySet>, Timestamp)>,
    /// The last fetch, successful or not.
    fetched_at: Option<Timestamp>,
    /// The last fetch for a key that the set lacked. It is separate, so that a key is found that
    /// was published just after a regular fetch.
    looked_up_at: Option<Timestamp>,
    /// The number of failures since the last success.
    failures: u32,
}

/// The key that a token needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NeededKey<'k> {
    /// The key with this name.
    Named(&'k str),
    /// Any key: the token names none.
    Any,
    /// A key that the set lacks: none of its keys signed the token, which names none.
    Other,
}

impl NeededKey<'_> {
    fn is_missing_in(self, set: &KeySet) -> bool {
        match self {
            Self::Named(kid) => !set.has(kid),
            Self::Any => false,
            Self::Other => true,
        }
    }
}

/// The step that the age of the keys requires before they are used.
#[derive(Debug)]
pub(crate) enum KeyStep {
    /// Use these keys.
    Use(Arc<KeySet>),
    /// Use these keys, and fetch newer ones in the background.
    Refresh(Arc<KeySet>),
    /// Fetch keys and wait for them.
    Fetch,
    /// There are no keys, and it is too early to fetch again.
    None,
}

impl KeyState {
    /// Returns what to do at `now` for a token that needs this key.
    pub(crate) fn step(&self, needed: NeededKey<'_>, now: Timestamp) -> KeyStep {
        let Some((set, age)) = self.usable(now) else {
            let is_too_early = is_within(self.fetched_at, now, self.retry_interval());
            return if is_too_early {
                KeyStep::None
            } else {
                KeyStep::Fetch
            };
        };

        if needed.is_missing_in(&set) && !is_within(self.looked_up_at, now, FETCH_INTERVAL) {
            return KeyStep::Fetch;
        }
        if age < BACKGROUND_REFRESH_AGE || is_within(self.fetched_at, now, FETCH_INTERVAL) {
            return KeyStep::Use(set);
        }
        if age < BLOCKING_REFRESH_AGE {
            KeyStep::Refresh(set)
        } else {
            KeyStep::Fetch
        }
    }

    /// Returns the keys, unless they are too old.
    pub(crate) fn set(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.usable(now).map(|(set, _)| set)
    }

    fn usable(&self, now: Timestamp) -> Option<(Arc<KeySet>, SignedDuration)> {
        let (set, fetched_at) = self.keys.as_ref()?;
        let age = distance(*fetched_at, now);
        (age < MAX_KEY_AGE).then(|| (Arc::clone(set), age))
    }

    fn retry_interval(&self) -> SignedDuration {
        let doublings = self.failures.saturating_sub(1).min(8);
        FIRST_RETRY_INTERVAL
            .saturating_mul(2_i32.saturating_pow(doublings))
            .min(FETCH_INTERVAL)
    }

    /// Records a fetch that began at `now`, for a token that needs this key. A failed fetch, without
    /// a `set`, leaves the keys in place.
    pub(crate) fn record_fetch(
        &mut self,
        set: Option<KeySet>,
        needed: NeededKey<'_>,
        now: Timestamp,
    ) {
        let lacks_key = self
            .usable(now)
            .is_some_and(|(set, _)| needed.is_missing_in(&set));
        if lacks_key {
            self.looked_up_at = Some(now);
        }

        self.fetched_at = Some(now);
        match set {
            Some(set) => {
                self.keys = Some((Arc::new(set), now));
                self.failures = 0;
            }
            None => self.failures = self.failures.saturating_add(1),
        }
    }
}

fn is_within(instant: Option<Timestamp>, now: Timestamp, duration: SignedDuration) -> bool {
    instant.is_some_and(|instant| distance(instant, now) < duration)
}

/// Returns the absolute distance, so that a clock that is set back does not make keys recent again.
fn distance(one: Timestamp, other: Timestamp) -> SignedDuration {
    other.duration_since(one).abs()
}

#[cfg(test)]
mod tests {
    use super::NeededKey::{Any, Named, Other};
    use super::*;
    use policy::Kid;

    /// The P-256 example of RFC 7517, appendix A.1.
    fn set(kid: &str) -> KeySet {
        let key = serde_json::json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": kid,
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]});
        KeySet::parse(key.to_string().as_bytes(), Kid::Required, |_, _| ()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_800 + seconds).unwrap()
    }

    fn holding(kid: &str) -> KeyState {
        let mut state = KeyState::default();
        state.record_fetch(Some(set(kid)), Any, at(0));
        state
    }

    #[test]
    fn keys_are_used_then_refreshed_then_waited_for_then_discarded() {
        let state = holding("a");
        assert!(matches!(state.step(Named("a"), at(0)), KeyStep::Use(_)));
        assert!(matches!(state.step(Named("a"), at(599)), KeyStep::Use(_)));
        assert!(matches!(
            state.step(Named("a"), at(600)),
            KeyStep::Refresh(_)
        ));
        assert!(matches!(state.step(Named("a"), at(3_600)), KeyStep::Fetch));
        assert!(state.set(at(86_399)).is_some());
        assert!(state.set(at(86_400)).is_none());
    }

    #[test]
    fn unknown_kid_is_looked_up_at_once_and_then_every_10_seconds() {
        let mut state = holding("a");
        assert!(matches!(state.step(Named("b"), at(0)), KeyStep::Fetch));
        state.record_fetch(Some(set("a")), Named("b"), at(0));
        assert!(matches!(state.step(Named("b"), at(1)), KeyStep::Use(_)));
        assert!(matches!(state.step(Named("c"), at(9)), KeyStep::Use(_)));
        assert!(matches!(state.step(Named("c"), at(10)), KeyStep::Fetch));
        state.record_fetch(None, Named("c"), at(10));
        assert!(matches!(state.step(Named("d"), at(19)), KeyStep::Use(_)));
        assert!(matches!(state.step(Named("d"), at(20)), KeyStep::Fetch));
    }

    #[test]
    fn token_without_a_kid_is_looked_up_once_no_key_verifies_it() {
        let mut state = holding("a");
        assert!(matches!(state.step(Any, at(0)), KeyStep::Use(_)));
        assert!(matches!(state.step(Other, at(0)), KeyStep::Fetch));
        state.record_fetch(Some(set("a")), Other, at(0));
        assert!(matches!(state.step(Other, at(9)), KeyStep::Use(_)));
        assert!(matches!(state.step(Other, at(10)), KeyStep::Fetch));
    }

    #[test]
    fn unknown_kid_is_looked_up_just_after_a_refresh() {
        let mut state = holding("a");
        state.record_fetch(Some(set("a")), Any, at(600));
        assert!(matches!(state.step(Named("b"), at(600)), KeyStep::Fetch));
    }

    #[test]
    fn failed_fetch_keeps_the_keys() {
        let mut state = holding("a");
        state.record_fetch(None, Any, at(700));
        assert!(matches!(state.step(Named("a"), at(701)), KeyStep::Use(_)));
        assert!(matches!(state.step(Named("a"), at(709)), KeyStep::Use(_)));
        assert!(matches!(
            state.step(Named("a"), at(710)),
            KeyStep::Refresh(_)
        ));
    }

    #[test]
    fn without_keys_the_retry_interval_doubles_from_1_to_10_seconds() {
        let mut state = KeyState::default();
        assert!(matches!(state.step(Named("a"), at(0)), KeyStep::Fetch));
        let mut now = 0;
        for pause in [1, 2, 4, 8, 10, 10] {
            state.record_fetch(None, Named("a"), at(now));
            assert!(
                matches!(state.step(Named("a"), at(now + pause - 1)), KeyStep::None),
                "{pause}"
            );
            now += pause;
            assert!(
                matches!(state.step(Named("a"), at(now)), KeyStep::Fetch),
                "{pause}"
            );
        }
        state.record_fetch(Some(set("a")), Named("a"), at(now));
        assert!(matches!(state.step(Named("a"), at(now)), KeyStep::Use(_)));
    }

    #[test]
    fn clock_that_is_set_back_does_not_make_keys_recent() {
        let state = holding("a");
        assert!(matches!(
            state.step(Named("a"), at(-700)),
            KeyStep::Refresh(_)
        ));
        assert!(state.set(at(-86_400)).is_none());
    }
}
