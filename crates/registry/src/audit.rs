//! The records of administrative changes.
//!
//! A change and its record are one transaction: if either is refused, neither is written. The
//! record is written only if its key is unused, so that no record is ever replaced. A change that
//! finds its own earlier attempt writes no second record.
//!
//! The records of one UTC day have one partition key. Their sort keys begin with the instant, so
//! that they are read in the order of time.

use std::fmt;

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};

use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::{
    Admin, AdminError, Block, DynamoDbRegistry, EmbeddedRegistry, KeyRecord, ManagedBy, Page,
    RegistryError,
};

/// How long a record is kept, in seconds: 400 days.
const KEPT_S: i64 = 400 * 86_400;
/// The most days that one page reads, each with at least one request.
const MAX_PAGE_DAYS: usize = 31;
/// The most records that one page reads.
const MAX_PAGE_READS: usize = 1_000;
/// A page ends after a record with which it has more bytes than this.
const MAX_PAGE_BYTES: usize = 2_000_000;
/// The most records of one request.
const MAX_REQUEST_RECORDS: usize = 100;
/// The length of a position that is a day.
const DAY_LENGTH: usize = "2026-11-29".len();

/// Writes down who changes what. [`Admin::audited`] adds its records to every change.
pub trait AuditTrail: fmt::Debug + Sync {
    /// Returns the record of a change, or `None` if nothing would change.
    fn record(&self, change: &Change<'_>) -> Option<AuditRecord>;
}

/// A change that is about to be written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Change<'c> {
    /// One key is created, updated or deleted.
    Key(KeyChange<'c>),
    /// Several keys are changed in one transaction.
    Keys(&'c [KeyChange<'c>]),
    /// A key gets a new secret, and may get another prefix. The secret before works until
    /// `grace_end`.
    Secret {
        /// The key before and after the rotation.
        key: KeyChange<'c>,
        /// The instant at which the earlier secret ends.
        grace_end: Timestamp,
    },
    /// A plan is written or deleted. `None` is a plan that does not exist.
    Plan {
        /// The stored plan, as JSON.
        before: Option<&'c str>,
        /// The new plan, as JSON.
        after: Option<&'c str>,
        /// The program that creates the plan.
        creator: Option<&'c ManagedBy>,
    },
    /// A block is written or removed. `None` is a block that does not exist.
    Block {
        /// The stored block.
        before: Option<&'c Block>,
        /// The new block.
        after: Option<&'c Block>,
    },
    /// The candidate of a policy is written or deleted. `None` is a candidate that does not exist.
    /// If both are equal, the candidate is written again for the present version of the policy.
    Candidate {
        /// The stored candidate, as JSON.
        before: Option<&'c str>,
        /// The new candidate, as JSON.
        after: Option<&'c str>,
    },
    /// The candidate of a policy replaces the policy, which may be equal.
    Promotion {
        /// The policy in force, as JSON.
        before: &'c str,
        /// The candidate, as JSON.
        after: &'c str,
    },
    /// Calls are granted to a caller, or below 0 taken from it.
    Calls {
        /// The name of the quota.
        quota: &'c str,
        /// The number of calls.
        amount: i64,
        /// The id of the grant that is made or revoked.
        grant_id: &'c str,
    },
    /// Another document is written or deleted. `None` is a document that does not exist.
    Document {
        /// The stored document, as JSON.
        before: Option<&'c str>,
        /// The new document, as JSON.
        after: Option<&'c str>,
        /// The program that creates the document.
        creator: Option<&'c ManagedBy>,
    },
}

/// The change of a key. `None` is a key that does not exist.
#[derive(Clone, Copy, Debug)]
pub struct KeyChange<'c> {
    /// The key before the change.
    pub before: Option<&'c KeyRecord>,
    /// The key after the change.
    pub after: Option<&'c KeyRecord>,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The instant of the change.
    pub at: Timestamp,
    /// The id of the request.
    pub request_id: String,
    /// A random number, because one request can make several changes.
    pub number: u64,
    /// The record, as JSON.
    pub document: String,
}

