//! What to do about an issuer's keys: use the ones that are there, renew them, or wait for others.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::KeySet;

/// From this age on, keys are renewed while they serve.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// From this age on, a request waits for newer keys, so that a revoked one ends where nobody called
/// for long; if there are none to be had, the old ones serve.
const AWAITED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// From this age on, they do not serve any more.
const GONE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Between two fetches because of the age of the keys, and between two because of a `kid` that they
/// lack.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(10);
/// Between two fetches while there are no keys at all: after one failure, and doubled with each
/// further one up to [`COOL_DOWN`].
const FIRST_COOL_DOWN: SignedDuration = SignedDuration::from_secs(1);

/// The keys, and when they were fetched.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    held: Option<(Arc<KeySet>, Timestamp)>,
    /// The last fetch, whatever came of it.
    fetched: Option<Timestamp>,
    /// The last fetch for a `kid` that the keys lacked. Counted apart, so that a key which is
    /// published just after a regular fetch is found at once.
    looked_up: Option<Timestamp>,
    /// Failures since the last success.
    failures: u32,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Use these keys.
    Use(Arc<KeySet>),
    /// Use these keys, and fetch newer ones meanwhile.
    Renew(Arc<KeySet>),
    /// Fetch keys, and wait for them.
    Fetch,
    /// There are no keys, and it is too early to fetch again.
    Nothing,
}

impl KeyState {
    /// What to do at `now` for a token that names `kid`.
    pub(crate) fn step(&self, kid: &str, now: Timestamp) -> Step {
        let Some((set, age)) = self.held(now) else {
            let cooling = is_within(self.fetched, now, self.cool_down());
            return if cooling { Step::Nothing } else { Step::Fetch };
        };

        if !set.has(kid) && !is_within(self.looked_up, now, COOL_DOWN) {
            return Step::Fetch;
        }
        if age < RENEWED_AFTER || is_within(self.fetched, now, COOL_DOWN) {
            return Step::Use(set);
        }
        if age < AWAITED_AFTER {
            Step::Renew(set)
        } else {
            Step::Fetch
        }
    }

    /// The keys, unless they are too old.
    pub(crate) fn set(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.held(now).map(|(set, _)| set)
    }

    fn held(&self, now: Timestamp) -> Option<(Arc<KeySet>, SignedDuration)> {
        let (set, since) = self.held.as_ref()?;
        let age = between(*since, now);
        (age < GONE_AFTER).then(|| (Arc::clone(set), age))
    }

    fn cool_down(&self) -> SignedDuration {
        let doublings = self.failures.saturating_sub(1).min(8);
        FIRST_COOL_DOWN
            .saturating_mul(2_i32.saturating_pow(doublings))
            .min(COOL_DOWN)
    }

    /// Records a fetch that began at `now`, for a token that names `kid`. Only good keys replace
    /// others.
    pub(crate) fn fetched(&mut self, set: Option<KeySet>, kid: &str, now: Timestamp) {
        let lacking = self
            .held(now)
            .is_some_and(|(set, _)| !kid.is_empty() && !set.has(kid));
        if lacking {
            self.looked_up = Some(now);
        }

        self.fetched = Some(now);
        match set {
            Some(set) => {
                self.held = Some((Arc::new(set), now));
                self.failures = 0;
            }
            None => self.failures = self.failures.saturating_add(1),
        }
    }
}

fn is_within(instant: Option<Timestamp>, now: Timestamp, duration: SignedDuration) -> bool {
    instant.is_some_and(|instant| between(instant, now) < duration)
}

/// A clock that steps back makes keys no younger.
fn between(one: Timestamp, other: Timestamp) -> SignedDuration {
    other.duration_since(one).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The P-256 example of RFC 7517, appendix A.1.
    fn set(kid: &str) -> KeySet {
        let key = serde_json::json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": kid,
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]});
        KeySet::parse(key.to_string().as_bytes(), |_, _| ()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_348_800 + seconds).unwrap()
    }

    fn holding(kid: &str) -> KeyState {
        let mut state = KeyState::default();
        state.fetched(Some(set(kid)), "", at(0));
        state
    }

    #[test]
    fn keys_serve_then_are_renewed_then_awaited_then_gone() {
        let state = holding("a");
        assert!(matches!(state.step("a", at(0)), Step::Use(_)));
        assert!(matches!(state.step("a", at(599)), Step::Use(_)));
        assert!(matches!(state.step("a", at(600)), Step::Renew(_)));
        assert!(matches!(state.step("a", at(3_600)), Step::Fetch));
        assert!(state.set(at(86_399)).is_some());
        assert!(state.set(at(86_400)).is_none());
    }

    #[test]
    fn an_unknown_kid_is_looked_up_at_once_and_then_once_in_ten_seconds() {
        let mut state = holding("a");
        assert!(matches!(state.step("b", at(0)), Step::Fetch));
        state.fetched(Some(set("a")), "b", at(0));
        assert!(matches!(state.step("b", at(1)), Step::Use(_)));
        assert!(matches!(state.step("c", at(9)), Step::Use(_)));
        assert!(matches!(state.step("c", at(10)), Step::Fetch));
        state.fetched(None, "c", at(10));
        assert!(matches!(state.step("d", at(19)), Step::Use(_)));
        assert!(matches!(state.step("d", at(20)), Step::Fetch));
    }

    #[test]
    fn a_kid_is_looked_up_just_after_the_keys_were_renewed() {
        let mut state = holding("a");
        state.fetched(Some(set("a")), "", at(600));
        assert!(matches!(state.step("b", at(600)), Step::Fetch));
    }

    #[test]
    fn a_failed_fetch_leaves_good_keys_alone() {
        let mut state = holding("a");
        state.fetched(None, "", at(700));
        assert!(matches!(state.step("a", at(701)), Step::Use(_)));
        assert!(matches!(state.step("a", at(709)), Step::Use(_)));
        assert!(matches!(state.step("a", at(710)), Step::Renew(_)));
    }

    #[test]
    fn without_keys_fetches_begin_a_second_apart_and_end_ten_apart() {
        let mut state = KeyState::default();
        assert!(matches!(state.step("a", at(0)), Step::Fetch));
        let mut now = 0;
        for pause in [1, 2, 4, 8, 10, 10] {
            state.fetched(None, "a", at(now));
            assert!(
                matches!(state.step("a", at(now + pause - 1)), Step::Nothing),
                "{pause}"
            );
            now += pause;
            assert!(matches!(state.step("a", at(now)), Step::Fetch), "{pause}");
        }
        state.fetched(Some(set("a")), "a", at(now));
        assert!(matches!(state.step("a", at(now)), Step::Use(_)));
    }

    #[test]
    fn a_clock_that_steps_back_makes_keys_no_younger() {
        let state = holding("a");
        assert!(matches!(state.step("a", at(-700)), Step::Renew(_)));
        assert!(state.set(at(-86_400)).is_none());
    }
}
