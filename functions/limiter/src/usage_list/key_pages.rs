//! The keys of a report, page by page: first the existing ones, then the deleted ones.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use registry::{AdminError, DeletedKey, KeyFilter};

use super::ReportedKey;
use crate::Shared;
use crate::key_search::{KeySearch, MAX_PAGE_READS};
use crate::keys::RESOURCE;
use crate::problem::Problem;

/// The records of deleted keys that are read at once.
const DELETED_STEP: usize = 100;
/// The fewest of them, because a filter may select few.
const MIN_DELETED_STEP: usize = 10;
/// The time after which a page has no further keys. The usage of its keys is read afterwards.
const SEARCH_TIME: Duration = Duration::from_secs(8);

/// A place in the list of all keys, after the key with this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the existing keys. `None` is the beginning.
    Existing(Option<String>),
    /// Among the deleted keys. `None` is the first of them.
    Deleted(Option<String>),
}

impl Place {
    /// Returns the place after a key.
    pub(super) fn after(key: ReportedKey) -> Self {
        match key.deleted_at {
            None => Self::Existing(Some(key.key_id)),
            Some(_) => Self::Deleted(Some(key.key_id)),
        }
    }
}

/// The keys of a page, and where the next page begins. `None` if there is none.
pub(super) type KeyPage = (Vec<ReportedKey>, Option<Place>);

/// The source of a report's keys.
pub(super) struct KeyPages<'s> {
    shared: &'s Shared,
    filter: &'s KeyFilter,
    now: Timestamp,
    /// The first day of the report.
    from: Date,
    /// The items that the page may still read.
    reads_left: usize,
}

impl<'s> KeyPages<'s> {
    /// Creates a source of the keys that had not been deleted before the day `from`. A page leaves
    /// `reserved_reads` of the items that it may read for the usage of its keys.
    pub(super) fn new(
        shared: &'s Shared,
        filter: &'s KeyFilter,
        now: Timestamp,
        from: Date,
        reserved_reads: usize,
    ) -> Self {
        Self {
            shared,
            filter,
            now,
            from,
            reads_left: MAX_PAGE_READS.saturating_sub(reserved_reads),
        }
    }

    /// Returns up to `limit` keys from a place on. There may be fewer, or none, although there is a
    /// next page.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn page(&mut self, place: Place, limit: usize) -> Result<KeyPage, Problem> {
        let (mut keys, mut next) = match place {
            Place::Existing(after) => self.existing(after, limit).await?,
            Place::Deleted(_) => (Vec::new(), Some(place)),
        };

        while let Some(Place::Deleted(after)) = &next
            && keys.len() < limit
            && self.reads_left > 0
        {
            let room = limit - keys.len();
            let most = room.clamp(MIN_DELETED_STEP, DELETED_STEP);
            let most = most.min(self.reads_left);
            let (mut found, mut after) = self.deleted(after.as_deref(), most).await?;
            self.reads_left -= most;

            if found.len() > room {
                found.truncate(room);
                after = found.last().cloned().map(Place::after);
            }
            keys.extend(found);
            next = after;
        }
        Ok((keys, next))
    }

    /// Returns up to `limit` existing keys.
    async fn existing(&mut self, after: Option<String>, limit: usize) -> Result<KeyPage, Problem> {
        let (found, next): (Vec<_>, _) = if self.filter.is_plan_only() {
            let admin = self.shared.admin();
            let plan = self.filter.plan.as_deref();
            let page = admin.keys(plan, after.as_deref(), limit).await;
            let page = page.map_err(unreadable)?;
            self.reads_left = self.reads_left.saturating_sub(page.items.len());
            (page.items, page.next)
        } else {
            let reads = self.reads_left;
            let mut search = KeySearch::new(self.shared, self.filter, self.now, reads, SEARCH_TIME);
            let found = search.page(after, limit).await?;
            self.reads_left = search.reads_left();
            let keys = found.keys.into_iter().map(|key| key.stored);
            (keys.collect(), found.next)
        };

        let keys = found.into_iter();
        let keys = keys.map(|stored| ReportedKey::from(stored.document));
        let next = match next {
            Some(key_id) => Some(Place::Existing(Some(key_id))),
            None => self.first_deleted(),
        };
        Ok((keys.collect(), next))
    }

    /// Returns the selected keys among up to `most` keys from a place on. `unused_since` is not
    /// compared with their usage.
    ///
    /// # Errors
    /// The store's failure.
    pub(super) async fn step(&self, place: Place, most: usize) -> Result<KeyPage, Problem> {
        let after = match place {
            Place::Existing(after) => after,
            Place::Deleted(after) => return self.deleted(after.as_deref(), most).await,
        };

        let admin = self.shared.admin();
        let plan = self.filter.plan.as_deref();
        let page = admin.keys(plan, after.as_deref(), most).await;
        let page = page.map_err(unreadable)?;
        let records = page.items.into_iter().map(|stored| stored.document);
        let records = records.filter(|record| self.filter.admits(record));
        let next = match page.next {
            Some(key_id) => Some(Place::Existing(Some(key_id))),
            None => self.first_deleted(),
        };
        Ok((records.map(ReportedKey::from).collect(), next))
    }

    /// Returns the selected keys among up to `most` deleted ones.
    async fn deleted(&self, after: Option<&str>, most: usize) -> Result<KeyPage, Problem> {
        let page = self.shared.admin().deleted_keys(after, most).await;
        let page = page.map_err(unreadable)?;

        let keys = page.items.into_iter();
        let keys = keys.filter(|key| self.may_have_usage(key) && self.filter.admits_deleted(key));
        let next = page.next.map(|key_id| Place::Deleted(Some(key_id)));
        Ok((keys.map(ReportedKey::from).collect(), next))
    }

    /// Returns the place of the first deleted key, if the filter may select any.
    fn first_deleted(&self) -> Option<Place> {
        let may_admit = self.filter.may_admit_deleted();
        may_admit.then_some(Place::Deleted(None))
    }

    /// True if the key existed on a day of the report. In some time zones, the last day of a key is
    /// the day after its deletion in UTC.
    fn may_have_usage(&self, key: &DeletedKey) -> bool {
        let last_day = key.deleted_at.to_zoned(TimeZone::UTC).date().tomorrow();
        last_day.is_ok_and(|day| day >= self.from)
    }
}

fn unreadable(error: AdminError) -> Problem {
    Problem::of_read(error, RESOURCE)
}