impl AuditRecord {
    /// Returns the write of the record.
    pub(crate) fn write(self) -> Write {
        let instant = instant_name(self.at);
        let name = format!("{instant}#{}#{:016x}", self.request_id, self.number);
        let item = Item {
            ttl: Some(self.at.as_second() + KEPT_S),
            ..Item::new(ItemKey::of_audit(day_of(&name), &name), self.document)
        };
        Write::Put(item, Guard::Absent)
    }
}

impl<'c> Change<'c> {
    /// Returns the change of a document that is written. `managed_by` is recorded if it is created.
    pub(crate) fn of_document(
        key: &ItemKey,
        before: Option<&'c str>,
        after: &'c str,
        managed_by: Option<&'c ManagedBy>,
    ) -> Self {
        let after = Some(after);
        let creator = managed_by.filter(|_| before.is_none());
        if key.pk == ItemKey::PLAN {
            Self::Plan {
                before,
                after,
                creator,
            }
        } else {
            Self::Document {
                before,
                after,
                creator,
            }
        }
    }
}

impl KeyChange<'_> {
    /// Returns the id of the key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        let record = self.after.or(self.before);
        record.map_or("", |record| &record.key.key_id)
    }
}

impl<'s> Admin<'s> {
    /// Returns this administration, which writes a record of each change in its transaction.
    #[must_use]
    pub fn audited(self, trail: &'s dyn AuditTrail) -> Self {
        Self {
            trail: Some(trail),
            ..self
        }
    }
}

impl EmbeddedRegistry {
    /// Writes the record of a change of the usage store.
    ///
    /// # Errors
    /// [`RegistryError`] if there is a record with this key. Nothing was written.
    pub fn add_record(&self, record: AuditRecord) -> Result<(), RegistryError> {
        match self.commit(vec![record.write()])? {
            CommitOutcome::Yes => Ok(()),
            CommitOutcome::No(_) => Err(RegistryError::Item {
                kind: "audit record",
                reason: "another record has its key".to_owned(),
            }),
        }
    }
}

impl DynamoDbRegistry {
    /// Returns the write of the record of a change of the usage store, for the transaction of that
    /// change.
    ///
    /// # Errors
    /// [`RegistryError`] if the write is incomplete.
    pub fn record_write(&self, record: AuditRecord) -> Result<TransactWriteItem, RegistryError> {
        self.table().transacted(record.write())
    }
}

/// An attempt whose response may have been lost, and the outcome that it had if it was made.
///
/// Its record shows whether it was made. What it has deleted does not, because another request may
/// have deleted it.
#[derive(Debug)]
pub(crate) struct Attempt<T> {
    record: ItemKey,
    outcome: T,
}

impl Attempt<()> {
    /// Returns the attempt with this record. `None` if there is no record.
    pub(crate) fn of(record: Option<&Write>) -> Option<Self> {
        record.map(|record| Self {
            record: record.key().clone(),
            outcome: (),
        })
    }

    pub(crate) fn with<T>(self, outcome: T) -> Attempt<T> {
        Attempt {
            record: self.record,
            outcome,
        }
    }
}

