//! The id of a charge, with which it can be refunded: once, and only to the caller that was charged.

use arrayvec::ArrayVec;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::civil::Date;
use std::fmt;
use std::str::FromStr;

use crate::calendar::{CalendarId, day_end, day_of};
use crate::plan_bounds::{MAX_LIMIT, MAX_QUOTAS};
use crate::plan_name::check_name;
use crate::{Caller, Demand, Nanos, SECOND, WindowId};

/// The version of the text format.
const FORMAT_VERSION: u8 = 1;
/// The version of the text format if the day differs from the UTC day of the charge.
const FORMAT_VERSION_WITH_DAY: u8 = 2;
/// The time for which a charge of a quota without an end can be refunded.
const MAX_REFUND_AGE: Nanos = 366 * 86_400 * SECOND;
/// Begins the name of a group. The name of a plan never begins with it.
const GROUP_MARK: u8 = b'#';
/// The day from which days are counted.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// The id of a charge: its instant, its cost, and the windows of the quotas that were charged.
///
/// Buckets are not part of it, because a rate is not refunded. The text form is URL-safe base64. It
/// is neither secret nor authenticated, so it must be signed before it is given to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeId {
    nonce: u64,
    caller: u64,
    at_s: i64,
    /// The day of usage reports on which the charge counts.
    day: Date,
    cost: u64,
    windows: ArrayVec<ChargedWindow, MAX_QUOTAS>,
    /// The charged caller, if several callers share its limits.
    shared: Option<Caller>,
}

/// The window of a quota that was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargedWindow {
    /// The window.
    pub id: WindowId,
    end_s: i64,
}

/// The error for a text that is not the id of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid charge, expected the value that a decision returned")]
pub struct ChargeIdError;

/// The result of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refund {
    /// The charge was returned to the day counter and to all quotas' windows that are not over.
    Returned,
    /// The charge was refunded earlier.
    AlreadyRefunded,
    /// This caller has no such charge.
    NotFound,
    /// Every window that was charged is over.
    WindowOver,
}

impl ChargeId {
    /// Returns an id for the charge of a demand on the limits of `charged`, which the store knows by
    /// the number `caller`. `None` if the demand takes nothing that can be refunded.
    pub fn new(demand: &Demand<'_>, charged: &Caller, caller: u64) -> Option<Self> {
        if demand.cost() == 0 || !demand.is_call() {
            return None;
        }
        // The mark of a refund is kept until the window ends, so an endless window needs an end.
        let latest_end = demand.now() + MAX_REFUND_AGE;
        let charged_window = |window: &crate::Window| ChargedWindow {
            id: window.id,
            end_s: seconds(if window.is_endless() {
                latest_end
            } else {
                window.end
            }),
        };

        Some(Self {
            nonce: fastrand::u64(..),
            caller,
            at_s: seconds(demand.now()),
            day: demand.report_day()?,
            cost: demand.cost(),
            windows: demand
                .windows()
                .iter()
                .map(|(_, window)| charged_window(window))
                .collect(),
            shared: charged.is_shared().then(|| charged.clone()),
        })
    }

    /// The number of units charged.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The instant of the charge, in whole seconds.
    #[must_use]
    pub fn at(&self) -> Nanos {
        Nanos::from(self.at_s) * SECOND
    }

    /// The day of usage reports on which the charge counts.
    pub fn day(&self) -> Date {
        self.day
    }

    /// A random number that distinguishes the charges of a caller.
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// The number that the store has for the caller.
    pub fn caller(&self) -> u64 {
        self.caller
    }

    /// Returns the caller that was charged for a call of `caller`: the plan or the group if callers
    /// share its limits.
    pub fn charged<'c>(&'c self, caller: &'c Caller) -> &'c Caller {
        self.shared.as_ref().unwrap_or(caller)
    }

    /// Returns the charged windows that are not over.
    pub fn windows(&self, now: Nanos) -> impl Iterator<Item = &ChargedWindow> {
        self.windows.iter().filter(move |window| window.end() > now)
    }

    /// True if nothing can be refunded any more, because all charged windows are over. Without
    /// quotas, that is the end of the day.
    pub fn is_over(&self, now: Nanos) -> bool {
        if self.windows.is_empty() {
            self.day_end() <= now
        } else {
            self.windows(now).next().is_none()
        }
    }

