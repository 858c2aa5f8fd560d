//! The cache of the blocks. They are at most 30 s old while the table responds. If it does not, the
//! blocks that were read last stay in force, however old they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws::{Breaker, Deadline};
use aws_sdk_dynamodb::Client;
use tokio::time::timeout_at;

use crate::item::ItemKey;
use crate::{Blocks, RegistryError};

use super::item::document;
use super::reader::{read_item, unavailable};

const KIND: &str = "blocks";
/// The greatest age while the table responds.
const FRESH: Duration = Duration::from_secs(30);
/// From this age on, the blocks are read again in the background.
const BACKGROUND_REFRESH_AGE: Duration = Duration::from_secs(20);
/// The time limit of a read in the background.
const BACKGROUND_DEADLINE: Duration = Duration::from_secs(2);
/// The pause after a failed read that a decision waited for.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The blocks, with the state of their reads.
#[derive(Debug)]
pub(super) struct BlockCache {
    client: Client,
    table: String,
    breaker: Arc<Breaker>,
    state: Mutex<State>,
    /// Locked during a read that decisions wait for, so that there is one at a time.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// The instant of the last failed read that a decision waited for.
    failed_at: Option<Instant>,
    /// The instant at which the last read in the background began.
    refreshed_at: Option<Instant>,
}

/// The blocks that were read last.
#[derive(Clone, Debug)]
struct Known {
    blocks: Arc<Blocks>,
    read_at: Instant,
}

/// The step that the age of the blocks requires before they are used.
#[derive(Debug)]
enum Step {
    /// Nothing: the blocks are fresh, or were just found to be unreadable.
    Use(Arc<Blocks>),
    /// A read in the background.
    Refresh(Arc<Blocks>),
    /// A read that the decision waits for. If it fails, the blocks that were read last are used.
    Wait(Option<Arc<Blocks>>),
}

impl State {
    fn step(&mut self, now: Instant) -> Step {
        let age = |instant: Instant| now.saturating_duration_since(instant);
        let Some(known) = &self.known else {
            return Step::Wait(None);
        };

        let blocks = Arc::clone(&known.blocks);
        let has_failed = self
            .failed_at
            .is_some_and(|instant| age(instant) < RETRY_INTERVAL);
        let is_refreshing = self
            .refreshed_at
            .is_some_and(|instant| age(instant) < BACKGROUND_DEADLINE);
        match age(known.read_at) {
            old if old < BACKGROUND_REFRESH_AGE => Step::Use(blocks),
            old if old < FRESH && is_refreshing => Step::Use(blocks),
            old if old < FRESH => {
                self.refreshed_at = Some(now);
                Step::Refresh(blocks)
            }
            _ if has_failed => Step::Use(blocks),
            _ => Step::Wait(Some(blocks)),
        }
    }

    /// Keeps the outcome of a read that began at `read_at`, unless a later one is known.
    fn keep(&mut self, blocks: Arc<Blocks>, read_at: Instant) {
        self.failed_at = None;
        if self
            .known
            .as_ref()
            .is_none_or(|known| known.read_at <= read_at)
        {
            self.known = Some(Known { blocks, read_at });
        }
    }
}

impl BlockCache {
    /// Returns a cache without blocks. Nothing is read yet.
    pub(super) fn new(client: Client, table: String, breaker: Arc<Breaker>) -> Self {
        Self {
            client,
            table,
            breaker,
            state: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the blocks, see [`DynamoDbRegistry::blocks`](super::DynamoDbRegistry::blocks).
    pub(super) async fn get(
        self: &Arc<Self>,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Arc<Blocks>, RegistryError> {
        let step = self.state().step(now);
        match step {
            Step::Use(blocks) => Ok(blocks),
            Step::Refresh(blocks) => {
                self.refresh(now);
                Ok(blocks)
            }
            Step::Wait(last) => self.wait(last, now, deadline).await,
        }
    }

    /// Reads the blocks while the present ones are used. If the sandbox is frozen meanwhile, the
    /// blocks are older than 30 s at the next request, which reads them itself.
    fn refresh(self: &Arc<Self>, now: Instant) {
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            let begin = tokio::time::Instant::now().into_std();
            let deadline = Deadline::after(begin, BACKGROUND_DEADLINE);
            match cache.read(deadline).await {
                Ok(blocks) => cache.state().keep(blocks, now),
                Err(error) => log_failure(&error),
            }
        });
    }

    async fn wait(
        &self,
        last: Option<Arc<Blocks>>,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Arc<Blocks>, RegistryError> {
        // Half of the time, so that the other half remains for the charge.
        let deadline = match &last {
            Some(_) => {
                let now = tokio::time::Instant::now().into_std();
                deadline.at_most(now, deadline.remaining(now) / 2)
            }
            None => deadline,
        };

        let found = match timeout_at(deadline.instant().into(), self.turn.lock()).await {
            Ok(_turn) => self.read_unless_done(now, deadline).await,
            Err(_) => Err(RegistryError::waited(KIND)),
        };
        match (found, last) {
            (Ok(blocks), _) => Ok(blocks),
            (Err(error), Some(last)) => {
                log_failure(&error);
                Ok(last)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Reads the blocks, unless another request did so while this one waited for its turn.
    async fn read_unless_done(
        &self,
        now: Instant,
        deadline: Deadline,
    ) -> Result<Arc<Blocks>, RegistryError> {
        if let Step::Use(blocks) | Step::Refresh(blocks) = self.state().step(now) {
            return Ok(blocks);
        }

        let read = self.read(deadline).await;
        let mut state = self.state();
        match &read {
            Ok(blocks) => state.keep(Arc::clone(blocks), now),
            Err(_) => state.failed_at = Some(now),
        }
        read
    }

    async fn read(&self, deadline: Deadline) -> Result<Arc<Blocks>, RegistryError> {
        let item = ItemKey::of_blocks();
        let read = read_item(&self.client, &self.table, &self.breaker, &item, deadline).await;
        let Some(attributes) = read.map_err(|outage| unavailable(KIND, &outage))? else {
            return Ok(Arc::default());
        };

        Blocks::parse(document(KIND, &attributes)?).map(Arc::new)
    }
}

fn log_failure(error: &RegistryError) {
    tracing::warn!(%error, "cannot read the blocks, so the last ones stay in force");
}

#[cfg(test)]
mod tests;
