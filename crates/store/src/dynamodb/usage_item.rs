//! The schema of usage items: the names of attributes and their meaning.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;

use crate::figures::DayFigures;
use limits::CalendarId;
use limits::{Count, GrantId, GrantedCalls, Mark};
use limits::{Nanos, Usage, WindowId};

use super::tat_pair::TatPair;

/// The name of the partition key.
pub(super) const KEY: &str = "id";
/// The attribute with the schema version.
pub(super) const VERSION: &str = "v";
/// The schema version that this release writes. Each release also reads that of the release before.
pub(super) const FORM: Nanos = 1;
/// The attribute by which DynamoDB deletes an item, in seconds since 1970.
pub(super) const EXPIRY: &str = "ttl";

/// The attributes with the number and the amount of the last grant that has an id.
pub(super) const LAST_GRANT: &str = "gi";
pub(super) const LAST_AMOUNT: &str = "ga";
/// The attributes of a grant's own item, in addition to [`LAST_AMOUNT`]: the request, and the used
/// and remaining calls.
pub(super) const REQUEST: &str = "gr";
pub(super) const GRANTED_USED: &str = "gu";
pub(super) const GRANTED_REMAINING: &str = "gl";
/// The attribute with the number of the grant's id in the list of grants.
pub(super) const LISTED_ID: &str = "gn";

/// The attributes of the mark of a refund: no request has returned it yet, or the request that did.
pub(super) const UNANSWERED: &str = "ru";
pub(super) const ANSWERED_BY: &str = "rw";

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// The number of digits of a bucket's id, of a calendar's id, and of a day since 1970.
const BUCKET: usize = 7;
const CALENDAR: usize = 5;
const DAY: usize = 4;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// The contents of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UsageItem {
    /// Buckets and windows.
    pub(super) usage: Usage,
    /// Charged units per day.
    pub(super) days: Vec<(Date, u64)>,
    /// Charged units less charged calls, by day. Absent if each call cost one unit.
    pub(super) extra: Vec<(Date, i64)>,
    /// Charged calls per month, by the first day of the month.
    pub(super) months: Vec<(Date, u64)>,
    /// Figures of a caller by day. See [`figure_name`].
    pub(super) figures: Vec<(Date, DayFigures)>,
    /// The buckets whose `tat` is a pair.
    pub(super) pairs: Vec<(u64, TatPair)>,
    /// Every bucket, window and grant in `usage`, by the name of its attribute.
    pub(super) parts: Vec<(String, Part)>,
    /// The size of the item as DynamoDB bills it, in bytes.
    pub(super) size: usize,
    /// The last grant that has an id.
    pub(super) last_grant: Option<LastGrant>,
    /// The contents of a grant's own item.
    pub(super) claim: GrantClaim,
    /// True for the mark of a refund that no request has returned yet.
    pub(super) is_unanswered: bool,
    /// The number of the request that returned the refund.
    pub(super) answered_by: Option<u64>,
}

impl UsageItem {
    /// Returns the charged calls of the month that begins on `month`.
    pub(super) fn calls_in(&self, month: Date) -> u64 {
        let found = self.months.iter().find(|(known, _)| *known == month);
        found.map_or(0, |(_, calls)| *calls)
    }
}

/// A grant that has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastGrant {
    /// The id, as a number.
    pub(super) number: u64,
    /// The granted amount.
    pub(super) amount: i64,
}

/// The contents of a grant's own item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GrantClaim {
    /// The fingerprint of the request.
    pub(super) request: Option<u64>,
    /// The granted amount, once it is known.
    pub(super) granted: Option<i64>,
    /// The used calls after the grant.
    pub(super) used: Option<u64>,
    /// The remaining calls after the grant.
    pub(super) remaining: Option<u64>,
    /// The id in the list of grants.
    pub(super) listed: Option<GrantId>,
}

