//! Parts that are removed from a usage item to keep it below 1 KB: buckets of former plans, windows
//! that have ended, and past days, which move to a history item for reports.
//!
//! These are two additional writes, about once per two weeks and caller, and more often if the item is
//! large or the plan has a quota per hour. They are never parts of the charge, because their
//! conditions must not refuse a call.

use jiff::civil::Date;

use limits::day_of;
use limits::{Nanos, SECOND};

use super::expression::Clause;
use super::usage_item::{self, Part, UsageItem, day_name, extra_name, month_name};

/// The number of outdated parts that may stay.
pub(super) const STALE_PARTS: usize = 4;
/// The size from which an item keeps no outdated part and no past day, in bytes. The rest of the
/// kilobyte is for what is added before the next look.
const LARGE_ITEM_BYTES: usize = 768;
/// How long an ended hour stays: longer than clocks are wrong that were compared with the store's.
const STALE_HOUR_AFTER: Nanos = 3600 * SECOND;
/// How long another outdated part stays: longer than any clock is wrong.
const STALE_AFTER: Nanos = 2 * 86_400 * SECOND;
/// The shortest interval between two looks of an instance at an item.
const PAUSE: Nanos = 3600 * SECOND;
/// The number of past days that may stay.
const PAST_DAYS: usize = 16;
/// The greatest number of days of an item: those, today, and the two days before.
#[cfg(test)]
pub(super) const MAX_DAYS_PER_ITEM: usize = PAST_DAYS + 3;
/// How long the days of a month are kept.
const HISTORY: Nanos = 400 * 86_400 * SECOND;

/// The cleanup of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleanup {
    /// The write of the history item, which comes first, with the suffix of its key (`#202611`).
    pub(super) history: Option<(String, Vec<Clause>)>,
    /// The removals from the usage item.
    pub(super) removals: Vec<Clause>,
}

/// Returns `None` if the item needs no cleanup or had one within the hour.
pub(super) fn tidying(item: &UsageItem, now: Nanos, last: Option<Nanos>) -> Option<Cleanup> {
    if last.is_some_and(|last| now - last < PAUSE) {
        return None;
    }
    let stale: Vec<Clause> = item
        .parts
        .iter()
        .filter_map(|(name, part)| removal(item, name, part, now))
        .collect();
    let past = past_days(item, now);
    let is_large = item.size > LARGE_ITEM_BYTES && !stale.is_empty();
    if past.is_empty() && stale.len() <= STALE_PARTS && !is_large {
        return None;
    }
    let mut tidying = Cleanup {
        history: None,
        removals: stale,
    };
    tidying.removals.extend(past_months(item, now));
    if !past.is_empty() {
        tidying.archive(&past, item, now);
    }
    Some(tidying)
}

fn removal(item: &UsageItem, name: &str, part: &Part, now: Nanos) -> Option<Clause> {
    let (over, most) = match part {
        Part::Bucket(_, tat) => (*tat, *tat),
        // With its bucket, whose number every charge moves past the present.
        Part::Pair(_, bucket, number) => (ceiling(item, *bucket).unwrap_or(*number), *number),
        Part::Slot(_, value) => (*value + limits::SLOT_LIFETIME, *value),
        Part::Window(count) => (count.end, Nanos::from(count.net)),
        Part::GrantedCalls(granted) => (granted.end, Nanos::from(granted.amount)),
        Part::Mark(mark) => (mark.end, Nanos::from(mark.calls)),
    };
    let stale_after = if is_hour(part) {
        STALE_HOUR_AFTER
    } else {
        STALE_AFTER
    };
    // A charge since then has written a greater value, so that the condition keeps it.
    (over + stale_after <= now).then(|| Clause::Remove {
        attribute: name.to_owned(),
        most,
    })
}

fn ceiling(item: &UsageItem, bucket: u64) -> Option<Nanos> {
    item.parts.iter().find_map(|(_, part)| match part {
        Part::Bucket(id, ceiling) if *id == bucket => Some(*ceiling),
        _ => None,
    })
}

fn is_hour(part: &Part) -> bool {
    let window = match part {
        Part::Window(count) => count.window,
        Part::GrantedCalls(granted) => granted.window,
        Part::Mark(mark) => mark.window,
        Part::Bucket(..) | Part::Pair(..) | Part::Slot(..) => return false,
    };
    window.calendar.hour().is_some()
}

/// Returns the days to move: those of the oldest month, once many of them, or the month itself,
/// ended two days ago.
fn past_days(item: &UsageItem, now: Nanos) -> Vec<(Date, u64)> {
    let Some(kept) = day_of(now - STALE_AFTER) else {
        return Vec::new();
    };
    let past = item.days.iter().copied().filter(|(day, _)| *day < kept);
    let Some(month) = past.clone().map(|(day, _)| day.first_of_month()).min() else {
        return Vec::new();
    };
    let due = past.clone().count() > PAST_DAYS
        || month < kept.first_of_month()
        || item.size > LARGE_ITEM_BYTES;
    past.filter(|(day, _)| due && day.first_of_month() == month)
        .collect()
}

/// Returns the removals of months before the previous one, which no report reads from the item.
fn past_months(item: &UsageItem, now: Nanos) -> Vec<Clause> {
    let months = item
        .months
        .iter()
        .filter(|(month, _)| !keeps_month(*month, now));
    months
        .map(|(month, calls)| Clause::Remove {
            attribute: month_name(*month),
            most: Nanos::from(*calls),
        })
        .collect()
}

