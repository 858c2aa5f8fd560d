//! Single-flight reads: concurrent requests for a document share one read and its outcome.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::RegistryError;

/// The outcome of a read, for all who wait.
pub(super) type ReadResult<T> = Result<Option<Arc<T>>, Arc<RegistryError>>;

/// The reads in progress, by the name of their document. There are at most as many as requests.
#[derive(Debug)]
pub(super) struct Flights<K: Hash + Eq, T> {
    under_way: Mutex<HashMap<K, watch::Receiver<Option<ReadResult<T>>>>>,
}

/// The part of a request in a read.
#[derive(Debug)]
pub(super) enum Seat<'f, K: Hash + Eq, T> {
    /// It reads.
    Reader(Flight<'f, K, T>),
    /// It waits for the reader.
    Waiter(watch::Receiver<Option<ReadResult<T>>>),
}

/// A read in progress. It ends when this is dropped, so that a cancelled reader never blocks
/// others.
#[derive(Debug)]
pub(super) struct Flight<'f, K: Hash + Eq, T> {
    flights: &'f Flights<K, T>,
    name: K,
    sender: watch::Sender<Option<ReadResult<T>>>,
}

impl<K: Hash + Eq + Clone, T> Flights<K, T> {
    pub(super) fn new() -> Self {
        Self {
            under_way: Mutex::default(),
        }
    }

    pub(super) fn seat<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(
        &self,
        name: &Q,
    ) -> Seat<'_, K, T>
    where
        K: Borrow<Q>,
    {
        let mut under_way = self.lock();
        if let Some(receiver) = under_way.get(name) {
            return Seat::Waiter(receiver.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let name = name.to_owned();
        under_way.insert(name.clone(), receiver);
        Seat::Reader(Flight {
            flights: self,
            name,
            sender,
        })
    }
}

impl<K: Hash + Eq, T> Flights<K, T> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<ReadResult<T>>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, T> Flight<'_, K, T> {
    /// Publishes the outcome to all who wait.
    pub(super) fn land(self, found: ReadResult<T>) {
        self.sender.send_replace(Some(found));
    }
}

impl<K: Hash + Eq, T> Drop for Flight<'_, K, T> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.name);
    }
}

/// Returns the outcome of the reader, or `None` if the reader was dropped.
pub(super) async fn landed<T>(
    mut receiver: watch::Receiver<Option<ReadResult<T>>>,
) -> Option<ReadResult<T>> {
    receiver.wait_for(Option::is_some).await.ok()?.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_while_a_document_is_read_waits_for_that_read() {
        let flights = Flights::<String, u8>::new();
        let Seat::Reader(flight) = flights.seat("a") else {
            panic!("nobody reads it")
        };
        let Seat::Waiter(waiter) = flights.seat("a") else {
            panic!("somebody reads it")
        };
        assert!(matches!(flights.seat("b"), Seat::Reader(_)));
        flight.land(Ok(Some(Arc::new(7))));
        assert!(matches!(landed(waiter).await, Some(Ok(Some(found))) if *found == 7));
        assert!(matches!(flights.seat("a"), Seat::Reader(_)));
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_keeps_nobody_waiting() {
        let flights = Flights::<String, u8>::new();
        let flight = flights.seat("a");
        let Seat::Waiter(waiter) = flights.seat("a") else {
            panic!("somebody reads it")
        };
        drop(flight);
        assert!(landed(waiter).await.is_none());
        assert!(matches!(flights.seat("a"), Seat::Reader(_)));
    }
}
