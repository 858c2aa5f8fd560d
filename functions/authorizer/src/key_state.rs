//! What to do about an issuer's keys: use the ones that are there, renew them, or wait for others.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::key_set::KeySet;

/// From this age on, keys are renewed while they serve.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// From this age on, a request waits for newer keys, so that a revoked one ends where nobody called for
/// long; if there are none to be had, the old ones serve.
const AWAITED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// From this age on, they do not serve any more.
const GONE_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// Between two fetches, whatever came of the first and whoever asks.
const COOL_DOWN: SignedDuration = SignedDuration::from_secs(10);

/// The keys, and when they were asked for.
#[derive(Debug, Default)]
pub(crate) struct KeyState {
    held: Option<(Arc<KeySet>, Timestamp)>,
    asked: Option<Timestamp>,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// These are the ones.
    Use(Arc<KeySet>),
    /// These are, and newer ones are due.
    Renew(Arc<KeySet>),
    /// Ask for others, and wait.
    Fetch,
    /// There are none, and it is too early to ask again.
    Nothing,
}

impl KeyState {
    /// What to do at `now` for a token that names `kid`.
    pub(crate) fn step(&self, kid: &str, now: Timestamp) -> Step {
        let cooling = self.asked.is_some_and(|asked| between(asked, now) < COOL_DOWN);
        match self.held(now) {
            None if cooling => Step::Nothing,
            None => Step::Fetch,
            Some((set, _)) if cooling => Step::Use(set),
            Some((set, age)) if !set.has(kid) || age >= AWAITED_AFTER => Step::Fetch,
            Some((set, age)) if age >= RENEWED_AFTER => Step::Renew(set),
            Some((set, _)) => Step::Use(set),
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

    /// A fetch ended at `now`. Only good keys replace others.
    pub(crate) fn fetched(&mut self, set: Option<KeySet>, now: Timestamp) {
        self.asked = Some(now);
        if let Some(set) = set {
            self.held = Some((Arc::new(set), now));
        }
    }
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
        state.fetched(Some(set(kid)), at(0));
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
    fn an_unknown_kid_is_asked_for_once_a_cool_down() {
        let mut state = holding("a");
        assert!(matches!(state.step("b", at(9)), Step::Use(_)));
        assert!(matches!(state.step("b", at(10)), Step::Fetch));
        state.fetched(Some(set("a")), at(10));
        assert!(matches!(state.step("b", at(11)), Step::Use(_)));
        assert!(matches!(state.step("c", at(19)), Step::Use(_)));
        assert!(matches!(state.step("c", at(20)), Step::Fetch));
    }

    #[test]
    fn failed_fetches_share_the_cool_down_and_leave_good_keys_alone() {
        let mut state = holding("a");
        state.fetched(None, at(700));
        assert!(matches!(state.step("a", at(701)), Step::Use(_)));
        assert!(matches!(state.step("a", at(710)), Step::Renew(_)));
        let mut none = KeyState::default();
        assert!(matches!(none.step("a", at(0)), Step::Fetch));
        none.fetched(None, at(0));
        assert!(matches!(none.step("a", at(9)), Step::Nothing));
        assert!(matches!(none.step("a", at(10)), Step::Fetch));
    }

    #[test]
    fn a_clock_that_steps_back_makes_keys_no_younger() {
        let state = holding("a");
        assert!(matches!(state.step("a", at(-700)), Step::Renew(_)));
        assert!(state.set(at(-86_400)).is_none());
    }
}
