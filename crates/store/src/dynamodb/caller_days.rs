//! Reads of the usage of many callers, in batches of 100 items.
//!
//! A caller's item has its recent days and the months, its history items have the other days and its
//! figures. Days are copied to a history item before they leave the caller's item, so all callers'
//! items are read before any history item.
//!
//! IAM through reporting.rs: dynamodb:BatchGetItem on UsageTable history#*

use std::collections::HashMap;

use aws::Deadline;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;

use crate::figures::Figures;
use crate::partition_keys::HISTORY;
use crate::{CallerDays, ReportedCaller};
use dynamodb::Outage;
use limits::{Caller, Days, Nanos};

use super::reporting::History;
use super::tidy::{has_history, history_suffix, keeps_month};
use super::usage_item::UsageItem;
use super::usage_table::UsageTable;

/// The most items of one request. DynamoDB has the same limit.
const MAX_BATCH_ITEMS: usize = 100;
/// The requests that are made at the same time.
const CONCURRENT_REQUESTS: usize = 8;

/// Items by the text of their partition key.
type Items = HashMap<String, UsageItem>;

/// The items of many callers.
struct CallerItems {
    own: Items,
    histories: Items,
    months: Vec<Date>,
}

impl CallerItems {
    /// Returns the history of a caller, with the figures that are not written yet.
    fn history(&self, caller: &Caller, figures: &Figures) -> History {
        let mut history = History::default();
        history.merge_all(self.own.get(&caller.to_string()).into_iter());
        let of_months = self
            .months
            .iter()
            .filter_map(|month| self.histories.get(&history_id(caller, *month)));
        history.merge_all(of_months);

        history.add(&figures.pending(caller));
        history
    }
}

impl UsageTable {
    /// Returns the usage of each caller on `days`: one item per caller and one per month with a
    /// history.
    pub(super) async fn caller_days(
        &self,
        callers: &[Caller],
        days: Days,
        figures: &Figures,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Vec<CallerDays>, Outage> {
        let months: Vec<Date> = days
            .months()
            .into_iter()
            .filter(|month| has_history(*month, now))
            .collect();
        let items = self
            .caller_items(callers, callers, months, deadline)
            .await?;

        let days_of = |caller| {
            let history = items.history(caller, figures);
            CallerDays::new(days.iter().map(|day| history.day(day)), history.is_recorded)
        };
        Ok(callers.iter().map(days_of).collect())
    }

    /// Returns the calls of each caller in `month`, named by its first day. Reads one item per
    /// caller: its own item, or the history item of the month if its calls are figures. A caller that
    /// changed from one to the other within the month has the calls since. For a month that the
    /// callers' items do not count any more, both items are read.
    pub(super) async fn month_calls(
        &self,
        callers: &[ReportedCaller],
        month: Date,
        figures: &Figures,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Vec<u64>, Outage> {
        if !keeps_month(month, now) {
            return self
                .calls_of_past_month(callers, month, figures, now, deadline)
                .await;
        }

        let id = |reported: &ReportedCaller| match reported.has_figures {
            true => history_id(&reported.caller, month),
            false => reported.caller.to_string(),
        };
        let ids = callers.iter().map(id).collect();
        let items = self.items(ids, deadline).await?;

        let calls = |reported: &ReportedCaller| {
            let item = items.get(&id(reported));
            if reported.has_figures {
                let mut history = History::default();
                history.merge_all(item.into_iter());
                history.add(&figures.pending(&reported.caller));
                return history.calls_in(month);
            }
            item.map_or(0, |item| item.calls_in(month))
        };
        Ok(callers.iter().map(calls).collect())
    }

    async fn calls_of_past_month(
        &self,
        callers: &[ReportedCaller],
        month: Date,
        figures: &Figures,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Vec<u64>, Outage> {
        let all: Vec<Caller> = callers
            .iter()
            .map(|reported| reported.caller.clone())
            .collect();
        let Some(days) = Days::new(month, month.last_of_month()) else {
            return Ok(vec![0; all.len()]);
        };

        let usage = self.caller_days(&all, days, figures, now, deadline).await?;
        Ok(usage.iter().map(CallerDays::calls).collect())
    }

    /// Returns the last day of each caller with a charged call, if it is `since` or later. Reads one
    /// item per caller, and the history items since then if its calls are figures.
    pub(super) async fn last_used(
        &self,
        callers: &[ReportedCaller],
        since: Date,
        figures: &Figures,
        now: Nanos,
        deadline: Deadline,
    ) -> Result<Vec<Option<Date>>, Outage> {
        let months: Vec<Date> = std::iter::successors(Some(since.first_of_month()), |month| {
            month.last_of_month().tomorrow().ok()
        })
        .take_while(|month| has_history(*month, now))
        .collect();
        let all: Vec<Caller> = callers
            .iter()
            .map(|reported| reported.caller.clone())
            .collect();
        let with_figures: Vec<Caller> = callers
            .iter()
            .filter(|reported| reported.has_figures)
            .map(|reported| reported.caller.clone())
            .collect();
        let items = self
            .caller_items(&all, &with_figures, months, deadline)
            .await?;

        let last = |caller| {
            let last = items.history(caller, figures).last_used();
            last.filter(|day| *day >= since)
        };
        Ok(all.iter().map(last).collect())
    }

    /// Reads the items of `callers`, and then the history items that `archived` callers have for the
    /// months.
    async fn caller_items(
        &self,
        callers: &[Caller],
        archived: &[Caller],
        months: Vec<Date>,
        deadline: Deadline,
    ) -> Result<CallerItems, Outage> {
        let own = callers.iter().map(Caller::to_string).collect();
        let histories = archived
            .iter()
            .flat_map(|caller| months.iter().map(|month| history_id(caller, *month)))
            .collect();

        let own = self.items(own, deadline).await?;
        let histories = self.items(histories, deadline).await?;
        Ok(CallerItems {
            own,
            histories,
            months,
        })
    }

    /// Returns those of the items that exist.
    async fn items(&self, mut ids: Vec<String>, deadline: Deadline) -> Result<Items, Outage> {
        ids.sort_unstable();
        ids.dedup();

        let batches: Vec<Vec<String>> = ids.chunks(MAX_BATCH_ITEMS).map(<[_]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.read_all(batch, deadline))
            .buffer_unordered(CONCURRENT_REQUESTS)
            .try_fold(Items::new(), |mut all, found| async move {
                all.extend(found);
                Ok(all)
            })
            .await
    }
}

fn history_id(caller: &Caller, month: Date) -> String {
    format!("{HISTORY}{caller}{}", history_suffix(month))
}
