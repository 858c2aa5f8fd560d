//! Kong's rate limits as limits of a plan that never admit more.
//!
//! `rate-limiting` counts in fixed windows of UTC: at most N calls in each. Around the end of a
//! window, 2 N calls can pass at once.
//!
//! - An hour, a day, a month or a year becomes a quota, which has the same windows.
//! - A shorter window becomes a sliding window of the same width. Both begin at multiples of the
//!   width since 1970, and a sliding window admits at most N calls between two of these instants.
//! - A second window needs a token bucket, because a plan has one sliding window. A bucket admits at
//!   most `burst + rate · t` calls in a time t. With `burst + rate · width ≤ N`, it never admits
//!   more than N calls per window.

use serde_json::{Map, Value, json};

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;
/// The shortest month and year, which are the strictest.
const MONTH: u64 = 28 * DAY;
const YEAR: u64 = 365 * DAY;
/// The largest limit of a sliding window.
const MAX_WINDOW_LIMIT: u64 = 999_999_999;
/// The largest limit of a quota.
const MAX_QUOTA: u64 = 999_999_999_999_999;
/// The bounds of a token bucket.
const MAX_BURST: f64 = 100_000_000.0;
const RATES: std::ops::RangeInclusive<f64> = 0.000_001..=1_000_000.0;
const MAX_QUOTAS: usize = 4;
/// The weekday on which windows of a week begin, because 1 January 1970 was a Thursday.
const THURSDAY: u64 = 4;
/// The route of the additional bucket.
pub(super) const ALL_ROUTES: &str = "ANY /{proxy+}";

/// The width and the position of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Period {
    /// A fixed window that begins at a multiple of its width, in seconds.
    Fixed(u64),
    /// A sliding window, in seconds.
    Sliding(u64),
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// At most `limit` calls per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Window {
    pub(super) period: Period,
    pub(super) limit: u64,
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub(super) rate: f64,
    pub(super) burst: u64,
}

/// The limits of a plan for all routes together, and explanations for the report.
#[derive(Debug, Default)]
pub(super) struct PlanLimits {
    pub(super) fields: Map<String, Value>,
    /// A bucket for all routes, in addition to the other limits.
    pub(super) bucket: Option<Bucket>,
    pub(super) notes: Vec<Note>,
}

/// An explanation of what became of a window.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) window: Window,
    pub(super) text: String,
}

impl Window {
    /// Returns the width, in seconds. A month or a year counts as its shortest form.
    pub(super) const fn width(self) -> u64 {
        match self.period {
            Period::Fixed(seconds) | Period::Sliding(seconds) => seconds,
            Period::Month => MONTH,
            Period::Year => YEAR,
        }
    }

    /// Returns the fields of a quota with the same windows.
    fn quota(self) -> Option<Value> {
        let period = match self.period {
            Period::Fixed(HOUR) => "hour",
            Period::Fixed(DAY) => "day",
            Period::Fixed(WEEK) => "week",
            Period::Month => "month",
            Period::Year => "year",
            Period::Fixed(_) | Period::Sliding(_) => return None,
        };
        let mut quota = json!({"limit": self.limit.min(MAX_QUOTA), "period": period});
        if period == "week" {
            quota["starts_on"] = json!(THURSDAY);
        }
        Some(quota)
    }

    fn text(self) -> String {
        let period = match self.period {
            Period::Fixed(1) => "second".to_owned(),
            Period::Fixed(60) => "minute".to_owned(),
            Period::Fixed(HOUR) => "hour".to_owned(),
            Period::Fixed(DAY) => "day".to_owned(),
            Period::Fixed(seconds) => format!("fixed window of {seconds} s"),
            Period::Sliding(seconds) => format!("sliding window of {seconds} s"),
            Period::Month => "month".to_owned(),
            Period::Year => "year".to_owned(),
        };
        format!("{} per {period}", self.limit)
    }

