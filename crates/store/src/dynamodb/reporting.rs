//! Reports: what an item and its history say of a caller's days.
//!
//! IAM: dynamodb:BatchGetItem on UsageTable key#*, sub#*, cert#*, ip#*, plan#*, group#*, history#*

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use aws::Deadline;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::civil::Date;
use tokio::time::{sleep, timeout_at};

use crate::figures::DayFigures;
use crate::partition_keys::HISTORY;
use limits::{Caller, Nanos, Usage};
use limits::{DayUsage, Days};

use super::tidy::{has_history, history_suffix};
use super::usage_item::{self, UsageItem};
use super::usage_table::UsageTable;
use dynamodb::{Attempt, Call, Outage};

/// What the items of a caller say.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Its buckets and windows.
    pub(super) usage: Usage,
    /// Units that were charged to the caller itself, by day.
    charged: HashMap<Date, u64>,
    /// These units less the calls, by day.
    extra: HashMap<Date, i64>,
    /// Figures of the caller, by day.
    figures: HashMap<Date, DayFigures>,
    /// True if there is anything about the caller.
    pub(super) is_recorded: bool,
}

impl History {
    /// Takes over the days of several items, the caller's own item first.
    pub(super) fn merge_all<'i>(&mut self, items: impl Iterator<Item = &'i UsageItem>) {
        for item in items {
            self.is_recorded |= !item.parts.is_empty();
            self.merge(item);
        }
    }

    /// Takes over the days of another item.
    fn merge(&mut self, item: &UsageItem) {
        self.is_recorded |= !item.days.is_empty();
        for (day, units) in &item.days {
            self.charged.entry(*day).or_insert(*units);
        }
        for (day, units) in &item.extra {
            self.extra.entry(*day).or_insert(*units);
        }
        self.add(&item.figures);
    }

    /// Adds figures, such as those that are not written yet.
    pub(super) fn add(&mut self, figures: &[(Date, DayFigures)]) {
        self.is_recorded |= !figures.is_empty();
        for (day, figures) in figures {
            self.figures.entry(*day).or_default().add(*figures);
        }
    }

    /// Returns the calls in the month of `month`.
    pub(super) fn calls_in(&self, month: Date) -> u64 {
        let is_in = |day: &Date| day.first_of_month() == month.first_of_month();
        let days = self.dates().into_iter().filter(is_in);
        days.fold(0, |sum, day| sum.saturating_add(self.day(day).calls))
    }

    /// Returns the last day with a charged call.
    pub(super) fn last_used(&self) -> Option<Date> {
        let mut days = self.dates().into_iter().rev();
        days.find(|day| self.day(*day).calls > 0)
    }

    fn dates(&self) -> BTreeSet<Date> {
        self.charged
            .keys()
            .chain(self.figures.keys())
            .copied()
            .collect()
    }

    /// All usage of a day.
    pub(super) fn day(&self, date: Date) -> DayUsage {
        let charged = self.charged.get(&date).copied().unwrap_or_default();
        let figures = self.figures.get(&date).copied().unwrap_or_default();
        let extra = self.extra.get(&date).copied().unwrap_or_default();

        let units = charged.saturating_add_signed(figures.units);
        let extra = extra.saturating_add(figures.extra);
        DayUsage {
            date,
            units,
            calls: units.saturating_add_signed(extra.saturating_neg()),
            refused: u64::try_from(figures.refused).unwrap_or(0),
        }
    }
}

impl UsageTable {
    /// The caller's usage, and its units per day. Two requests: the caller's item, and the history
    /// items of all months of `days` that have begun. Days move to a history item once they are
    /// past. Until they leave the caller's item, both have them, because the copy is written first;
    /// so the caller's item is read first. Units that were charged to another caller, such as the
    /// plan, are in the history items alone, so that the present month has one as well.
    pub(super) async fn report(
        &self,
        caller: &Caller,
        days: Days,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<History, Outage> {
        let id = caller.to_string();
        let item = self.read(&id, deadline).await?;
        let mut history = History {
            is_recorded: !item.parts.is_empty(),
            ..History::default()
        };
        history.merge(&item);
        history.usage = item.usage;

        let months = days
            .months()
            .into_iter()
            .filter(|month| has_history(*month, now));
        let ids = months
            .map(|month| format!("{HISTORY}{id}{}", history_suffix(month)))
            .collect();
        for month in self.read_all(ids, deadline).await?.values() {
            history.merge(month);
        }
        Ok(history)
    }

    /// Those of the items that exist, of at most 100 different ones, by their ids. What DynamoDB
    /// leaves out because of a throttle is asked for again until the deadline.
    pub(super) async fn read_all(
        &self,
        ids: Vec<String>,
        deadline: Deadline,
    ) -> Result<HashMap<String, UsageItem>, Outage> {
        let key = |id| HashMap::from([(usage_item::KEY.to_owned(), AttributeValue::S(id))]);
        let mut keys: Vec<_> = ids.into_iter().map(key).collect();
        let (mut items, mut attempt) = (HashMap::new(), 1);

        while !keys.is_empty() {
            let (found, rest) = self.read_batch(keys, deadline).await?;
            items.extend(found);
            keys = rest;
            if keys.is_empty() {
                break;
            }

            let remaining = deadline.remaining(Instant::now());
            let wait = aws::retry::pause(attempt, None, remaining, fastrand::f64())
                .ok_or(Outage::DEADLINE)?;
            sleep(wait).await;
            attempt += 1;
        }
        Ok(items)
    }

    /// What was found, and the keys that were not looked for.
    async fn read_batch(
        &self,
        keys: Vec<Key>,
        deadline: Deadline,
    ) -> Result<(Vec<(String, UsageItem)>, Vec<Key>), Outage> {
        // Keys alone, so that it can be built.
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build();
        let Ok(asked) = asked else {
            return Ok((Vec::new(), Vec::new()));
        };
        let call = Call::begin("BatchGetItem", self.table(), self.breaker(), deadline)?;
        let request = self
            .client()
            .batch_get_item()
            .request_items(self.table(), asked)
            .send();

        let outcome = timeout_at(deadline.instant().into(), request).await.ok();
        let output = call.settle(outcome, Attempt::First)?;
        let found = output
            .responses
            .unwrap_or_default()
            .remove(self.table())
            .unwrap_or_default();
        let rest = output
            .unprocessed_keys
            .unwrap_or_default()
            .remove(self.table());
        Ok((
            found.iter().filter_map(named).collect(),
            rest.map(|rest| rest.keys).unwrap_or_default(),
        ))
    }
}

/// Returns an item with its id.
fn named(attributes: &HashMap<String, AttributeValue>) -> Option<(String, UsageItem)> {
    let id = attributes.get(usage_item::KEY)?.as_s().ok()?;
    Some((id.clone(), usage_item::read(attributes)))
}

/// An item's key as the SDK has it.
type Key = HashMap<String, AttributeValue>;
