//! The form of a usage item: the names of its attributes, and what they say.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;

use crate::bucket::Bucket;
use crate::quota::Period;
use crate::{Nanos, Usage, Window, WindowId};

/// The partition key's name.
pub(super) const KEY: &str = "id";
/// The attribute that says which form an item has.
pub(super) const VERSION: &str = "v";
/// The form that this release writes. Each release reads that of the one before it as well.
pub(super) const FORM: Nanos = 1;
/// The attribute that DynamoDB deletes an item by, in seconds.
pub(super) const EXPIRY: &str = "ttl";

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// What an item says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UsageItem {
    /// Buckets and windows.
    pub(super) usage: Usage,
    /// Calls charged a day.
    pub(super) days: Vec<(Date, u64)>,
    /// Every bucket and window in `usage`, by its attribute's name.
    pub(super) parts: Vec<(String, Part)>,
}

/// What one attribute is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A bucket, with its `tat`.
    Bucket(u64, Nanos),
    /// A quota's window.
    Window(Window),
}

/// `b` and the bucket's id as seven digits of base 36.
pub(super) fn bucket_name(id: u64) -> String {
    let mut name = *b"b0000000";
    let mut rest = id % Bucket::IDS;
    for digit in name[1..].iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 36).unwrap_or(0)];
        rest /= 36;
    }
    name.iter().map(|byte| char::from(*byte)).collect()
}

/// `d` or `m` and the window's first day: `d20261122`.
pub(super) fn window_name(id: WindowId) -> String {
    let period = match id.period {
        Period::Day => 'd',
        Period::Month => 'm',
    };
    let day = id.first_day;
    format!("{period}{:04}{:02}{:02}", day.year(), day.month(), day.day())
}

/// `u` and the day, of this century: `u261122`.
pub(super) fn day_name(day: Date) -> String {
    format!("u{:02}{:02}{:02}", day.year().rem_euclid(100), day.month(), day.day())
}

/// Reads an item. Attributes of no known form are left alone: a later release may have written them.
pub(super) fn read(attributes: &HashMap<String, AttributeValue>) -> UsageItem {
    let (mut tats, mut counts) = (Vec::new(), Vec::new());
    let mut item = UsageItem::default();
    for (name, value) in attributes {
        let Some(number) = value.as_n().ok().and_then(|text| text.parse::<Nanos>().ok()) else { continue };
        let count = u64::try_from(number).unwrap_or(0);
        if let Some(id) = bucket_id(name) {
            tats.push((id, number));
            item.parts.push((name.clone(), Part::Bucket(id, number)));
        } else if let Some(window) = window_of(name) {
            counts.push((window, count));
            item.parts.push((name.clone(), Part::Window(window)));
        } else if let Some(day) = day_of(name) {
            item.days.push((day, count));
        }
    }
    item.usage = Usage::new(tats, counts);
    item
}

fn bucket_id(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('b').filter(|digits| digits.len() == 7)?;
    u64::from_str_radix(digits, 36).ok()
}

fn window_of(name: &str) -> Option<Window> {
    let (period, digits) = match name.strip_prefix('d') {
        Some(digits) => (Period::Day, digits),
        None => (Period::Month, name.strip_prefix('m')?),
    };
    let number = digits.parse::<u32>().ok().filter(|_| digits.len() == 8)?;
    WindowId { period, first_day: date(number / 10_000, number / 100 % 100, number % 100)? }.window()
}

fn day_of(name: &str) -> Option<Date> {
    let digits = name.strip_prefix('u').filter(|digits| digits.len() == 6)?;
    let number = digits.parse::<u32>().ok()?;
    date(2000 + number / 10_000, number / 100 % 100, number % 100)
}

fn date(year: u32, month: u32, day: u32) -> Option<Date> {
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn number(value: &str) -> AttributeValue {
        AttributeValue::N(value.to_owned())
    }

    #[test]
    fn a_name_and_what_it_names_are_one_to_one() {
        for id in [0, 1, 35, 36, Bucket::IDS - 1] {
            assert_eq!(bucket_id(&bucket_name(id)), Some(id));
        }
        let id = WindowId { period: Period::Month, first_day: date(2026, 11, 1) };
        assert_eq!(window_name(id), "m20261101");
        assert_eq!(window_of("m20261101").unwrap().id, id);
        assert_eq!(day_name(date(2026, 11, 22)), "u261122");
        assert_eq!(day_of("u261122"), Some(date(2026, 11, 22)));
    }

    #[test]
    fn an_item_is_read_and_what_is_strange_left_alone() {
        let attributes = HashMap::from([
            (KEY.to_owned(), AttributeValue::S("key#a".to_owned())),
            (VERSION.to_owned(), number("1")),
            (EXPIRY.to_owned(), number("1795305600")),
            (bucket_name(7), number("1795305600000000000")),
            ("d20261122".to_owned(), number("12")),
            ("u261122".to_owned(), number("13")),
            ("d20261399".to_owned(), number("1")),
            ("lease".to_owned(), number("1")),
            ("b123456".to_owned(), number("1")),
        ]);
        let item = read(&attributes);
        assert_eq!(item.usage.tat(7), Some(1_795_305_600_000_000_000));
        assert_eq!(item.usage.count(WindowId { period: Period::Day, first_day: date(2026, 11, 22) }), 12);
        assert_eq!(item.days, [(date(2026, 11, 22), 13)]);
        assert_eq!(item.parts.len(), 2);
    }

    /// An attribute's size is its name and, for a number, a byte for each two digits and one more ("DynamoDB
    /// item sizes and formats").
    #[test]
    fn the_largest_item_takes_one_write_unit() {
        let size = |name: &str, digits: usize| name.len() + digits.div_ceil(2) + 1;
        let buckets = 17 * size(&bucket_name(0), 19);
        let windows = (4 + super::super::tidy::STALE_PARTS) * size("d20261122", 9);
        let days = 32 * size("u261122", 9);
        let rest = KEY.len() + "key#".len() + 128 + size(VERSION, 1) + size(EXPIRY, 10);
        assert!(buckets + windows + days + rest <= 1024, "{}", buckets + windows + days + rest);
    }
}
