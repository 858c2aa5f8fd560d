//! Reports: what an item and its history say of a caller's days.

use std::collections::HashMap;

use calls::Deadline;
use jiff::civil::Date;

use crate::usage_report::Days;
use crate::{Caller, Usage};

use super::outage::Outage;
use super::tidy::history_suffix;
use super::usage_table::UsageTable;

impl UsageTable {
    /// Usage as it stands, and what was charged on those of the days on which anything was. A month's days are in an
    /// item of their own once they are past, or here and there at once while they are moved: they say the same.
    pub(super) async fn report(
        &self,
        caller: &Caller,
        days: Days,
        deadline: Deadline,
    ) -> Result<(Usage, HashMap<Date, u64>), Outage> {
        let id = caller.to_string();
        let item = self.read(&id, deadline).await?;
        let mut charged: HashMap<Date, u64> = item.days.iter().copied().collect();
        for month in days.months() {
            let history = self.read(&format!("history#{id}{}", history_suffix(month)), deadline).await?;
            for (day, calls) in history.days {
                charged.entry(day).or_insert(calls);
            }
        }
        Ok((item.usage, charged))
    }
}