impl GrantClaim {
    /// True for a grant that the release before has begun, and whose outcome is not known.
    pub(super) fn is_open(&self) -> bool {
        self.request.is_some() && self.granted.is_none()
    }
}

/// The subject of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A bucket, with its `tat`, or with the ceiling of its pair.
    Bucket(u64, Nanos),
    /// A number of a bucket's pair.
    Pair(PairPart, u64, Nanos),
    /// A sliding window's slot, with its value.
    Slot(u64, Nanos),
    /// A quota's window.
    Window(Count),
    /// The granted calls of a window.
    GrantedCalls(GrantedCalls),
    /// The calls up to which thresholds of a window were logged.
    Mark(Mark),
}

/// The attributes of a bucket's pair, in addition to the ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairPart {
    Copy,
    Older,
    Newer,
}

impl PairPart {
    const ALL: [Self; 3] = [Self::Copy, Self::Older, Self::Newer];

    fn letter(self) -> char {
        match self {
            Self::Copy => 'c',
            Self::Older => 'o',
            Self::Newer => 'n',
        }
    }
}

/// Returns `b` and the bucket's id as seven digits of base 36.
pub(super) fn bucket_name(id: u64) -> String {
    format!("b{}", base36(id, BUCKET))
}

/// Returns `c` and the bucket's id. See [`tat_pair`](super::tat_pair).
pub(super) fn copy_name(id: u64) -> String {
    bound_name(PairPart::Copy, id)
}

/// Returns `o` and the bucket's id. See [`tat_pair`](super::tat_pair).
pub(super) fn older_name(id: u64) -> String {
    bound_name(PairPart::Older, id)
}

/// Returns `n` and the bucket's id. See [`tat_pair`](super::tat_pair).
pub(super) fn newer_name(id: u64) -> String {
    bound_name(PairPart::Newer, id)
}

fn bound_name(part: PairPart, id: u64) -> String {
    format!("{}{}", part.letter(), base36(id, BUCKET))
}

/// Returns `s` and the slot's id as seven digits of base 36.
pub(super) fn slot_name(id: u64) -> String {
    format!("s{}", base36(id, BUCKET))
}

/// Returns the name of a window. For hours, days, months and years in UTC it is a letter and the
/// beginning: `h2026112213`, `d20261122`, `m20261101`, `y2026`. For all time it is `t`. Otherwise it
/// is `q`, or `y` for a year, and the calendar's id and the first day since 1970, as five and four
/// digits of base 36.
pub(super) fn window_name(id: WindowId) -> String {
    let day = id.first_day;
    let civil = |period| {
        format!(
            "{period}{:04}{:02}{:02}",
            day.year(),
            day.month(),
            day.day()
        )
    };
    if let Some(hour) = id.calendar.hour() {
        return format!("{}{hour:02}", civil('h'));
    }
    if let Some(calendar) = id.calendar.zoned_year() {
        return numbered_window('y', calendar, day);
    }

    match id.calendar {
        CalendarId::DAY => civil('d'),
        CalendarId::MONTH => civil('m'),
        CalendarId::YEAR => format!("y{:04}", day.year()),
        CalendarId::TOTAL => "t".to_owned(),
        CalendarId(calendar) => numbered_window('q', calendar, day),
    }
}

fn numbered_window(letter: char, calendar: u32, first_day: Date) -> String {
    let since = first_day.since(EPOCH).map_or(0, |span| span.get_days());
    format!(
        "{letter}{}{}",
        base36(calendar.into(), CALENDAR),
        base36(u64::try_from(since).unwrap_or(0), DAY)
    )
}

/// Returns `g` and the name of the window.
pub(super) fn granted_name(id: WindowId) -> String {
    format!("g{}", window_name(id))
}

/// Returns `w` and the name of the window. Thresholds of the quota up to this number of calls were
/// logged.
pub(super) fn mark_name(id: WindowId) -> String {
    format!("w{}", window_name(id))
}