    /// True if a caller that keeps to `other` keeps to this window as well: the width is a multiple,
    /// and all windows within it admit no more together.
    fn follows_from(self, other: Self) -> bool {
        let (Period::Fixed(width), Period::Fixed(part)) = (self.period, other.period) else {
            return false;
        };
        width > part
            && width % part == 0
            && other
                .limit
                .checked_mul(width / part)
                .is_some_and(|most| most <= self.limit)
    }
}

/// Returns limits that never admit more than the windows.
pub(super) fn plan_limits(windows: &[Window]) -> PlanLimits {
    let mut limits = PlanLimits::default();
    let mut short = Vec::new();
    let mut quotas: Vec<(Window, Value)> = Vec::new();
    for window in needed(windows) {
        match window.quota() {
            Some(quota) => quotas.push((window, quota)),
            None if window.width() > DAY => {
                let day = daily(window, &mut limits.notes);
                quotas.extend(day.quota().map(|quota| (day, quota)));
            }
            None => short.push(window),
        }
    }

    limits.add_quotas(quotas);
    limits.add_short(&short);
    limits
}

impl PlanLimits {
    /// Adds the strictest quota of each period.
    fn add_quotas(&mut self, mut quotas: Vec<(Window, Value)>) {
        quotas.sort_by_key(|(window, _)| (window.width(), window.limit));
        quotas.dedup_by(|second, first| second.1["period"] == first.1["period"]);
        // There are five periods, and a plan has at most four quotas.
        if quotas.len() > MAX_QUOTAS {
            self.share_longest_per_day(&mut quotas);
        }

        for (window, quota) in &quotas {
            self.notes.push(Note {
                window: *window,
                text: format!("{} becomes a quota with the same windows", window.text()),
            });
            let list = self.fields.entry("quotas").or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(quota.clone());
            }
        }
    }

    /// Makes room by replacing the quota of the longest period with a share per day.
    fn share_longest_per_day(&mut self, quotas: &mut Vec<(Window, Value)>) {
        let Some((longest, _)) = quotas.pop() else {
            return;
        };
        let share = daily(longest, &mut self.notes);
        let day = quotas
            .iter_mut()
            .find(|(window, _)| window.period == Period::Fixed(DAY));
        if let Some((window, quota)) = day {
            window.limit = window.limit.min(share.limit);
            quota["limit"] = json!(window.limit);
        }
    }

    /// Adds windows of up to one day: the longest as a sliding window, others as one bucket.
    fn add_short(&mut self, short: &[Window]) {
        let Some(longest) = short
            .iter()
            .max_by_key(|window| (window.width(), u64::MAX - window.limit))
        else {
            return;
        };
        let limit = longest.limit.min(MAX_WINDOW_LIMIT);
        self.fields
            .insert("algorithm".to_owned(), json!("sliding_window"));
        self.fields
            .insert("window_s".to_owned(), json!(longest.width()));
        self.fields.insert("limit".to_owned(), json!(limit));
        let text = format!(
            "{} becomes a sliding window of {} s, which admits at most {limit} calls between two \
             multiples of its width, and fewer after a busy window",
            longest.text(),
            longest.width()
        );
        self.notes.push(Note {
            window: *longest,
            text,
        });

        let others: Vec<Window> = short
            .iter()
            .filter(|window| *window != longest)
            .copied()
            .collect();
        if others.is_empty() {
            return;
        }
        let bucket = bucket(&others, Some(*longest));
        let text = bucket_note(&others, bucket);
        self.notes.extend(others.iter().map(|window| Note {
            window: *window,
            text: text.clone(),
        }));
        self.bucket = Some(bucket);
    }
}

/// Returns the windows that do not follow from others.
fn needed(windows: &[Window]) -> Vec<Window> {
    let mut needed: Vec<Window> = windows.to_vec();
    needed.sort_unstable();
    needed.dedup();
    let all = needed.clone();
    needed.retain(|window| !all.iter().any(|other| window.follows_from(*other)));

    // Of several limits per period, the smallest applies.
    let all = needed.clone();
    needed.retain(|window| {
        let mut same = all.iter().filter(|other| other.period == window.period);
        same.all(|other| other.limit >= window.limit)
    });
    needed
}

