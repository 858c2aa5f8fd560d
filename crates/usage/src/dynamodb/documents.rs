//! Plans and keys that have been read: fresh for 30 s, and usable for 15 minutes while they cannot be read
//! again. That a name is unknown is remembered too, apart from the rest, so that a flood of made-up keys
//! pushes no real one out.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::StoreError;

/// No change takes longer to show.
const FRESH: Duration = Duration::from_secs(30);
/// A new key, or one that was mistyped before, works after this at the latest.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How long what was read last stays usable without the store.
const USABLE: Duration = Duration::from_secs(15 * 60);

/// Documents of one kind, by name.
#[derive(Debug)]
pub(super) struct Documents<K, T> {
    known: Cache<K, (Arc<T>, Instant)>,
    unknown: Cache<K, Instant>,
}

/// What is remembered of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recall<T> {
    /// It need not be read; `None` where there is no such document.
    Fresh(Option<Arc<T>>),
    /// It is to be read again; if that fails, this will do.
    Usable(Arc<T>),
    /// It has to be read.
    Nothing,
}

impl<K: Hash + Eq + Clone, T> Documents<K, T> {
    /// Holds `most` documents, and as many names that are unknown.
    pub(super) fn new(most: usize) -> Self {
        Self { known: Cache::new(most), unknown: Cache::new(most) }
    }

    pub(super) fn recall<Q: Hash + Eq + ?Sized>(&self, name: &Q, now: Instant) -> Recall<T>
    where
        K: Borrow<Q>,
    {
        let age = |read: Instant| now.saturating_duration_since(read);
        match self.known.get(name) {
            Some((document, read)) if age(read) < FRESH => Recall::Fresh(Some(document)),
            Some((document, read)) if age(read) < USABLE => Recall::Usable(document),
            Some(_) => Recall::Nothing,
            None if self.unknown.get(name).is_some_and(|read| age(read) < UNKNOWN) => Recall::Fresh(None),
            None => Recall::Nothing,
        }
    }

    /// Takes over what a read found. Where it failed, `usable` does instead.
    pub(super) fn settle<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(
        &self,
        name: &Q,
        found: Result<Option<T>, StoreError>,
        usable: Option<Arc<T>>,
        now: Instant,
    ) -> Result<Option<Arc<T>>, StoreError>
    where
        K: Borrow<Q>,
    {
        match found {
            Ok(found) => Ok(self.keep(name.to_owned(), found.map(Arc::new), now)),
            Err(error) => match usable {
                Some(document) => {
                    tracing::warn!(%error, "what was read last is used instead: {error}");
                    Ok(Some(document))
                }
                None => Err(error),
            },
        }
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

impl<T> Recall<T> {
    /// What is remembered, fresh or not.
    pub(super) fn document(self) -> Option<Arc<T>> {
        match self {
            Self::Fresh(document) => document,
            Self::Usable(document) => Some(document),
            Self::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, begin: Instant) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_document_is_fresh_for_30_seconds_and_usable_for_15_minutes() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        assert_eq!(documents.recall("a", begin), Recall::Nothing);
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        assert_eq!(documents.recall("a", after(29, begin)), Recall::Fresh(Some(Arc::new(1))));
        assert_eq!(documents.recall("a", after(30, begin)), Recall::Usable(Arc::new(1)));
        assert_eq!(documents.recall("a", after(899, begin)), Recall::Usable(Arc::new(1)));
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
        assert_eq!(documents.recall("a", begin), Recall::Fresh(Some(Arc::new(2))));
    }

    #[test]
    fn a_read_that_fails_leaves_what_is_usable() {
        let (documents, begin) = (Documents::<String, u8>::new(10), Instant::now());
        let failed = || Err(StoreError::Unavailable("plan"));
        assert_eq!(documents.settle("a", failed(), Some(Arc::new(1)), begin).unwrap(), Some(Arc::new(1)));
        assert!(documents.settle("a", failed(), None, begin).is_err());
        assert_eq!(documents.recall("a", begin), Recall::Nothing);
    }

    #[test]
    fn a_flood_of_unknown_names_pushes_no_known_one_out() {
        let (documents, begin) = (Documents::<String, u8>::new(100), Instant::now());
        documents.keep("a".to_owned(), Some(Arc::new(1)), begin);
        for n in 0..1000 {
            documents.keep(n.to_string(), None, begin);
        }
        assert_eq!(documents.recall("a", begin), Recall::Fresh(Some(Arc::new(1))));
        assert!(documents.unknown.len() <= 100);
    }
}