/// Returns `u` and the day of this century, such as `u261122`.
pub(super) fn day_name(day: Date) -> String {
    format!(
        "u{:02}{:02}{:02}",
        day.year().rem_euclid(100),
        day.month(),
        day.day()
    )
}

/// Returns `e` and the day. It counts the charged units less the charged calls, so that calls of one
/// unit need no counter.
pub(super) fn extra_name(day: Date) -> String {
    day_name(day).replacen('u', "e", 1)
}

/// Returns `k`, the year of this century and the month, such as `k2611`. It counts charged calls.
pub(super) fn month_name(day: Date) -> String {
    format!("k{:02}{:02}", day.year().rem_euclid(100), day.month())
}

/// Returns a letter and the day. With `r` it counts the units of a caller that were charged to
/// another one, such as its plan, with `f` these units less the calls, and with `x` the calls of the
/// caller that were refused.
pub(super) fn figure_name(letter: char, day: Date) -> String {
    let name = day_name(day);
    format!("{letter}{}", &name[1..])
}

/// Reads an item. Unknown attributes are ignored, because a later release may have written them.
pub(super) fn read(attributes: &HashMap<String, AttributeValue>) -> UsageItem {
    let mut item = UsageItem::default();
    let number_in = |name: &str| attributes.get(name)?.as_n().ok()?.parse::<Nanos>().ok();
    let count_in = |name: &str| u64::try_from(number_in(name)?).ok();
    let granted = number_in(LAST_AMOUNT).and_then(|amount| i64::try_from(amount).ok());
    item.last_grant = count_in(LAST_GRANT).map(|number| LastGrant {
        number,
        amount: granted.unwrap_or(0),
    });
    let (used, remaining) = (count_in(GRANTED_USED), count_in(GRANTED_REMAINING));
    item.claim = GrantClaim {
        request: count_in(REQUEST),
        granted,
        used,
        remaining,
        listed: count_in(LISTED_ID).map(GrantId::new),
    };
    (item.is_unanswered, item.answered_by) =
        (attributes.contains_key(UNANSWERED), count_in(ANSWERED_BY));
    for (name, value) in attributes {
        let Some(number) = value
            .as_n()
            .ok()
            .and_then(|text| text.parse::<Nanos>().ok())
        else {
            continue;
        };
        let count = i64::try_from(number).unwrap_or(0);
        if let Some((day, figures)) = figures_of(name, count) {
            item.figures.push((day, figures));
        } else if let Some(day) = day_after('e', name) {
            item.extra.push((day, count));
        } else if let Some(month) = month_of(name) {
            item.months.push((month, u64::try_from(count).unwrap_or(0)));
        } else if let Some(day) = day_after('u', name) {
            item.days.push((day, u64::try_from(number).unwrap_or(0)));
        } else if let Some(part) = part_of(name, number) {
            item.parts.push((name.clone(), part));
        }
    }
    item.pairs = pairs(&item.parts);
    item.usage = usage(&item.parts, &item.pairs);
    item.size = attributes
        .iter()
        .map(|(name, value)| name.len() + size_of_value(value))
        .sum();
    item
}

/// Returns the size of a value. A number has one byte per two digits and one more ("DynamoDB item
/// sizes and formats").
fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::S(text) => text.len(),
        _ => 0,
    }
}

/// Returns the pairs whose copy equals the ceiling. The release before has charged the others.
fn pairs(parts: &[(String, Part)]) -> Vec<(u64, TatPair)> {
    let number = |wanted: PairPart, bucket: u64| {
        parts.iter().find_map(|(_, part)| match *part {
            Part::Pair(part, id, number) if (part, id) == (wanted, bucket) => Some(number),
            _ => None,
        })
    };
    let pair = |bucket: u64, ceiling: Nanos| {
        let older = number(PairPart::Older, bucket)?;
        let newer = number(PairPart::Newer, bucket)?;
        let is_valid = number(PairPart::Copy, bucket)? == ceiling;
        is_valid.then_some((bucket, TatPair { older, newer }))
    };

    let buckets = parts.iter().filter_map(|(_, part)| match part {
        Part::Bucket(id, ceiling) => Some((*id, *ceiling)),
        _ => None,
    });
    buckets
        .filter_map(|(id, ceiling)| pair(id, ceiling))
        .collect()
}

