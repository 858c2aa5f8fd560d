//! The one-time code, and the sessions that were opened with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use registry::RandomError;

use super::clock::Moment;
use super::secret::Secret;

/// The time in which a code can be used.
pub const CODE_LIFETIME: Duration = Duration::from_secs(30);
/// The time after the last activity of the operator at which a session ends.
pub const SESSION_IDLE_TIMEOUT: Duration = Duration::from_mins(30);
/// The most sessions at a time. A further one ends the session that was idle for the longest time.
pub(super) const MAX_SESSIONS: usize = 4;

/// The code and the sessions of a proxy. At most one code is valid at a time.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    code: Option<Code>,
    sessions: Vec<Session>,
}

#[derive(Debug)]
struct Code {
    secret: Secret,
    created: Moment,
}

#[derive(Debug)]
struct Session {
    secret: Secret,
    active: Moment,
}

impl Sessions {
    /// Returns a new code. The previous one is no longer valid.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub(super) fn new_code(&self, now: Moment) -> Result<Secret, RandomError> {
        let secret = Secret::generate()?;
        self.state().code = Some(Code {
            secret: secret.clone(),
            created: now,
        });
        Ok(secret)
    }

    /// Exchanges the code for a session. `None` if it is wrong, was used, or is too old.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub(super) fn exchange(
        &self,
        presented: &[u8],
        now: Moment,
    ) -> Result<Option<Secret>, RandomError> {
        let mut state = self.state();
        let is_valid = state.code.as_ref().is_some_and(|code| {
            code.secret.matches(presented) && now.since(code.created) < CODE_LIFETIME
        });
        if !is_valid {
            return Ok(None);
        }

        state.code = None;
        let secret = Secret::generate()?;
        state.open(secret.clone(), now);
        Ok(Some(secret))
    }

    /// Makes the code invalid.
    pub(super) fn revoke_code(&self) {
        self.state().code = None;
    }

    /// True if the session exists. Only activity of the operator extends it, requests of a page that
    /// updates itself do not.
    pub(super) fn admit(&self, presented: &[u8], is_active: bool, now: Moment) -> bool {
        let mut state = self.state();
        state.end_idle(now);

        // Every session is compared, so that the time does not depend on which one matches.
        let mut is_known = false;
        for session in &mut state.sessions {
            let is_this = session.secret.matches(presented);
            if is_this && is_active {
                session.active = now;
            }
            is_known |= is_this;
        }
        is_known
    }

    /// Ends a session.
    pub(super) fn end(&self, presented: &[u8]) {
        let mut state = self.state();
        state
            .sessions
            .retain(|session| !session.secret.matches(presented));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self, secret: Secret, now: Moment) {
        self.end_idle(now);
        if self.sessions.len() >= MAX_SESSIONS {
            let idle = |session: &Session| now.since(session.active);
            let longest = (0..self.sessions.len()).max_by_key(|it| idle(&self.sessions[*it]));
            longest.map(|index| self.sessions.remove(index));
        }
        self.sessions.push(Session {
            secret,
            active: now,
        });
    }

    fn end_idle(&mut self, now: Moment) {
        let is_alive = |session: &Session| now.since(session.active) < SESSION_IDLE_TIMEOUT;
        self.sessions.retain(is_alive);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(moment: Moment, elapsed: Duration) -> Moment {
        Moment {
            monotonic: moment.monotonic + elapsed,
            wall: moment.wall + elapsed,
        }
    }

    fn opened(sessions: &Sessions, now: Moment) -> Vec<u8> {
        let code = sessions.new_code(now).unwrap();
        let session = sessions.exchange(code.as_str().as_bytes(), now).unwrap();
        session.unwrap().as_str().into()
    }

    #[test]
    fn code_is_valid_once_and_for_thirty_seconds() {
        let (sessions, begin) = (Sessions::default(), Moment::now());
        let exchange = |code: &Secret, elapsed| {
            let now = after(begin, elapsed);
            let session = sessions.exchange(code.as_str().as_bytes(), now);
            session.unwrap().is_some()
        };

        let code = sessions.new_code(begin).unwrap();
        assert!(exchange(&code, CODE_LIFETIME - SECOND));
        assert!(!exchange(&code, CODE_LIFETIME - SECOND), "used");

        let late = sessions.new_code(begin).unwrap();
        assert!(!exchange(&late, CODE_LIFETIME), "too old");

        let (first, second) = (sessions.new_code(begin), sessions.new_code(begin));
        assert!(!exchange(&first.unwrap(), SECOND), "replaced");
        assert!(exchange(&second.unwrap(), SECOND));

        let revoked = sessions.new_code(begin).unwrap();
        sessions.revoke_code();
        assert!(!exchange(&revoked, SECOND), "revoked");
    }

    #[test]
    fn wrong_code_does_not_use_up_the_right_one() {
        let (sessions, now) = (Sessions::default(), Moment::now());
        let code = sessions.new_code(now).unwrap();
        for wrong in ["", "x", &"A".repeat(43)] {
            assert!(sessions.exchange(wrong.as_bytes(), now).unwrap().is_none());
        }
        let session = sessions.exchange(code.as_str().as_bytes(), now).unwrap();
        assert!(session.is_some());
    }

    #[test]
    fn only_activity_extends_a_session() {
        let (sessions, begin) = (Sessions::default(), Moment::now());
        let session = opened(&sessions, begin);

        let later = after(begin, SESSION_IDLE_TIMEOUT - SECOND);
        assert!(sessions.admit(&session, false, later));
        let end = after(begin, SESSION_IDLE_TIMEOUT);
        assert!(!sessions.admit(&session, true, end), "polling extended it");

        let session = opened(&sessions, begin);
        assert!(sessions.admit(&session, true, later));
        assert!(sessions.admit(&session, false, end));
        let end = after(later, SESSION_IDLE_TIMEOUT);
        assert!(!sessions.admit(&session, false, end));
    }

    #[test]
    fn further_session_ends_the_one_that_was_idle_for_the_longest_time() {
        let (sessions, begin) = (Sessions::default(), Moment::now());
        let all: Vec<_> = (0..MAX_SESSIONS)
            .map(|_| opened(&sessions, begin))
            .collect();
        let later = after(begin, SECOND);
        for session in all.iter().filter(|it| **it != all[1]) {
            assert!(sessions.admit(session, true, later));
        }

        let further = opened(&sessions, later);
        assert!(!sessions.admit(&all[1], false, later));
        for session in all.iter().filter(|it| **it != all[1]) {
            assert!(sessions.admit(session, false, later));
        }
        assert!(sessions.admit(&further, false, later));
    }

    #[test]
    fn ended_session_is_unknown_and_others_are_not() {
        let (sessions, now) = (Sessions::default(), Moment::now());
        let (first, second) = (opened(&sessions, now), opened(&sessions, now));
        sessions.end(&first);
        assert!(!sessions.admit(&first, true, now));
        assert!(sessions.admit(&second, true, now));
        assert!(!sessions.admit(b"", true, now));
    }
}
