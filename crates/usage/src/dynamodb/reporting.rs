//! Reports: what an item and its history say of a caller's days.
//!
//! IAM: dynamodb:BatchGetItem on UsageTable history#*

use std::collections::HashMap;
use std::time::Instant;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use calls::Deadline;
use jiff::civil::Date;
use tokio::time::{sleep, timeout_at};

use crate::partition_keys::HISTORY;
use crate::usage_report::Days;
use crate::{Caller, Nanos, Usage};

use super::outage::{Outage, permit, settle};
use super::tidy::{has_history, history_suffix};
use super::usage_item::{self, UsageItem};
use super::usage_table::UsageTable;

impl UsageTable {
    /// Usage as it stands, and what was charged on those of the days on which anything was. Two requests at most: the
    /// item, and all months of `days` that may have an item of their own. A month's days are moved there once they are
    /// past. Meanwhile both items have them, because the copy is written first; so the caller's item is read first.
    pub(super) async fn report(
        &self,
        caller: &Caller,
        days: Days,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<(Usage, HashMap<Date, u64>), Outage> {
        let id = caller.to_string();
        let item = self.read(&id, deadline).await?;
        let mut charged: HashMap<Date, u64> = item.days.iter().copied().collect();

        let months = days.months().into_iter().filter(|month| has_history(*month, now));
        let ids = months.map(|month| format!("{HISTORY}{id}{}", history_suffix(month))).collect();
        for history in self.read_all(ids, deadline).await? {
            for (day, calls) in history.days {
                charged.entry(day).or_insert(calls);
            }
        }
        Ok((item.usage, charged))
    }

    /// Those of the items that exist, of at most 100 different ones. What DynamoDB leaves out because of a throttle is
    /// asked for again until the deadline.
    async fn read_all(&self, ids: Vec<String>, deadline: Deadline) -> Result<Vec<UsageItem>, Outage> {
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
            let wait = calls::retry::pause(attempt, None, remaining, fastrand::f64()).ok_or(Outage::DEADLINE)?;
            sleep(wait).await;
            attempt += 1;
        }
        Ok(items)
    }

    /// What was found, and the keys that were not looked for.
    async fn read_batch(&self, keys: Vec<Key>, deadline: Deadline) -> Result<(Vec<UsageItem>, Vec<Key>), Outage> {
        // Keys alone, so that it can be built.
        let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let Ok(asked) = asked else { return Ok((Vec::new(), Vec::new())) };
        let permit = permit(self.breaker(), deadline)?;
        let request = self.client().batch_get_item().request_items(self.table(), asked).send();

        let outcome = timeout_at(deadline.instant().into(), request).await.ok();
        let output = settle(permit, outcome)?;
        let found = output.responses.unwrap_or_default().remove(self.table()).unwrap_or_default();
        let rest = output.unprocessed_keys.unwrap_or_default().remove(self.table());
        Ok((found.iter().map(usage_item::read).collect(), rest.map(|rest| rest.keys).unwrap_or_default()))
    }
}

/// An item's key as the SDK has it.
type Key = HashMap<String, AttributeValue>;