/// Returns the pair of a bucket.
pub(super) fn pair_of(pairs: &[(u64, TatPair)], bucket: u64) -> Option<TatPair> {
    let found = pairs.iter().find(|(id, _)| *id == bucket);
    found.map(|(_, pair)| *pair)
}

fn usage(parts: &[(String, Part)], pairs: &[(u64, TatPair)]) -> Usage {
    let (mut tats, mut slots, mut counts, mut grants, mut marks) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, part) in parts {
        match part {
            Part::Bucket(id, tat) => {
                tats.push((*id, pair_of(pairs, *id).map_or(*tat, TatPair::tat)));
            }
            Part::Pair(..) => {}
            Part::Slot(id, value) => slots.push((*id, *value)),
            Part::Window(count) => counts.push(*count),
            Part::GrantedCalls(granted) => grants.push(*granted),
            Part::Mark(mark) => marks.push(*mark),
        }
    }
    Usage::new(tats, counts)
        .with_slots(slots)
        .with_grants(grants)
        .with_marks(marks)
}

fn part_of(name: &str, number: Nanos) -> Option<Part> {
    if let Some(id) = number_after('b', name) {
        return Some(Part::Bucket(id, number));
    }
    let pair_part = |part: PairPart| Some((part, number_after(part.letter(), name)?));
    if let Some((part, id)) = PairPart::ALL.into_iter().find_map(pair_part) {
        return Some(Part::Pair(part, id, number));
    }
    if let Some(id) = number_after('s', name) {
        return Some(Part::Slot(id, number));
    }
    let count = i64::try_from(number).ok()?;
    if let Some(window) = name.strip_prefix('w').and_then(window_of) {
        return Some(Part::Mark(Mark {
            window,
            end: window.latest_end()?,
            calls: u64::try_from(count).ok()?,
        }));
    }
    match name.strip_prefix('g') {
        Some(of) => {
            let window = window_of(of)?;
            Some(Part::GrantedCalls(GrantedCalls {
                window,
                end: window.latest_end()?,
                amount: count,
            }))
        }
        None => {
            let window = window_of(name)?;
            Some(Part::Window(Count {
                window,
                end: window.latest_end()?,
                net: count,
            }))
        }
    }
}

/// Returns the day and the figures of an attribute, if it is one.
fn figures_of(name: &str, count: i64) -> Option<(Date, DayFigures)> {
    let mut figures = DayFigures::default();
    let letter = name.chars().next()?;
    match letter {
        'r' => figures.units = count,
        'f' => figures.extra = count,
        'x' => figures.refused = count,
        _ => return None,
    }
    Some((day_after(letter, name)?, figures))
}

fn month_of(name: &str) -> Option<Date> {
    let digits = name.strip_prefix('k').filter(|digits| digits.len() == 4)?;
    let number = digits.parse::<u32>().ok()?;
    date(2000 + number / 100, number % 100, 1)
}

fn number_after(letter: char, name: &str) -> Option<u64> {
    number_of(name.strip_prefix(letter)?, BUCKET)
}