    /// Returns the instant at which the last charged window is over, or the day if it ends later.
    pub fn end(&self) -> Nanos {
        self.windows
            .iter()
            .map(ChargedWindow::end)
            .fold(self.day_end(), Nanos::max)
    }

    fn day_end(&self) -> Nanos {
        day_end(self.at())
    }
}

impl ChargedWindow {
    /// Returns the instant at which the window is over.
    pub fn end(&self) -> Nanos {
        Nanos::from(self.end_s) * SECOND
    }
}

fn seconds(instant: Nanos) -> i64 {
    let seconds = match u64::try_from(instant) {
        // A 64-bit division is several times as fast, and sufficient until the year 2554.
        Ok(nanoseconds) => Nanos::from(nanoseconds / 1_000_000_000),
        Err(_) => instant.div_euclid(SECOND),
    };
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// Writes version, nonce, caller, instant, cost, day (in version 2), number of windows, each window,
/// and the name of the shared plan, or `#` and the name of the group. Numbers are big-endian.
impl fmt::Display for ChargeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_day = day_of(self.at()) != Some(self.day);
        let mut bytes = vec![if has_day {
            FORMAT_VERSION_WITH_DAY
        } else {
            FORMAT_VERSION
        }];
        for number in [
            self.nonce,
            self.caller,
            self.at_s.cast_unsigned(),
            self.cost,
        ] {
            bytes.extend(number.to_be_bytes());
        }

        if has_day {
            bytes.extend(days(self.day).to_be_bytes());
        }
        bytes.push(u8::try_from(self.windows.len()).unwrap_or(0));
        for window in &self.windows {
            bytes.extend(window.id.calendar.0.to_be_bytes());
            bytes.extend(days(window.id.first_day).to_be_bytes());
            bytes.extend(window.end_s.to_be_bytes());
        }

        match &self.shared {
            Some(Caller::Plan(plan)) => bytes.extend(plan.as_bytes()),
            Some(Caller::Group(group)) => {
                bytes.push(GROUP_MARK);
                bytes.extend(group.as_bytes());
            }
            _ => {}
        }
        formatter.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for ChargeId {
    type Err = ChargeIdError;

    fn from_str(text: &str) -> Result<Self, ChargeIdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ChargeIdError)?;
        parse(&bytes).ok_or(ChargeIdError)
    }
}

fn parse(bytes: &[u8]) -> Option<ChargeId> {
    let mut rest = bytes;
    let version = u8::from_be_bytes(*take(&mut rest)?);
    let [nonce, caller, at_s, cost] = [
        take(&mut rest)?,
        take(&mut rest)?,
        take(&mut rest)?,
        take(&mut rest)?,
    ];
    let at_s = i64::from_be_bytes(*at_s);
    let day = match version {
        FORMAT_VERSION => day_of(Nanos::from(at_s) * SECOND)?,
        FORMAT_VERSION_WITH_DAY => parse_day(&mut rest)?,
        _ => return None,
    };

    let mut windows = ArrayVec::new();
    for _ in 0..u8::from_be_bytes(*take(&mut rest)?) {
        windows.try_push(parse_window(&mut rest)?).ok()?;
    }

    let shared = parse_shared(rest)?;
    let cost = u64::from_be_bytes(*cost);
    Some(ChargeId {
        nonce: u64::from_be_bytes(*nonce),
        caller: u64::from_be_bytes(*caller),
        at_s,
        day,
        cost: Some(cost).filter(|cost| (1..=MAX_LIMIT).contains(cost))?,
        windows,
        shared,
    })
}

/// Returns the caller whose limits are shared, if there is one. `None` for an invalid name.
fn parse_shared(bytes: &[u8]) -> Option<Option<Caller>> {
    let valid = |bytes| {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|name| check_name(name).is_ok())
    };

    match bytes {
        [] => Some(None),
        [GROUP_MARK, group @ ..] => Some(Some(Caller::Group(valid(group)?.into()))),
        plan => Some(Some(Caller::Plan(valid(plan)?.into()))),
    }
}

