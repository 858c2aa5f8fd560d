//! Signing keys that are fetched from an issuer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use policy::KeySet;

use super::key_source::KeySource;
use super::key_state::{KeyState, KeyStep, NeededKey};

/// Keys with their source. There is at most one fetch at a time.
#[derive(Debug)]
pub(crate) struct FetchedKeys {
    source: KeySource,
    state: Mutex<KeyState>,
    /// Locked during a fetch.
    turn: tokio::sync::Mutex<()>,
}

impl FetchedKeys {
    pub(crate) fn new(source: KeySource) -> Self {
        Self {
            source,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// True if these keys come from this source.
    pub(crate) fn are_from(&self, source: &KeySource) -> bool {
        self.source.is_same(source)
    }

    /// Fetches keys if there are none.
    pub(crate) async fn preload(&self, now: Timestamp) {
        if self.state().set(now).is_none() {
            self.fetch(NeededKey::Any, now).await;
        }
    }

    /// Returns the newest available set for a token that needs this key. The set may lack it. `None`
    /// if no set is available.
    pub(crate) async fn set_for(
        self: &Arc<Self>,
        needed: NeededKey<'_>,
        now: Timestamp,
    ) -> Option<Arc<KeySet>> {
        let step = self.state().step(needed, now);
        match step {
            KeyStep::Use(set) => Some(set),
            KeyStep::Refresh(set) => {
                self.refresh_in_background(now);
                Some(set)
            }
            KeyStep::Fetch => {
                // Boxed, so that the future of a request without a fetch stays small.
                Box::pin(self.fetch(needed, now)).await;
                self.state().set(now)
            }
            KeyStep::None => None,
        }
    }

    /// Fetches newer keys while the old ones are used. If the sandbox is frozen meanwhile, the
    /// fetch continues with the next request.
    fn refresh_in_background(self: &Arc<Self>, now: Timestamp) {
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            if let Ok(_turn) = keys.turn.try_lock() {
                keys.load(NeededKey::Any, now).await;
            }
        });
    }

    /// Fetches keys, unless another caller did so while this one waited for its turn.
    async fn fetch(&self, needed: NeededKey<'_>, now: Timestamp) {
        let _turn = self.turn.lock().await;
        let is_needed = matches!(self.state().step(needed, now), KeyStep::Fetch);
        if is_needed {
            self.load(needed, now).await;
        }
    }

    async fn load(&self, needed: NeededKey<'_>, now: Timestamp) {
        let result = self.source.load().await;
        if let Err(problem) = &result {
            let issuer = &self.source.issuer;
            let host = self.source.address.authority().map(ToString::to_string);
            tracing::warn!(issuer, host, cause = problem.cause(), %problem, "cannot fetch the issuer's signing keys");
        }

        self.state().record_fetch(result.ok(), needed, now);
    }

    fn state(&self) -> MutexGuard<'_, KeyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