fn window_of(name: &str) -> Option<WindowId> {
    let (letter, digits) = name.split_at_checked(1)?;
    let (calendar, first_day) = match (letter, digits.len()) {
        ("t", 0) => (CalendarId::TOTAL, EPOCH),
        ("h", 10) => {
            let (day, hour) = digits.split_at_checked(8)?;
            let hour = decimal(hour)?.try_into().ok().filter(|hour| *hour < 24)?;
            (CalendarId::of_hour(hour), civil_day(day)?)
        }
        ("d", 8) => (CalendarId::DAY, civil_day(digits)?),
        ("m", 8) => (CalendarId::MONTH, civil_day(digits)?),
        ("y", 4) => (CalendarId::YEAR, date(decimal(digits)?, 1, 1)?),
        ("y", _) => {
            let (calendar, first_day) = numbered(digits)?;
            (CalendarId::of_zoned_year(calendar), first_day)
        }
        ("q", _) => {
            let (calendar, first_day) = numbered(digits)?;
            (CalendarId(calendar), first_day)
        }
        _ => return None,
    };

    Some(WindowId {
        calendar,
        first_day,
    })
}

/// Reads a calendar's id and a day since 1970.
fn numbered(digits: &str) -> Option<(u32, Date)> {
    let (calendar, day) = digits.split_at_checked(CALENDAR)?;
    let since = jiff::Span::new()
        .try_days(i64::try_from(number_of(day, DAY)?).ok()?)
        .ok()?;
    let calendar = u32::try_from(number_of(calendar, CALENDAR)?).ok()?;
    Some((calendar, EPOCH.checked_add(since).ok()?))
}

/// Reads a day of eight digits.
fn civil_day(digits: &str) -> Option<Date> {
    let number = decimal(digits)?;
    date(number / 10_000, number / 100 % 100, number % 100)
}

fn decimal(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}

fn day_after(letter: char, name: &str) -> Option<Date> {
    let digits = name
        .strip_prefix(letter)
        .filter(|digits| digits.len() == 6)?;
    let number = digits.parse::<u32>().ok()?;
    date(2000 + number / 10_000, number / 100 % 100, number % 100)
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    )
    .ok()
}

fn base36(number: u64, digits: usize) -> String {
    let mut text = vec![b'0'; digits];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 36).unwrap_or(0)];
        rest /= 36;
    }
    text.into_iter().map(char::from).collect()
}

