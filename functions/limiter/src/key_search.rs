//! Searches of keys, page by page. There is no index of names, subjects or last uses, because such an
//! index would cost a write for every change. A search reads keys in the order of the existing
//! index, and its page ends after a bounded number of items, even if no key was found.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws::Deadline;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use limits::Caller;
use registry::{KeyFilter, KeyRecord, MIN_SCAN_ENTRIES, ScannedKey};
use store::{ReportedCaller, StoreError};

use crate::Shared;
use crate::keys::RESOURCE;
use crate::problem::{Mistake, Problem};

/// The most items that one page reads: keys, and the usage of keys.
pub(crate) const MAX_PAGE_READS: usize = 1_000;
/// The beginning of the parameters that select keys by their metadata.
pub(crate) const METADATA: &str = "metadata.";
/// The index entries of one step.
const STEP_ENTRIES: usize = 100;
/// How long the usage of up to [`STEP_ENTRIES`] keys may be read.
const USAGE_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the usage of a single key may be read.
const LAST_USE_READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The earliest day of `unused_since`, in days before today. Usage is kept for 400 days.
const MAX_UNUSED_DAYS: i32 = 366;

/// A search in progress.
pub(crate) struct KeySearch<'s> {
    shared: &'s Shared,
    filter: &'s KeyFilter,
    now: Timestamp,
    /// The items that the search may still read.
    reads_left: usize,
    /// When the search ends at the latest.
    end: Instant,
    /// True for the plans whose keys share their limits, or have shared them.
    has_shared: HashMap<String, bool>,
}

/// Keys that were found.
#[derive(Debug, Default)]
pub(crate) struct FoundKeys {
    pub(crate) keys: Vec<ScannedKey>,
    /// The id after which the search continues. `None` if it is complete.
    pub(crate) next: Option<String>,
}

impl<'s> KeySearch<'s> {
    /// Begins a search that reads up to `reads` items, and takes up to `time`.
    pub(crate) fn new(
        shared: &'s Shared,
        filter: &'s KeyFilter,
        now: Timestamp,
        reads: usize,
        time: Duration,
    ) -> Self {
        Self {
            shared,
            filter,
            now,
            reads_left: reads,
            end: Instant::now() + time,
            has_shared: HashMap::new(),
        }
    }

    /// Returns up to `limit` keys after an id. There may be fewer, or none, although the search is
    /// not complete.
    ///
    /// # Errors
    /// The store's failure.
    pub(crate) async fn page(
        &mut self,
        after: Option<String>,
        limit: usize,
    ) -> Result<FoundKeys, Problem> {
        let mut found = FoundKeys {
            keys: Vec::new(),
            next: after,
        };
        while found.keys.len() < limit && self.step_entries() >= MIN_SCAN_ENTRIES {
            let step = self.step(found.next.as_deref()).await?;
            let room = limit - found.keys.len();
            let is_cut = step.keys.len() > room;

            found.keys.extend(step.keys.into_iter().take(room));
            found.next = match found.keys.last().filter(|_| is_cut) {
                Some(last) => Some(last.stored.document.key.key_id.clone()),
                None => step.next,
            };
            if found.next.is_none() || self.is_over() {
                break;
            }
        }
        Ok(found)
    }

    /// Returns the number of items that the search may still read.
    pub(crate) fn reads_left(&self) -> usize {
        self.reads_left
    }

    /// Returns true if the time of the search is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// The index entries of the next step. The usage of a key is another item.
    fn step_entries(&self) -> usize {
        let items_of_key = 1 + usize::from(self.filter.unused_since.is_some());
        STEP_ENTRIES.min(self.reads_left / items_of_key)
    }

    /// Returns the next keys. Their number depends on the index.
    ///
    /// # Errors
    /// The store's failure.
    pub(crate) async fn step(&mut self, after: Option<&str>) -> Result<FoundKeys, Problem> {
        let scan = self
            .shared
            .admin()
            .scan_keys(self.filter.plan.as_deref(), after, self.step_entries())
            .await
            .map_err(|error| Problem::of_read(error, RESOURCE))?;
        self.reads_left = self.reads_left.saturating_sub(scan.items_read);

        let is_admitted = |key: &ScannedKey| self.filter.admits(&key.stored.document);
        let keys = scan.keys.into_iter().filter(is_admitted).collect();
        let found = FoundKeys {
            keys,
            next: scan.next,
        };
        match self.filter.unused_since {
            Some(since) => self.unused(found, since, after).await,
            None => Ok(found),
        }
    }