/// Returns a limit per day that never admits more than a longer window.
fn daily(window: Window, notes: &mut Vec<Note>) -> Window {
    let whole_days = window.width() / DAY;
    // A window that does not begin at midnight of UTC touches one day more.
    let is_aligned = matches!(window.period, Period::Fixed(seconds) if seconds % DAY == 0)
        || matches!(window.period, Period::Month | Period::Year);
    let longest_days = match window.period {
        Period::Month => 31,
        Period::Year => 366,
        _ => whole_days + u64::from(!is_aligned) * 2,
    };

    let day = Window {
        period: Period::Fixed(DAY),
        limit: window.limit / longest_days.max(1),
    };
    let text = format!(
        "{} has no equivalent; it becomes {} per day, because it touches up to {longest_days} days",
        window.text(),
        day.limit
    );
    notes.push(Note { window, text });
    day
}

/// Returns a bucket that never admits more than any of the windows. Its rate is that of `sustained`
/// if possible, which leaves the largest burst.
pub(super) fn bucket(windows: &[Window], sustained: Option<Window>) -> Bucket {
    let per_second = |window: Window| as_float(window.limit) / as_float(window.width());
    let fastest = windows
        .iter()
        .map(|window| (as_float(window.limit) - 1.0) / as_float(window.width()))
        .fold(f64::INFINITY, f64::min);
    // Half of the limit for the burst, half for the rate, unless a longer window needs less.
    let half = windows
        .iter()
        .map(|window| per_second(*window) / 2.0)
        .fold(f64::INFINITY, f64::min);
    let wanted = sustained.map_or(half, per_second);

    // Rounded down to a millionth, so that the sum stays below the limit.
    let rate = (wanted.min(fastest) * 1e6).floor() / 1e6;
    if rate < *RATES.start() {
        return single(windows);
    }
    let rate = rate.min(*RATES.end());
    let burst = windows
        .iter()
        .map(|window| as_float(window.limit) - rate * as_float(window.width()))
        .fold(f64::INFINITY, f64::min);
    Bucket {
        rate,
        burst: as_whole(burst.floor().clamp(0.0, MAX_BURST)),
    }
}

/// Returns a bucket for a limit of 1, or none at all. With a burst of 1 and an interval of the
/// width, each half-open window has at most one call.
fn single(windows: &[Window]) -> Bucket {
    let limit = windows.iter().map(|window| window.limit).min().unwrap_or(0);
    let width = windows
        .iter()
        .map(|window| window.width())
        .max()
        .unwrap_or(1);
    let rate = (1e6 / as_float(width)).floor() / 1e6;
    if limit == 0 || rate < *RATES.start() {
        return Bucket {
            rate: 0.0,
            burst: 0,
        };
    }
    Bucket { rate, burst: 1 }
}

/// Explains the arithmetic of a bucket.
pub(super) fn bucket_note(windows: &[Window], bucket: Bucket) -> String {
    let texts: Vec<String> = windows.iter().map(|window| window.text()).collect();
    let sums = windows.iter().map(|window| {
        let width = window.width();
        format!(
            "{} + {} x {width} s <= {}",
            bucket.burst, bucket.rate, window.limit
        )
    });
    let sums: Vec<String> = sums.collect();
    format!(
        "{} becomes a token bucket of rate {} and burst {}, because {}",
        texts.join(" and "),
        bucket.rate,
        bucket.burst,
        sums.join(" and ")
    )
}

impl Bucket {
    pub(super) fn json(self) -> Value {
        if self.rate.fract() == 0.0 {
            return json!({"rate": as_whole(self.rate), "burst": self.burst});
        }
        json!({"rate": self.rate, "burst": self.burst})
    }