fn number_of(digits: &str, count: usize) -> Option<u64> {
    let plain = digits.len() == count && digits.bytes().all(|digit| DIGITS.contains(&digit));
    u64::from_str_radix(digits, 36).ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use limits::{Bucket, Calendar, Period};

    fn number(value: &str) -> AttributeValue {
        AttributeValue::N(value.to_owned())
    }

    #[test]
    fn a_name_and_what_it_names_are_one_to_one() {
        for id in [0, 1, 35, 36, Bucket::IDS - 1] {
            assert_eq!(number_after('b', &bucket_name(id)), Some(id));
            assert_eq!(number_after('s', &slot_name(id)), Some(id));
        }
        let id = WindowId {
            calendar: CalendarId::MONTH,
            first_day: date(2026, 11, 1),
        };
        assert_eq!(window_name(id), "m20261101");
        assert_eq!(granted_name(id), "gm20261101");
        let week = Calendar::new(Period::Week, Some("Europe/Berlin"), Some(7))
            .unwrap()
            .window(0)
            .unwrap()
            .id;
        let weeks = [
            week,
            WindowId {
                first_day: date(2026, 11, 22),
                ..week
            },
        ];
        for id in [
            weeks[1],
            id,
            WindowId {
                calendar: CalendarId::DAY,
                ..id
            },
        ] {
            assert_eq!(window_of(&window_name(id)), Some(id));
        }
        let first_day = date(2026, 11, 22);
        for (calendar, first_day, name) in [
            (CalendarId::of_hour(0), first_day, "h2026112200"),
            (CalendarId::of_hour(23), first_day, "h2026112223"),
            (CalendarId::YEAR, date(2026, 1, 1), "y2026"),
            (CalendarId::of_zoned_year(36), first_day, "y000100g17"),
            (CalendarId::TOTAL, EPOCH, "t"),
        ] {
            let id = WindowId {
                calendar,
                first_day,
            };
            assert_eq!(window_name(id), name);
            assert_eq!(window_of(name), Some(id), "{name}");
        }
        assert_eq!(window_of("h2026112224"), None);
        assert_eq!(day_name(date(2026, 11, 22)), "u261122");
        assert_eq!(day_after('u', "u261122"), Some(date(2026, 11, 22)));
        assert_eq!(month_name(date(2026, 11, 22)), "k2611");
        assert_eq!(month_of("k2611"), Some(date(2026, 11, 1)));
        for letter in ['r', 'f', 'x'] {
            let name = figure_name(letter, date(2026, 11, 22));
            assert_eq!(
                figures_of(&name, 1).map(|(day, _)| day),
                Some(date(2026, 11, 22))
            );
        }
    }

    #[test]
    fn an_item_is_read_and_what_is_strange_left_alone() {
        let attributes = HashMap::from([
            (KEY.to_owned(), AttributeValue::S("key#a".to_owned())),
            (VERSION.to_owned(), number("1")),
            (EXPIRY.to_owned(), number("1795305600")),
            (bucket_name(7), number("1795305600000000000")),
            ("d20261122".to_owned(), number("-12")),
            ("gd20261122".to_owned(), number("20")),
            ("gi".to_owned(), number("77")),
            ("ga".to_owned(), number("-5")),
            ("u261122".to_owned(), number("13")),
            ("d20261399".to_owned(), number("1")),
            ("lease".to_owned(), number("1")),
            ("b123456".to_owned(), number("1")),
            ("q+00010001".to_owned(), number("1")),
        ]);
        let item = read(&attributes);
        let today = WindowId {
            calendar: CalendarId::DAY,
            first_day: date(2026, 11, 22),
        };
        assert_eq!(item.usage.tat(7), Some(1_795_305_600_000_000_000));
        assert_eq!((item.usage.count(today), item.usage.used(today)), (-12, 8));
        assert_eq!(
            item.last_grant,
            Some(LastGrant {
                number: 77,
                amount: -5
            })
        );
        assert_eq!(item.days, [(date(2026, 11, 22), 13)]);
        assert_eq!(item.parts.len(), 3);
    }

    /// The size of an attribute is its name and, for a number, one byte per two digits and one more
    /// ("DynamoDB item sizes and formats").
    #[test]
    fn the_largest_item_takes_one_write_unit() {
        let size = |name: &str, digits: usize| name.len() + digits.div_ceil(2) + 1;
        // The two slots of a sliding window instead of a bucket, sixteen routes, and the bucket of
        // usage queries.
        let sliding = 19 * size(&bucket_name(0), 19);
        // A bucket with a pair has four numbers.
        let buckets = sliding.max((18 + 3) * size(&bucket_name(0), 19));
        let windows = 4 * (size("q000010g17", 9) + size("gq000010g17", 9))
            + size(LAST_GRANT, 15)
            + size(LAST_AMOUNT, 15);
        let marks = 4 * size("wq000010g17", 15);
        let months = 2 * size("k2611", 9);
        let rest = KEY.len() + "key#".len() + 128 + size(VERSION, 1) + size(EXPIRY, 12);
        let fixed = buckets + windows + marks + months + rest;

        // A large item keeps today and the two days before, and neither outdated parts nor other
        // days. In the hour between two looks, an hour begins, and at midnight another day.
        let day = size("u261122", 9) + size("e261122", 9);
        let hour = size("h2026112213", 9) + size("wh2026112213", 9);
        let large = fixed + 4 * day + 2 * hour;
        assert!(large <= 1024, "{large}");

        // A plan with one route and two quotas keeps many days and outdated parts.
        let small = fixed - 16 * size(&bucket_name(0), 19) - windows / 2 - marks / 2;
        let kept = super::super::tidy::MAX_DAYS_PER_ITEM * day
            + super::super::tidy::STALE_PARTS * size(&bucket_name(0), 19);
        assert!(small + kept <= 1024, "{small} {kept}");
    }
}
