//! An issuer's keys, held and renewed.

mod source;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use policy::KeySet;

use self::state::{KeyState, Step};

pub(crate) use self::source::KeySource;

/// Keys that a policy holds, or that are fetched.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    Inline(Arc<KeySet>),
    Fetched(Arc<FetchedKeys>),
}

/// Keys with their source. However many ask, one fetch is under way.
#[derive(Debug)]
pub(crate) struct FetchedKeys {
    source: KeySource,
    state: Mutex<KeyState>,
    fetching: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(crate) fn fetched(source: KeySource) -> Self {
        Self::Fetched(Arc::new(FetchedKeys {
            source,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }))
    }

    /// The newest set that can be had for a token that names `kid`, which it may still lack. `None`
    /// where there is none at all.
    pub(crate) async fn set_for(&self, kid: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        match self {
            Self::Inline(set) => Some(Arc::clone(set)),
            Self::Fetched(keys) => keys.set_for(kid, now).await,
        }
    }

    /// Fetches keys where there are none.
    pub(crate) async fn preload(&self, now: Timestamp) {
        if let Self::Fetched(keys) = self
            && keys.state().set(now).is_none()
        {
            keys.fetch("", now).await;
        }
    }
}

impl FetchedKeys {
    /// Whether another source of this issuer is the same.
    pub(crate) fn are_from(&self, source: &KeySource) -> bool {
        self.source.address == source.address && self.source.discovers == source.discovers
    }

    async fn set_for(self: &Arc<Self>, kid: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        let step = self.state().step(kid, now);
        match step {
            Step::Use(set) => Some(set),
            Step::Renew(set) => {
                self.renew(now);
                Some(set)
            }
            Step::Fetch => {
                // Apart, so that a request that calls nobody is not as large as one that does.
                Box::pin(self.fetch(kid, now)).await;
                self.state().set(now)
            }
            Step::Nothing => None,
        }
    }

    /// While the old keys serve. In a sandbox that is frozen meanwhile it goes on with the next
    /// request.
    fn renew(self: &Arc<Self>, now: Timestamp) {
        let keys = Arc::clone(self);
        tokio::spawn(async move {
            if let Ok(_turn) = keys.fetching.try_lock() {
                keys.load("", now).await;
            }
        });
    }

    /// Whoever waited for another's fetch looks first at what came of it.
    async fn fetch(&self, kid: &str, now: Timestamp) {
        let _turn = self.fetching.lock().await;
        let needed = matches!(self.state().step(kid, now), Step::Fetch);
        if needed {
            self.load(kid, now).await;
        }
    }

    async fn load(&self, kid: &str, now: Timestamp) {
        let loaded = self.source.load().await;
        if let Err(problem) = &loaded {
            let (issuer, host) = (
                &self.source.issuer,
                self.source.address.authority().map(ToString::to_string),
            );
            tracing::warn!(issuer, host, cause = problem.cause(), %problem, "cannot fetch the issuer's signing keys");
        }
        self.state().fetched(loaded.ok(), kid, now);
    }

    fn state(&self) -> MutexGuard<'_, KeyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
