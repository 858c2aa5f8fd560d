//! Reports: what an item and its history say of a caller's days.
//!
//! IAM: dynamodb:BatchGetItem on UsageTable key#*, sub#*, cert#*, ip#*, plan#*, group#*, history#*

use std::collections::HashMap;
use std::time::Instant;

use aws::Deadline;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::civil::Date;
use tokio::time::{sleep, timeout_at};

use crate::partition_keys::HISTORY;
use limits::Days;
use limits::{Caller, Nanos, Usage};

use super::tidy::{has_history, history_suffix};
use super::usage_item::{self, UsageItem};
use super::usage_table::UsageTable;
use dynamodb::{Attempt, Outage, permit, settle};

/// What the items of a caller say.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Its buckets and windows.
    pub(super) usage: Usage,
    /// Units that were charged to the caller itself, by day.
    charged: HashMap<Date, u64>,
    /// Units of the caller that were charged to another one, by day.
    figures: HashMap<Date, i64>,
    /// True if there is anything about the caller.
    pub(super) is_recorded: bool,
}

impl History {
    /// Takes over the days of another item.
    fn merge(&mut self, item: &UsageItem) {
        self.is_recorded |= !item.days.is_empty();
        for (day, units) in &item.days {
            self.charged.entry(*day).or_insert(*units);
        }
        self.add(&item.figures);
    }

    /// Adds figures, such as those that are not written yet.
    pub(super) fn add(&mut self, figures: &[(Date, i64)]) {
        self.is_recorded |= !figures.is_empty();
        for (day, units) in figures {
            let sum = self.figures.entry(*day).or_default();
            *sum = sum.saturating_add(*units);
        }
    }

    /// All units of a day.
    pub(super) fn units(&self, day: Date) -> u64 {
        let charged = self.charged.get(&day).copied().unwrap_or_default();
        charged.saturating_add_signed(self.figures.get(&day).copied().unwrap_or_default())
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
        for month in self.read_all(ids, deadline).await? {
            history.merge(&month);
        }
        Ok(history)
    }

    /// Those of the items that exist, of at most 100 different ones. What DynamoDB leaves out
    /// because of a throttle is asked for again until the deadline.
    async fn read_all(
        &self,
        ids: Vec<String>,
        deadline: Deadline,
    ) -> Result<Vec<UsageItem>, Outage> {
        let key = |id| HashMap::from([(usage_item::KEY.to_owned(), AttributeValue::S(id))]);
        let mut keys: Vec<_> = ids.into_iter().map(key).collect();
        let (mut items, mut attempt) = (Vec::new(), 1);

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
    ) -> Result<(Vec<UsageItem>, Vec<Key>), Outage> {
        // Keys alone, so that it can be built.
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build();
        let Ok(asked) = asked else {
            return Ok((Vec::new(), Vec::new()));
        };
        let permit = permit(self.breaker(), deadline)?;
        let request = self
            .client()
            .batch_get_item()
            .request_items(self.table(), asked)
            .send();

        let outcome = timeout_at(deadline.instant().into(), request).await.ok();
        let output = settle(permit, outcome, Attempt::First)?;
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
            found.iter().map(usage_item::read).collect(),
            rest.map(|rest| rest.keys).unwrap_or_default(),
        ))
    }
}

/// An item's key as the SDK has it.
type Key = HashMap<String, AttributeValue>;