impl Admin<'_> {
    /// Returns the outcome of an attempt if it was made, and the error otherwise.
    pub(crate) async fn outcome_of<T>(
        &self,
        attempt: Option<Attempt<T>>,
        error: AdminError,
    ) -> Result<T, AdminError> {
        let Some(Attempt { record, outcome }) = attempt else {
            return Err(error);
        };
        let is_made = self.table.get(&record).await?.is_some();
        if is_made { Ok(outcome) } else { Err(error) }
    }

    /// Returns the write of the record of a change. It must be the last write of the transaction,
    /// so that the positions of the other ones are known.
    pub(crate) fn record_of(&self, change: &Change<'_>) -> Option<Write> {
        let record = self.trail?.record(change)?;
        Some(record.write())
    }

    /// Returns the records that `is_wanted` accepts, the newest first, beginning before a position
    /// and not before `from`.
    ///
    /// A page reads at most 1,000 records of 31 days. It can be empty although there is a next one.
    /// A position is a day, an instant in the form of [`instant_name`], or [`Page::next`].
    ///
    /// # Errors
    /// [`AdminError::Registry`].
    pub async fn audit_records(
        &self,
        before: &str,
        from: &str,
        limit: usize,
        is_wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Page<String>, AdminError> {
        let (mut position, mut items) = (before.to_owned(), Vec::new());
        let (mut reads, mut bytes) = (0, 0);

        for _ in 0..MAX_PAGE_DAYS {
            let Some(day) = newest_day(&position).filter(|day| **day >= *day_of(from)) else {
                return Ok(Page { items, next: None });
            };
            loop {
                let most = MAX_REQUEST_RECORDS.min(MAX_PAGE_READS - reads);
                let read = self
                    .table
                    .list_before(&ItemKey::of_audit(&day, &position), most)
                    .await?;
                for (name, document) in read.items {
                    if *name < *from {
                        return Ok(Page { items, next: None });
                    }
                    position = name;
                    reads += 1;
                    if is_wanted(&document) {
                        bytes += document.len();
                        items.push(document);
                    }
                    if items.len() >= limit || bytes > MAX_PAGE_BYTES || reads >= MAX_PAGE_READS {
                        let next = Some(position);
                        return Ok(Page { items, next });
                    }
                }
                if !read.has_more {
                    break;
                }
            }
            position = day;
        }
        let has_next = newest_day(&position).is_some_and(|day| *day >= *day_of(from));
        let next = has_next.then_some(position);
        Ok(Page { items, next })
    }
}

/// Returns an instant as a position: RFC 3339 with nanoseconds.
#[must_use]
pub fn instant_name(instant: Timestamp) -> String {
    format!("{instant:.9}")
}

fn day_of(name: &str) -> &str {
    name.get(..DAY_LENGTH).unwrap_or(name)
}

