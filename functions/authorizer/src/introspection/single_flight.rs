//! Runs one computation per key at a time. Concurrent callers with the same key share its result.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// The computations in flight. There are at most as many entries as waiting callers.
pub(crate) struct SingleFlight<K, V> {
    flights: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SingleFlight")
            .finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }

    /// Runs `compute`, or waits for the result of a caller that already runs it. If that caller is
    /// cancelled, another one runs its own.
    pub(crate) async fn join<F: Future<Output = V>>(
        &self,
        key: K,
        compute: impl FnOnce() -> F,
    ) -> V {
        let participant = Participant {
            flight: self.flight(&key),
            flights: self,
            key,
        };
        participant.flight.get_or_init(compute).await.clone()
    }

    fn flight(&self, key: &K) -> Arc<OnceCell<V>> {
        Arc::clone(self.lock().entry(key.clone()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller that takes part in a computation. The last one to leave, cancelled or not, removes it.
struct Participant<'f, K: Eq + Hash + Clone, V: Clone> {
    flight: Arc<OnceCell<V>>,
    flights: &'f SingleFlight<K, V>,
    key: K,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Participant<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // One reference is held here and one by the map. Nobody joins while the map is locked.
        if Arc::strong_count(&self.flight) == 2 || self.flight.initialized() {
            let ours = flights
                .get(&self.key)
                .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
            if ours {
                flights.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn concurrent_callers_share_one_result_and_later_ones_do_not() {
        let (flights, computed) = (SingleFlight::new(), AtomicU32::new(0));
        let ask = || {
            flights.join("a", || async {
                tokio::task::yield_now().await;
                computed.fetch_add(1, Ordering::SeqCst) + 1
            })
        };
        assert_eq!(tokio::join!(ask(), ask(), ask()), (1, 1, 1));
        assert!(flights.lock().is_empty());
        assert_eq!(ask().await, 2);
    }

    #[tokio::test]
    async fn another_caller_computes_if_the_first_is_cancelled() {
        let flights = SingleFlight::new();
        let mut first = Box::pin(flights.join("a", std::future::pending::<u32>));
        let mut second = Box::pin(flights.join("a", || async { 2 }));
        let started = std::future::poll_fn(|context| {
            Poll::Ready((
                first.as_mut().poll(context).is_pending(),
                second.as_mut().poll(context).is_pending(),
            ))
        });
        assert_eq!(started.await, (true, true));
        drop(first);
        assert_eq!(second.await, 2);
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn nothing_remains_after_all_callers_are_cancelled() {
        let flights = SingleFlight::new();
        let mut only = Box::pin(flights.join("a", std::future::pending::<u32>));
        let poll =
            std::future::poll_fn(|context| Poll::Ready(only.as_mut().poll(context).is_pending()));
        assert!(poll.await);
        drop(only);
        assert!(flights.lock().is_empty());
    }
}
