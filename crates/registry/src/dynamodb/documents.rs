//! The cache of plans and keys: fresh for 30 s, and usable for 15 minutes while they cannot be
//! read. Unknown names are cached separately, so that a flood of made-up keys evicts no real one.

use std::borrow::Borrow;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::Deadline;
use quick_cache::sync::Cache;
use tokio::time::timeout_at;

use crate::RegistryError;

use super::flights::{Flight, Flights, ReadResult, Seat, landed};

/// The greatest time until a change takes effect.
const FRESH: Duration = Duration::from_secs(30);
/// The greatest time until a new key works that was unknown before.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How long a document stays usable while the table does not respond.
const USABLE: Duration = Duration::from_secs(15 * 60);

/// The cached documents of one kind, by name.
#[derive(Debug)]
pub(super) struct Documents<K: Hash + Eq, T> {
    known: Cache<K, (Arc<T>, Instant)>,
    unknown: Cache<K, Instant>,
    flights: Flights<K, T>,
}

/// The state of a document in the cache.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recall<T> {
    /// It need not be read. `None` if there is no such document.
    Fresh(Option<Arc<T>>),
    /// It must be read again. If that fails, this document is used.
    Usable(Arc<T>),
    /// It must be read.
    Nothing,
}

impl<K: Hash + Eq + Clone, T> Documents<K, T> {
    /// Returns a cache of `most` documents and as many unknown names.
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: Cache::new(most),
            unknown: Cache::new(most),
            flights: Flights::new(),
        }
    }

    fn recall<Q: Hash + Eq + ?Sized>(&self, name: &Q, now: Instant) -> Recall<T>
    where
        K: Borrow<Q>,
    {
        let age = |read: Instant| now.saturating_duration_since(read);
        match self.known.get(name) {
            Some((document, read)) if age(read) < FRESH => Recall::Fresh(Some(document)),
            Some((document, read)) if age(read) < USABLE => Recall::Usable(document),
            Some(_) => Recall::Nothing,
            None if self
                .unknown
                .get(name)
                .is_some_and(|read| age(read) < UNKNOWN) =>
            {
                Recall::Fresh(None)
            }
            None => Recall::Nothing,
        }
    }

    /// Returns a document from the cache or by `read`, which runs once for concurrent requests.
    /// Each request keeps its own deadline. If the read fails, a usable document is returned
    /// instead.
    pub(super) async fn get<Q, F>(
        &self,
        name: &Q,
        kind: &'static str,
        now: Instant,
        deadline: Deadline,
        read: impl FnOnce(Deadline) -> F,
    ) -> Result<Option<Arc<T>>, RegistryError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        F: Future<Output = Result<Option<T>, RegistryError>>,
    {
        let (usable, deadline) = match self.recall(name, now) {
            Recall::Fresh(document) => return Ok(document),
            // Half of the time, so that the other half remains for the charge.
            Recall::Usable(document) => {
                let now = tokio::time::Instant::now().into_std();
                (
                    Some(document),
                    deadline.at_most(now, deadline.remaining(now) / 2),
                )
            }
            Recall::Nothing => (None, deadline),
        };
        let found = loop {
            match self.flights.seat(name) {
                Seat::Reader(flight) => break self.fly(flight, name, now, read(deadline)).await,
                Seat::Waiter(waiter) => {
                    match timeout_at(deadline.instant().into(), landed(waiter)).await {
                        Ok(Some(found)) => break found,
                        // Its reader was dropped.
                        Ok(None) => {}
                        Err(_) => break Err(Arc::new(RegistryError::waited(kind))),
                    }
                }
            }
        };
        match (found, usable) {
            (Ok(found), _) => Ok(found),
            (Err(error), Some(document)) => {
                tracing::warn!(kind, %error, "the last known document is used instead");
                Ok(Some(document))
            }
            (Err(error), None) => Err(Arc::try_unwrap(error).unwrap_or_else(RegistryError::Shared)),
        }
    }

    async fn fly<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(
        &self,
        flight: Flight<'_, K, T>,
        name: &Q,
        now: Instant,
        read: impl Future<Output = Result<Option<T>, RegistryError>>,
    ) -> ReadResult<T>
    where
        K: Borrow<Q>,
    {
        // Another read may have ended since the cache was checked.
        let found = match self.recall(name, now) {
            Recall::Fresh(document) => Ok(document),
            _ => {
                let found = read.await.map_err(Arc::new);
                found.map(|found| self.keep(name.to_owned(), found.map(Arc::new), now))
            }
        };
        flight.land(found.clone());
        found
    }

    fn keep(&self, name: K, found: Option<Arc<T>>, now: Instant) -> Option<Arc<T>> {
        match &found {
            Some(document) => {
                self.unknown.remove(&name);
                self.known.insert(name, (Arc::clone(document), now));
            }
            None => {
                self.known.remove(&name);
                self.unknown.insert(name, now);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn after(seconds: u64, begin: Instant) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_document_is_fresh_for_30_seconds_and_usable_for_15_minutes() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        assert_eq!(documents.recall("a", begin), Recall::Nothing);
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        assert_eq!(
            documents.recall("a", after(29, begin)),
            Recall::Fresh(Some(Arc::new(1)))
        );
        assert_eq!(
            documents.recall("a", after(30, begin)),
            Recall::Usable(Arc::new(1))
        );
        assert_eq!(
            documents.recall("a", after(899, begin)),
            Recall::Usable(Arc::new(1))
        );
        assert_eq!(documents.recall("a", after(900, begin)), Recall::Nothing);
    }

    #[test]
    fn an_unknown_name_is_not_asked_for_again_within_10_seconds() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        documents.keep("a".to_owned(), None, begin);
        assert_eq!(documents.recall("a", after(9, begin)), Recall::Fresh(None));
        assert_eq!(documents.recall("a", after(10, begin)), Recall::Nothing);
    }

    #[test]
    fn a_document_that_was_deleted_or_made_shows_as_soon_as_it_is_read() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        documents.keep("a".to_owned(), None, begin);
        assert_eq!(documents.recall("a", begin), Recall::Fresh(None));
        documents.keep("a".to_owned(), Some(Arc::new(2)), begin);
        assert_eq!(
            documents.recall("a", begin),
            Recall::Fresh(Some(Arc::new(2)))
        );
    }

    fn deadline() -> Deadline {
        Deadline::after(Instant::now(), Duration::from_secs(60))
    }

    #[tokio::test]
    async fn a_read_that_fails_leaves_what_is_usable() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        let failed = async |_: Deadline| Err(RegistryError::waited("plan"));
        assert!(
            documents
                .get("a", "plan", begin, deadline(), &failed)
                .await
                .is_err()
        );
        assert_eq!(documents.recall("a", begin), Recall::Nothing);
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        let later = after(30, begin);
        assert_eq!(
            documents
                .get("a", "plan", later, deadline(), &failed)
                .await
                .unwrap(),
            Some(Arc::new(1))
        );
    }

    /// Ten who want a document at the same time, with what they got and how often it was read.
    async fn ten(
        documents: &Documents<String, u8>,
        now: Instant,
        answer: Option<u8>,
    ) -> (Vec<Option<u8>>, usize) {
        let reads = AtomicUsize::new(0);
        let read = async |_: Deadline| {
            reads.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            answer.map(Some).ok_or(RegistryError::waited("plan"))
        };
        let one = async || {
            documents
                .get("a", "plan", now, deadline(), &read)
                .await
                .ok()
                .flatten()
                .map(|found| *found)
        };
        let all = tokio::join!(
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one(),
            one()
        );
        let (a, b, c, d, e, f, g, h, i, j) = all;
        (
            vec![a, b, c, d, e, f, g, h, i, j],
            reads.load(Ordering::Relaxed),
        )
    }

    #[tokio::test]
    async fn however_many_want_a_document_at_once_it_is_read_once() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        assert_eq!(
            ten(&documents, begin, None).await,
            (vec![None; 10], 1),
            "a failure is everybody's"
        );
        assert_eq!(
            ten(&documents, begin, Some(1)).await,
            (vec![Some(1); 10], 1)
        );
        assert_eq!(
            ten(&documents, begin, Some(2)).await,
            (vec![Some(1); 10], 0)
        );
        assert_eq!(
            ten(&documents, after(30, begin), Some(2)).await,
            (vec![Some(2); 10], 1)
        );
        assert_eq!(
            ten(&documents, after(60, begin), None).await,
            (vec![Some(2); 10], 1),
            "what is usable, for all"
        );
    }

    #[tokio::test]
    async fn nobody_waits_beyond_a_deadline_of_its_own() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        let never = |_| std::future::pending();
        let waiter = async {
            let soon = Deadline::after(Instant::now(), Duration::from_millis(20));
            documents.get("a", "plan", begin, soon, never).await
        };
        tokio::select! {
            biased;
            _ = documents.get("a", "plan", begin, deadline(), never) => panic!("it was never read"),
            waited = waiter => assert!(matches!(waited, Err(RegistryError::Unavailable { kind: "plan", .. }))),
        }
    }

    #[tokio::test]
    async fn when_the_reader_goes_away_another_reads() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        let never = |_| std::future::pending();
        let reader = documents.get("a", "plan", begin, deadline(), never);
        let waiter = documents.get("a", "plan", begin, deadline(), async |_: Deadline| {
            Ok(Some(1))
        });
        let mut reader = Box::pin(reader);
        tokio::pin!(waiter);
        tokio::select! {
            biased;
            _ = &mut reader => panic!("it was never read"),
            _ = &mut waiter => panic!("it waits"),
            () = tokio::task::yield_now() => {}
        }
        drop(reader);
        assert_eq!(waiter.await.unwrap(), Some(Arc::new(1)));
    }

    #[test]
    fn a_flood_of_unknown_names_pushes_no_known_one_out() {
        let (documents, begin) = (Documents::<String, u8>::new(100), Instant::now());
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        for n in 0..1000 {
            documents.keep(n.to_string(), None, begin);
        }
        assert_eq!(
            documents.recall("a", begin),
            Recall::Fresh(Some(Arc::new(1)))
        );
        assert!(documents.unknown.len() <= 100);
    }
}