/// Returns the day of the newest records before a position. `None` if the position has no day.
fn newest_day(position: &str) -> Option<String> {
    let day: Date = day_of(position).parse().ok()?;
    let day = if position.len() > DAY_LENGTH {
        day
    } else {
        day.checked_sub(1.day()).ok()?
    };
    Some(day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, EmbeddedRegistry, Refusal};
    use limits::PlanDocument;

    const NOW: Timestamp = Timestamp::constant(1_795_348_800, 0);

    /// Records every change as its `Debug` text.
    #[derive(Debug)]
    struct Trail(Timestamp);

    impl AuditTrail for Trail {
        fn record(&self, change: &Change<'_>) -> Option<AuditRecord> {
            Some(AuditRecord {
                at: self.0,
                request_id: "r".to_owned(),
                number: fastrand::u64(..),
                document: format!("{change:?}"),
            })
        }
    }

    async fn put_at(registry: &EmbeddedRegistry, at: Timestamp, name: &str) {
        let trail = Trail(at);
        let admin = Admin::embedded(registry).audited(&trail);
        admin
            .put_plan(name, &PlanDocument::default(), &Condition::None)
            .await
            .unwrap();
    }

    async fn all(registry: &EmbeddedRegistry, before: &str, from: &str) -> (Vec<String>, usize) {
        let (mut found, mut position, mut pages) = (Vec::new(), before.to_owned(), 0);
        loop {
            let admin = Admin::embedded(registry);
            let page = admin
                .audit_records(&position, from, 2, &|_| true)
                .await
                .unwrap();
            assert!(page.items.len() <= 2);
            pages += 1;
            found.extend(page.items);
            match page.next {
                Some(next) => position = next,
                None => return (found, pages),
            }
        }
    }

    #[tokio::test]
    async fn records_are_paged_from_the_newest_to_the_oldest_across_days() {
        let registry = EmbeddedRegistry::default();
        for hours in [0, 1, 30, 31, 100, 2_000] {
            put_at(&registry, NOW - hours.hours(), &format!("p{hours}")).await;
        }

        let (found, pages) = all(&registry, "2026-11-23", "2026-01-01").await;
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(
            pages >= 4,
            "2,000 hours are more than 31 days, {pages} pages"
        );

        let before = instant_name(NOW);
        let (found, _) = all(&registry, &before, &instant_name(NOW - 30.hours())).await;
        assert_eq!(
            found.len(),
            2,
            "the start is included and the end is not: {found:?}"
        );
    }

    #[tokio::test]
    async fn page_with_unwanted_records_reads_at_most_1000_and_continues() {
        let registry = EmbeddedRegistry::default();
        for second in 0..1_001 {
            put_at(&registry, NOW + second.seconds(), "p").await;
        }

        let admin = Admin::embedded(&registry);
        let page = admin
            .audit_records("2026-12-31", "2026-11-01", 10, &|_| false)
            .await
            .unwrap();
        // The first page ends at the days that have no records.
        assert_eq!(page.items, Vec::<String>::new());
        let page = admin
            .audit_records(&page.next.unwrap(), "2026-11-01", 10, &|_| false)
            .await
            .unwrap();
        let next = page.next.unwrap();
        assert!(next.starts_with("2026-11-22T12:00:01"), "{next}");
    }

    #[tokio::test]
    async fn page_of_31_days_is_the_last_one_if_no_day_is_left() {
        let registry = EmbeddedRegistry::default();
        let next = async |from| {
            let admin = Admin::embedded(&registry);
            let page = admin.audit_records("2026-11-23", from, 10, &|_| true);
            page.await.unwrap().next
        };

        assert_eq!(next("2026-10-23").await, None);
        assert_eq!(next("2026-10-22").await.as_deref(), Some("2026-10-23"));
    }

    #[tokio::test]
    async fn position_without_a_day_is_an_empty_page() {
        let registry = EmbeddedRegistry::default();
        put_at(&registry, NOW, "p").await;

        for before in ["", "x", "-000001-01-02", "2026-11-2\u{e9}", "-009999-01-01"] {
            let admin = Admin::embedded(&registry);
            let page = admin.audit_records(before, "2026-11-01", 10, &|_| true);
            let page = page.await.unwrap();
            assert_eq!((page.items.len(), page.next), (0, None), "{before}");
        }
    }

    #[tokio::test]
    async fn refused_change_leaves_no_record() {
        let registry = EmbeddedRegistry::default();
        put_at(&registry, NOW, "p").await;

        let trail = Trail(NOW);
        let admin = Admin::embedded(&registry).audited(&trail);
        let refused = admin
            .put_plan("p", &PlanDocument::default(), &Condition::Absent)
            .await;
        assert!(matches!(
            refused,
            Err(AdminError::Refused(Refusal::Precondition))
        ));
        assert_eq!(all(&registry, "2026-11-23", "2026-11-01").await.0.len(), 1);
    }

    #[test]
    fn record_is_kept_for_400_days_and_never_replaced() {
        let record = AuditRecord {
            at: NOW,
            request_id: "r".to_owned(),
            number: 7,
            document: "{}".to_owned(),
        };
        let Write::Put(item, guard) = record.write() else {
            panic!("a record is put")
        };
        assert_eq!(guard, Guard::Absent);
        assert_eq!(item.key.pk, "audit#2026-11-22");
        let name = "2026-11-22T12:00:00.000000000Z#r#0000000000000007";
        assert_eq!(item.key.sk, name);
        assert_eq!(item.ttl, Some(NOW.as_second() + 400 * 86_400));
    }
}