/// True if the item of a caller has the counter of `month`, named by its first day.
pub(super) fn keeps_month(month: Date, now: Nanos) -> bool {
    let previous = day_of(now - STALE_AFTER).and_then(|day| day.first_of_month().yesterday().ok());
    previous.is_none_or(|day| month >= day.first_of_month())
}

impl Cleanup {
    /// `days` are of one month.
    fn archive(&mut self, days: &[(Date, u64)], item: &UsageItem, now: Nanos) {
        let mut clauses = vec![
            Clause::Set {
                attribute: usage_item::VERSION.to_owned(),
                to: usage_item::FORM,
            },
            Clause::Set {
                attribute: usage_item::EXPIRY.to_owned(),
                to: (now + HISTORY) / SECOND,
            },
        ];
        let units = days
            .iter()
            .map(|(day, count)| (day_name(*day), Nanos::from(*count)));
        let extra = item
            .extra
            .iter()
            .filter(|(day, _)| days.iter().any(|(moved, _)| moved == day))
            .map(|(day, count)| (extra_name(*day), Nanos::from(*count)));
        for (attribute, count) in units.chain(extra) {
            clauses.push(Clause::Set {
                attribute: attribute.clone(),
                to: count,
            });
            self.removals.push(Clause::Remove {
                attribute,
                most: count,
            });
        }
        self.history = days.first().map(|(day, _)| (history_suffix(*day), clauses));
    }
}

/// Returns true if `month`, named by its first day, may have a history item by `now`. Clocks of
/// instances differ by less than [`STALE_AFTER`], so that a month is read a little before it
/// begins.
pub(super) fn has_history(month: Date, now: Nanos) -> bool {
    day_of(now + STALE_AFTER).is_none_or(|day| month <= day)
}

/// Returns the suffix of the key of the history item of a month.
pub(super) fn history_suffix(day: Date) -> String {
    format!("#{:04}{:02}", day.year(), day.month())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use limits::Usage;

    /// 2026-12-05T00:00:00Z
    const NOW: Nanos = 1_796_428_800 * SECOND;

    fn with_buckets(stale: u64) -> UsageItem {
        let tats: Vec<(u64, Nanos)> = (0..stale)
            .map(|id| (id, NOW - STALE_AFTER))
            .chain([(99, NOW - SECOND)])
            .collect();
        let parts = tats
            .iter()
            .map(|(id, tat)| (usage_item::bucket_name(*id), Part::Bucket(*id, *tat)))
            .collect();
        UsageItem {
            usage: Usage::new(tats, Vec::new()),
            parts,
            ..UsageItem::default()
        }
    }

    #[test]
    fn a_few_stale_parts_stay_and_more_go_at_once() {
        assert_eq!(tidying(&with_buckets(4), NOW, None), None);
        let tidying = tidying(&with_buckets(5), NOW, None).unwrap();
        assert_eq!((tidying.history, tidying.removals.len()), (None, 5));
    }

    #[test]
    fn an_item_is_looked_after_once_an_hour() {
        assert_eq!(tidying(&with_buckets(5), NOW, Some(NOW - PAUSE + 1)), None);
        assert!(tidying(&with_buckets(5), NOW, Some(NOW - PAUSE)).is_some());
    }

    #[test]
    fn a_months_days_move_to_an_item_of_their_own_two_days_after_its_end() {
        let days = vec![
            (date(2026, 11, 29), 3),
            (date(2026, 11, 30), 4),
            (date(2026, 12, 1), 5),
        ];
        let item = UsageItem {
            days,
            ..UsageItem::default()
        };
        assert_eq!(tidying(&item, NOW - 3 * 86_400 * SECOND, None), None);
        let tidying = tidying(&item, NOW, None).unwrap();
        let (suffix, clauses) = tidying.history.unwrap();
        assert_eq!(suffix, "#202611");
        assert!(clauses.contains(&Clause::Set {
            attribute: "u261130".to_owned(),
            to: 4
        }));
        assert_eq!(
            tidying.removals,
            [("u261129", 3), ("u261130", 4)].map(|(name, most)| Clause::Remove {
                attribute: name.to_owned(),
                most
            })
        );
    }

    #[test]
    fn a_month_that_has_not_begun_is_not_read() {
        let on = |day: i8| NOW + Nanos::from(day - 5) * 86_400 * SECOND;
        for (month, now, expected) in [
            (date(2026, 11, 1), on(5), true),
            (date(2026, 12, 1), on(1), true),
            (date(2027, 1, 1), on(29), false),
            (date(2027, 1, 1), on(30), true),
        ] {
            assert_eq!(has_history(month, now), expected, "{month}");
        }
    }

    #[test]
    fn days_of_the_present_month_move_when_they_are_many() {
        // The 26th and later may still be charged.
        let busy = |first: i8| UsageItem {
            days: (first..=30).map(|day| (date(2026, 11, day), 1)).collect(),
            ..UsageItem::default()
        };
        let on_the_28th = NOW - 7 * 86_400 * SECOND;
        assert_eq!(tidying(&busy(10), on_the_28th, None), None);
        let tidying = tidying(&busy(9), on_the_28th, None).unwrap();
        assert_eq!(
            (tidying.history.unwrap().1.len() - 2, tidying.removals.len()),
            (17, 17)
        );
    }
}
