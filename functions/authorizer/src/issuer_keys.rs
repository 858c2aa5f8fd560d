//! The signing keys of an issuer, and how they are refreshed.

mod key_source;
mod key_state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use policy::KeySet;

use self::key_state::{KeyState, KeyStep};

pub(crate) use self::key_source::KeySource;

/// The signing keys of an issuer.
#[derive(Clone, Debug)]
pub(crate) enum IssuerKeys {
    /// Keys that the policy contains.
    Inline(Arc<KeySet>),
    /// Keys that are fetched from the issuer.
    Fetched(Arc<FetchedKeys>),
}

/// Keys with their source. There is at most one fetch at a time.
#[derive(Debug)]
pub(crate) struct FetchedKeys {
    source: KeySource,
    state: Mutex<KeyState>,
    /// Locked during a fetch.
    turn: tokio::sync::Mutex<()>,
}

impl IssuerKeys {
    pub(crate) fn fetched(source: KeySource) -> Self {
        Self::Fetched(Arc::new(FetchedKeys {
            source,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Returns the newest available set for a token that names `kid`. The set may lack that key.
    /// `None` if no set is available.
    pub(crate) async fn set_for(&self, kid: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        match self {
            Self::Inline(set) => Some(Arc::clone(set)),
            Self::Fetched(keys) => keys.set_for(kid, now).await,
        }
    }

    /// Fetches keys if there are none.
    pub(crate) async fn preload(&self, now: Timestamp) {
        if let Self::Fetched(keys) = self
            && keys.state().set(now).is_none()
        {
            keys.fetch("", now).await;
        }
    }
}

impl FetchedKeys {
    /// True if these keys come from `source`, which is of the same issuer.
    pub(crate) fn are_from(&self, source: &KeySource) -> bool {
        self.source.address == source.address && self.source.discovers == source.discovers
    }

    async fn set_for(self: &Arc<Self>, kid: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        let step = self.state().step(kid, now);
        match step {
            KeyStep::Use(set) => Some(set),
            KeyStep::Refresh(set) => {
                self.refresh_in_background(now);
                Some(set)
            }
            KeyStep::Fetch => {
                // Boxed, so that the future of a request without a fetch stays small.
                Box::pin(self.fetch(kid, now)).await;
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
                keys.load("", now).await;
            }
        });
    }

    /// Fetches keys, unless another caller did so while this one waited for its turn.
    async fn fetch(&self, kid: &str, now: Timestamp) {
        let _turn = self.turn.lock().await;
        let is_needed = matches!(self.state().step(kid, now), KeyStep::Fetch);
        if is_needed {
            self.load(kid, now).await;
        }
    }

    async fn load(&self, kid: &str, now: Timestamp) {
        let result = self.source.load().await;
        if let Err(problem) = &result {
            let issuer = &self.source.issuer;
            let host = self.source.address.authority().map(ToString::to_string);
            tracing::warn!(issuer, host, cause = problem.cause(), %problem, "cannot fetch the issuer's signing keys");
        }

        self.state().record_fetch(result.ok(), kid, now);
    }

    fn state(&self) -> MutexGuard<'_, KeyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