    /// Returns the keys without calls since a day. If the remaining reads do not suffice for all
    /// keys, the search continues after the last key that was decided.
    async fn unused(
        &mut self,
        mut found: FoundKeys,
        since: Date,
        after: Option<&str>,
    ) -> Result<FoundKeys, Problem> {
        let deadline = Deadline::after(Instant::now(), USAGE_READ_TIMEOUT);
        let mut callers = Vec::with_capacity(found.keys.len());
        for key in &found.keys {
            let record = &key.stored.document;
            let caller = self.reported_caller(record, deadline).await?;
            let reads = reads_of(&caller, since, today(self.now));
            let Some(left) = self.reads_left.checked_sub(reads) else {
                break;
            };
            self.reads_left = left;
            callers.push(caller);
        }

        if callers.len() < found.keys.len() {
            found.keys.truncate(callers.len());
            let last = found.keys.last();
            found.next = last
                .map(|key| key.stored.document.key.key_id.clone())
                .or(after.map(str::to_owned));
            self.reads_left = 0;
        }
        let last_used = self
            .shared
            .store
            .last_used(&callers, since, deadline)
            .await?;
        let mut is_unused = last_used.iter().map(Option::is_none);
        found.keys.retain(|_| is_unused.next().unwrap_or(false));
        Ok(found)
    }

    async fn reported_caller(
        &mut self,
        record: &KeyRecord,
        deadline: Deadline,
    ) -> Result<ReportedCaller, StoreError> {
        let plan = &record.key.plan;
        let has_shared = match self.has_shared.get(plan) {
            Some(has_shared) => *has_shared,
            None => {
                let has_shared = has_shared_limits(self.shared, plan, deadline).await?;
                self.reads_left = self.reads_left.saturating_sub(1);
                self.has_shared.insert(plan.clone(), has_shared);
                has_shared
            }
        };
        // A key that was changed may have left its group or a shared plan since. Earlier releases
        // record no instants.
        let may_have_changed =
            record.created_at.is_none() || record.updated_at != record.created_at;
        Ok(ReportedCaller {
            caller: Caller::Key(record.key.key_id.clone()),
            has_figures: has_shared || record.key.group.is_some() || may_have_changed,
        })
    }
}

/// Returns the last day with a call of a key, within the last 366 days.
///
/// # Errors
/// The store's failure.
pub(crate) async fn last_used(
    shared: &Shared,
    record: &KeyRecord,
    now: Timestamp,
) -> Result<Option<Date>, StoreError> {
    let filter = KeyFilter::default();
    let mut search = KeySearch::new(shared, &filter, now, 0, Duration::ZERO);
    let deadline = Deadline::after(Instant::now(), LAST_USE_READ_TIMEOUT);
    let caller = search.reported_caller(record, deadline).await?;

    let days = shared
        .store
        .last_used(&[caller], earliest_day(now), deadline)
        .await?;
    Ok(days.into_iter().next().flatten())
}

/// Returns a mistake if the usage since this day is not known. `expected` begins the sentence.
pub(crate) fn unused_since_mistake(day: Date, now: Timestamp) -> Option<String> {
    let (earliest, today) = (earliest_day(now), today(now));
    let is_valid = (earliest..=today).contains(&day);
    (!is_valid).then(|| format!("expected a day from `{earliest}` to `{today}`"))
}

/// Returns the mistakes of a filter that depend on the time, by the name of the parameter.
pub(crate) fn parameter_mistakes(filter: &KeyFilter, now: Timestamp) -> Vec<Mistake> {
    let detail = filter
        .unused_since
        .and_then(|day| unused_since_mistake(day, now));
    let mistake = detail.map(|detail| Mistake::in_parameter("unused_since", detail));
    mistake.into_iter().collect()
}

/// Returns true if calls were charged to the plan itself, now or before the plan was changed. Its
/// usage is kept for 400 days after the last call, and therefore longer than [`MAX_UNUSED_DAYS`].
async fn has_shared_limits(
    shared: &Shared,
    plan: &str,
    deadline: Deadline,
) -> Result<bool, StoreError> {
    let plan = Caller::Plan(plan.into());
    shared.store.has_usage(&plan, deadline).await
}

/// Returns the most items that the last use of a caller reads: its own item, and for figures one for
/// each month.
fn reads_of(caller: &ReportedCaller, since: Date, today: Date) -> usize {
    let months = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
    let of_months = usize::try_from(months(today) - months(since) + 1).unwrap_or_default();
    if caller.has_figures { 1 + of_months } else { 1 }
}

fn today(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn earliest_day(now: Timestamp) -> Date {
    today(now).saturating_sub(jiff::Span::new().days(MAX_UNUSED_DAYS))
}