    /// Returns a bucket that is at least as strict as both.
    pub(super) fn stricter(self, other: Self) -> Self {
        Self {
            rate: self.rate.min(other.rate),
            burst: self.burst.min(other.burst),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "limits are below 2⁵³")]
const fn as_float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is whole, and neither negative nor above 10⁸"
)]
const fn as_whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(width: u64, limit: u64) -> Window {
        Window {
            period: Period::Fixed(width),
            limit,
        }
    }

    fn fields(windows: &[Window]) -> Value {
        Value::Object(plan_limits(windows).fields)
    }

    #[test]
    fn hour_day_month_and_year_become_quotas() {
        let windows = [
            fixed(3600, 5),
            fixed(DAY, 50),
            Window {
                period: Period::Month,
                limit: 500,
            },
            Window {
                period: Period::Year,
                limit: 900,
            },
        ];
        assert_eq!(
            fields(&windows),
            json!({"quotas": [
                {"limit": 5, "period": "hour"}, {"limit": 50, "period": "day"},
                {"limit": 500, "period": "month"}, {"limit": 900, "period": "year"},
            ]})
        );
        assert_eq!(
            fields(&[fixed(WEEK, 9)]),
            json!({"quotas": [{"limit": 9, "period": "week", "starts_on": 4}]})
        );
    }

    #[test]
    fn one_short_window_becomes_a_sliding_window() {
        let expected = json!({"algorithm": "sliding_window", "window_s": 60, "limit": 100});
        assert_eq!(fields(&[fixed(60, 100)]), expected);
        // 60 windows of a second admit at most 60 calls, fewer than 100 per minute.
        let second = json!({"algorithm": "sliding_window", "window_s": 1, "limit": 1});
        assert_eq!(fields(&[fixed(1, 1), fixed(60, 100)]), second);
    }

    #[test]
    fn second_window_becomes_a_bucket_that_admits_no_more() {
        let limits = plan_limits(&[fixed(1, 5), fixed(60, 100)]);
        assert_eq!(limits.fields["window_s"], 60);
        let bucket = limits.bucket.unwrap();
        assert_eq!(
            bucket,
            Bucket {
                rate: 1.666_666,
                burst: 3
            }
        );
        assert!(
            limits
                .notes
                .iter()
                .any(|note| note.text.contains("3 + 1.666666 x 1 s <= 5"))
        );
    }

    #[test]
    fn long_windows_become_a_share_per_day() {
        let month_like = Window {
            period: Period::Sliding(2_628_000),
            limit: 30_000,
        };
        // 30 days and 10 hours touch at most 32 days.
        assert_eq!(
            fields(&[month_like]),
            json!({"quotas": [{"limit": 937, "period": "day"}]})
        );
        assert_eq!(
            fields(&[fixed(30 * DAY, 300)]),
            json!({"quotas": [{"limit": 10, "period": "day"}]})
        );
    }

    #[test]
    fn buckets_never_admit_more_than_their_windows() {
        for limit in [1, 2, 3, 5, 10, 99, 1000, 1_000_000] {
            for width in [1, 2, 60, 3600, DAY] {
                for sustained in [None, Some(fixed(width * 60, limit * 3))] {
                    let bucket = bucket(&[fixed(width, limit)], sustained);
                    // In a half-open window, the token that returns at its end does not count.
                    let most = as_float(bucket.burst) + bucket.rate * as_float(width);
                    let allowed = if limit == 1 { 2.0 } else { as_float(limit) };
                    assert!(most <= allowed, "{limit} per {width} s: {bucket:?}");
                    assert!(
                        bucket.burst >= 1 || bucket.rate == 0.0,
                        "{limit} per {width} s: {bucket:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn unknown_limit_refuses_every_call() {
        assert_eq!(fields(&[fixed(60, 0)])["limit"], 0);
        assert_eq!(
            bucket(&[fixed(1, 0)], None),
            Bucket {
                rate: 0.0,
                burst: 0
            }
        );
    }
}