fn parse_window(rest: &mut &[u8]) -> Option<ChargedWindow> {
    let calendar = CalendarId(u32::from_be_bytes(*take(rest)?));
    let first_day = parse_day(rest)?;
    let end_s = i64::from_be_bytes(*take(rest)?);

    Some(ChargedWindow {
        id: WindowId {
            calendar,
            first_day,
        },
        end_s,
    })
}

fn parse_day(rest: &mut &[u8]) -> Option<Date> {
    let days = jiff::Span::new()
        .try_days(i32::from_be_bytes(*take(rest)?))
        .ok()?;
    EPOCH.checked_add(days).ok()
}

/// Takes the next `N` bytes from the front of `rest`.
fn take<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(taken)
}

fn days(day: Date) -> i32 {
    day.since(EPOCH).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Plan, PlanDocument};
    use proptest::prelude::*;

    /// 2026-11-22T12:00:00Z
    const NOON: Nanos = 1_795_348_800 * SECOND;

    fn charge(plan: &str, cost: u64) -> Option<ChargeId> {
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(plan).unwrap()).unwrap();
        ChargeId::new(
            &Demand::new(&plan, None, cost, NOON).unwrap(),
            plan.charged(&Caller::Group("acme".into())),
            7,
        )
    }

    const ALL: &str = r#"{"shared_by_plan":true,"quotas":[{"limit":9,"period":"day"},{"limit":9,"period":"week"},
        {"limit":9,"period":"month","time_zone":"Asia/Tokyo","starts_on":31},{"name":"b","limit":9,"period":"month"}]}"#;

    #[test]
    fn text_form_is_url_safe_and_parses_to_the_same_charge() {
        let kiritimati =
            r#"{"time_zone":"Pacific/Kiritimati","quotas":[{"limit":9,"period":"day"}]}"#;
        for plan in [
            "{}",
            ALL,
            r#"{"quotas":[{"limit":9,"period":"day"}]}"#,
            kiritimati,
        ] {
            let charge = charge(plan, 3).unwrap();
            let text = charge.to_string();
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
                "{text}"
            );
            assert_eq!(text.parse(), Ok(charge));
        }
    }

    #[test]
    fn charge_names_the_caller_whose_limits_are_shared() {
        let key = Caller::Key("k".to_owned());
        let charged = |plan| charge(plan, 1).unwrap().charged(&key).to_string();

        assert_eq!(charged(ALL), "plan#p");
        assert_eq!(charged("{}"), "group#acme");
    }

    #[test]
    fn call_without_cost_has_no_charge() {
        assert_eq!(charge(ALL, 0), None);
    }

    #[test]
    fn charges_of_the_same_instant_differ() {
        assert_ne!(charge(ALL, 1), charge(ALL, 1));
    }

    #[test]
    fn charge_is_over_with_its_last_window_or_its_day() {
        let midnight = NOON + 12 * 3600 * SECOND;
        let unlimited = charge("{}", 1).unwrap();
        assert_eq!(
            (unlimited.is_over(midnight - 1), unlimited.is_over(midnight)),
            (false, true)
        );

        let month = charge(
            r#"{"quotas":[{"limit":9,"period":"day"},{"limit":9,"period":"month"}]}"#,
            1,
        )
        .unwrap();
        assert_eq!(
            (month.windows(NOON).count(), month.windows(midnight).count()),
            (2, 1)
        );
        let december = midnight + 8 * 86_400 * SECOND;
        assert_eq!(
            (month.is_over(december - 1), month.is_over(december)),
            (false, true)
        );
    }

    #[test]
    fn truncated_text_or_another_version_is_an_error() {
        let text = charge(ALL, 1).unwrap().to_string();
        for invalid in ["", "AA", &text[..40], &text[..60], "Ag", "====", "ü"] {
            assert_eq!(invalid.parse::<ChargeId>(), Err(ChargeIdError), "{invalid}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let text = URL_SAFE_NO_PAD.encode([&[FORMAT_VERSION], &bytes[..]].concat());
            if let Ok(charge) = text.parse::<ChargeId>() {
                prop_assert_eq!(charge.to_string().parse(), Ok(charge));
            }
        }
    }
}
