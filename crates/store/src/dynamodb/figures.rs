//! Writes of reporting figures: additions to the history item of a caller's month.
//!
//! IAM through usage_table.rs: dynamodb:UpdateItem on UsageTable history#*

use std::collections::BTreeMap;

use aws::Deadline;
use aws::timeouts::MIN_CALL_TIME;
use futures_util::future::join_all;
use jiff::civil::Date;
use tokio::time::Instant;

use crate::Call;
use crate::figures::{Addition, DayFigures, Figures};
use crate::partition_keys::HISTORY;
use limits::{Decision, Nanos, SECOND};

use super::charging::KEY_USAGE_LIFETIME;
use super::expression::Clause;
use super::tidy::history_suffix;
use super::usage_item::{self, figure_name};
use super::usage_table::UsageTable;
use dynamodb::Outage;

/// The greatest number of series that one request writes. Each series was begun by a request of its
/// own, so that no backlog grows.
const SERIES_PER_REQUEST: usize = 4;
/// The greatest number of series that are written concurrently at shutdown.
const SERIES_AT_SHUTDOWN: usize = 32;

impl UsageTable {
    /// Counts a decision for the caller of the request. A charge counts if the limits of another
    /// caller were charged, because the charge itself counts otherwise. Then writes the series that
    /// are due, unless the call was refused or the store has just failed to respond.
    pub(super) async fn report_decision(
        &self,
        figures: &Figures,
        call: &Call<'_>,
        decision: &Decision,
        now: Nanos,
    ) {
        count_decision(figures, call, decision, now);
        if decision.is_charged()
            && figures.is_due(now)
            && call.deadline.remaining(Instant::now().into_std()) > 2 * MIN_CALL_TIME
        {
            self.write_figures(
                figures,
                figures.take_due(now, SERIES_PER_REQUEST),
                now,
                call.deadline,
            )
            .await;
        }
    }

    /// Writes all figures, due or not.
    pub(super) async fn write_all_figures(
        &self,
        figures: &Figures,
        now: Nanos,
        deadline: Deadline,
    ) {
        while deadline.remaining(Instant::now().into_std()) > 2 * MIN_CALL_TIME {
            let additions = figures.take_any(now, SERIES_AT_SHUTDOWN);
            if additions.is_empty() {
                return;
            }
            // Otherwise a series that is put back would be taken again and again.
            if !self.write_figures(figures, additions, now, deadline).await {
                return;
            }
        }
    }

    /// Returns true if all additions were written.
    async fn write_figures(
        &self,
        figures: &Figures,
        additions: Vec<Addition>,
        now: Nanos,
        deadline: Deadline,
    ) -> bool {
        let written = additions
            .iter()
            .map(|addition| self.write_addition(figures, addition, now, deadline));
        join_all(written)
            .await
            .into_iter()
            .all(|is_written| is_written)
    }

    async fn write_addition(
        &self,
        figures: &Figures,
        addition: &Addition,
        now: Nanos,
        deadline: Deadline,
    ) -> bool {
        let mut is_written = true;
        for (suffix, days) in months(&addition.days) {
            let id = format!("{HISTORY}{}{suffix}", addition.caller);
            if let Err(outage) = self.write(&id, &clauses(&days, now), deadline).await {
                is_written = false;
                failed(
                    figures,
                    Addition {
                        caller: addition.caller.clone(),
                        days,
                    },
                    outage,
                    now,
                );
            }
        }
        is_written
    }
}

fn count_decision(figures: &Figures, call: &Call<'_>, decision: &Decision, now: Nanos) {
    let day = call.plan.report_day(now);
    let Some(day) = day.filter(|_| call.caller.has_reports() && call.cost > 0) else {
        return;
    };

    if decision.is_refusal() && !call.plan.shadow {
        figures.add(call.caller, day, DayFigures::REFUSAL, now);
    } else if decision.is_charged() && call.charged() != call.caller {
        figures.add(call.caller, day, DayFigures::of_call(call.cost), now);
    } else if decision.is_charged() {
        figures.note_charge(call.caller, now);
    }
}

/// Puts back what certainly was not added. What may have been added is dropped, because a report
/// must not count it twice.
fn failed(figures: &Figures, addition: Addition, outage: Outage, now: Nanos) {
    let units = |(_, figures): &(Date, DayFigures)| figures.units;
    let (reason, error) = (&*outage.reason, outage.to_string());
    let units = addition.days.iter().map(units).sum::<i64>();
    if outage.was_not_applied {
        figures.put_back(&addition, now);
        tracing::debug!(
            reason,
            error,
            units,
            "a reporting figure will be written later"
        );
    } else {
        tracing::warn!(
            reason,
            error,
            units,
            "a reporting figure may be lost: the outcome of its write is unknown"
        );
    }
}

/// Returns the days of each month, by the suffix of the history item's key.
fn months(days: &[(Date, DayFigures)]) -> BTreeMap<String, Vec<(Date, DayFigures)>> {
    let mut months: BTreeMap<String, Vec<(Date, DayFigures)>> = BTreeMap::new();
    for (day, figures) in days {
        months
            .entry(history_suffix(*day))
            .or_default()
            .push((*day, *figures));
    }
    months
}

fn clauses(days: &[(Date, DayFigures)], now: Nanos) -> Vec<Clause> {
    let mut clauses = vec![
        Clause::Set {
            attribute: usage_item::VERSION.to_owned(),
            to: usage_item::FORM,
        },
        Clause::Set {
            attribute: usage_item::EXPIRY.to_owned(),
            to: (now + KEY_USAGE_LIFETIME) / SECOND,
        },
    ];
    clauses.extend(days.iter().flat_map(|(day, figures)| added(*day, *figures)));
    clauses
}

/// Returns the counters of a day that change.
fn added(day: Date, figures: DayFigures) -> impl Iterator<Item = Clause> {
    let counts = [
        ('r', figures.units),
        ('f', figures.extra),
        ('x', figures.refused),
    ];
    counts
        .into_iter()
        .filter(|(_, by)| *by != 0)
        .map(move |(letter, by)| Clause::Count {
            attribute: figure_name(letter, day),
            by: Nanos::from(by),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use limits::Caller;

    fn addition() -> Addition {
        let days = vec![
            (date(2026, 11, 30), DayFigures::of_call(2)),
            (date(2026, 12, 1), DayFigures::of_call(3)),
            (date(2026, 12, 2), DayFigures::REFUSAL),
        ];
        Addition {
            caller: Caller::Key("k".to_owned()),
            days,
        }
    }

    #[test]
    fn days_of_two_months_go_to_two_items() {
        let months: Vec<_> = months(&addition().days)
            .into_iter()
            .map(|(suffix, days)| (suffix, days.len()))
            .collect();
        assert_eq!(
            months,
            [("#202611".to_owned(), 1), ("#202612".to_owned(), 2)]
        );
    }

    #[test]
    fn only_an_addition_that_certainly_was_not_made_is_repeated() {
        let figures = Figures::default();
        failed(&figures, addition(), Outage::DEADLINE, 0);
        assert_eq!(figures.pending(&addition().caller), []);
        failed(&figures, addition(), Outage::CONFLICT, 0);
        assert_eq!(figures.pending(&addition().caller), addition().days);
    }
}
