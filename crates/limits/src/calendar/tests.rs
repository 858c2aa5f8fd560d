use super::*;
use crate::SECOND;
use jiff::civil::date;
use proptest::prelude::*;

const HOUR: Nanos = 3600 * SECOND;

fn at(text: &str) -> Nanos {
    text.parse::<Timestamp>().unwrap().as_nanosecond()
}

fn calendar(period: Period, zone: &str, starts_on: Option<u8>) -> Calendar {
    Calendar::new(period, Some(zone), starts_on).unwrap()
}

fn window(period: Period, zone: &str, starts_on: Option<u8>, now: &str) -> Window {
    calendar(period, zone, starts_on).window(at(now)).unwrap()
}

#[test]
fn midnight_belongs_to_the_new_day() {
    let old = window(Period::Day, "UTC", None, "2026-11-21T23:59:59.999999999Z");
    let new = window(Period::Day, "UTC", None, "2026-11-22T00:00:00Z");

    assert_eq!(old.end, new.start);
    assert_ne!(old.id, new.id);
    assert_eq!(new.end - new.start, 24 * HOUR);
}

#[test]
fn month_ends_after_its_last_day() {
    for (now, end) in [
        ("2026-01-31T12:00:00Z", "2026-02-01T00:00:00Z"),
        ("2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
        ("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
    ] {
        assert_eq!(
            window(Period::Month, "UTC", None, now).end,
            at(end),
            "{now}"
        );
    }
}

#[test]
fn instant_before_1970_has_a_day() {
    assert_eq!(
        window(Period::Day, "UTC", None, "1969-12-31T23:00:00Z").end,
        0
    );
}

#[test]
fn instant_outside_the_calendar_has_no_window() {
    assert_eq!(Calendar::days().window(Nanos::MAX), None);
    assert_eq!(
        calendar(Period::Month, "Europe/Berlin", None).window(at("9999-12-30T00:00:00Z")),
        None
    );
}

#[test]
fn week_starts_on_the_configured_day() {
    // 2026-11-22 is a Sunday.
    for (starts_on, first_day) in [
        (None, "2026-11-16"),
        (Some(1), "2026-11-16"),
        (Some(7), "2026-11-22"),
    ] {
        let week = window(Period::Week, "UTC", starts_on, "2026-11-22T12:00:00Z");
        assert_eq!(week.id.first_day.to_string(), first_day);
        assert_eq!(week.end - week.start, 7 * 24 * HOUR);
    }
}

#[test]
fn iso_week_53_is_one_window() {
    let week = window(Period::Week, "UTC", None, "2027-01-01T00:00:00Z");
    assert_eq!(
        (week.id.first_day, week.end),
        (date(2026, 12, 28), at("2027-01-04T00:00:00Z"))
    );

    assert_eq!(week.id.first_day.iso_week_date().week(), 53);
    assert_eq!(
        window(Period::Week, "UTC", None, "2026-12-31T23:59:59Z"),
        week
    );
}

#[test]
fn month_from_the_31st_starts_on_the_last_day_of_shorter_months() {
    for year in [2026, 2028] {
        let calendar = calendar(Period::Month, "UTC", Some(31));
        let (mut now, mut first_days) = (at(&format!("{year}-01-31T00:00:00Z")), Vec::new());
        while first_days.len() < 13 {
            let window = calendar.window(now).unwrap();
            assert_eq!(window.start, now);
            first_days.push(window.id.first_day);
            now = window.end;
        }

        assert!(
            first_days.iter().all(|day| *day == day.last_of_month()),
            "{first_days:?}"
        );
        assert_eq!(first_days[12], date(year + 1, 1, 31));
    }

    let before = window(Period::Month, "UTC", Some(31), "2026-03-30T23:59:59Z");
    assert_eq!(before.id.first_day, date(2026, 2, 28));
}

#[test]
fn days_on_which_the_clock_changes_are_one_window_each() {
    for (zone, day, hours) in [
        ("Europe/Berlin", "2026-03-29T10:00:00Z", 23),
        ("Europe/Berlin", "2026-10-25T10:00:00Z", 25),
        ("America/New_York", "2026-03-08T15:00:00Z", 23),
        ("America/New_York", "2026-11-01T15:00:00Z", 25),
        ("Australia/Lord_Howe", "2026-04-05T03:00:00Z", 24),
    ] {
        let window = window(Period::Day, zone, None, day);
        let half = if zone.ends_with("Howe") { HOUR / 2 } else { 0 };
        assert_eq!(
            window.end - window.start,
            hours * HOUR + half,
            "{zone} {day}"
        );
    }
}

#[test]
fn repeated_hour_is_in_one_window() {
    let calendar = calendar(Period::Day, "Europe/Berlin", None);
    let day = calendar.window(at("2026-10-25T00:30:00Z")).unwrap();

    for now in [
        "2026-10-24T22:00:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T22:59:59.999999999Z",
    ] {
        assert_eq!(calendar.window(at(now)).unwrap(), day, "{now}");
    }
    assert_eq!(day.end, at("2026-10-25T23:00:00Z"));
}

#[test]
fn day_without_midnight_begins_with_its_first_instant() {
    // Cairo's clock goes from midnight to 01:00 on 2026-04-24.
    let day = window(Period::Day, "Africa/Cairo", None, "2026-04-24T12:00:00Z");
    assert_eq!(
        (day.start, day.end - day.start),
        (at("2026-04-23T22:00:00Z"), 23 * HOUR)
    );
}

#[test]
fn calendar_ids_differ_and_utc_days_and_months_have_fixed_ids() {
    let all = [
        calendar(Period::Day, "UTC", None),
        calendar(Period::Month, "utc", Some(1)),
        calendar(Period::Month, "UTC", Some(2)),
        calendar(Period::Week, "UTC", None),
        calendar(Period::Week, "UTC", Some(7)),
        calendar(Period::Day, "Europe/Berlin", None),
        calendar(Period::Day, "Europe/Paris", None),
    ];
    assert_eq!(
        (all[0].id(), all[1].id()),
        (CalendarId::DAY, CalendarId::MONTH)
    );

    for (index, calendar) in all.iter().enumerate() {
        assert!(
            all[..index]
                .iter()
                .all(|earlier| earlier.id() != calendar.id()),
            "{calendar:?}"
        );
    }
}

#[test]
fn all_names_of_a_time_zone_yield_the_same_calendar() {
    let id = |period, zone, starts_on| Calendar::new(period, zone, starts_on).unwrap().id();
    for zone in [
        "UTC",
        "utc",
        "Etc/UTC",
        "Zulu",
        "Universal",
        "GMT",
        "Etc/GMT0",
    ]
    .map(Some)
    {
        assert_eq!(id(Period::Day, zone, None), CalendarId::DAY, "{zone:?}");
        assert_eq!(id(Period::Month, zone, None), CalendarId::MONTH, "{zone:?}");
        assert_eq!(
            id(Period::Week, zone, Some(7)),
            id(Period::Week, None, Some(7)),
            "{zone:?}"
        );
    }

    for zone in ["europe/berlin", "EUROPE/BERLIN", "Europe/Stockholm"] {
        assert_eq!(
            id(Period::Month, Some(zone), None),
            id(Period::Month, Some("Europe/Berlin"), None),
            "{zone}"
        );
    }
    assert_ne!(
        id(Period::Month, Some("Europe/Paris"), None),
        id(Period::Month, Some("Europe/Berlin"), None)
    );
}

#[test]
fn stored_calendar_has_the_id_of_earlier_releases() {
    for (zone, id) in [
        (
            "Europe/Berlin",
            id_of(Period::Month, Some("Europe/Berlin"), 1),
        ),
        (
            "europe/berlin",
            id_of(Period::Month, Some("europe/berlin"), 1),
        ),
        ("Etc/UTC", id_of(Period::Month, Some("Etc/UTC"), 1)),
        ("utc", CalendarId::MONTH),
    ] {
        let stored = Calendar::from_stored(Period::Month, Some(zone), None).unwrap();
        assert_eq!(stored.id(), id, "{zone}");

        let now = at("2026-11-22T12:00:00Z");
        assert_eq!(
            stored.window(now).unwrap().start,
            calendar(Period::Month, zone, None)
                .window(now)
                .unwrap()
                .start
        );
    }
}

#[test]
fn unknown_time_zones_and_invalid_first_days_are_errors() {
    for zone in ["Europe/Atlantis", "Factory", "Etc/Unknown", "", "-03:00"] {
        assert_eq!(
            Calendar::new(Period::Day, Some(zone), None),
            Err(CalendarError::TimeZone),
            "{zone}"
        );
    }

    for (period, starts_on) in [
        (Period::Day, 1),
        (Period::Week, 0),
        (Period::Week, 8),
        (Period::Month, 0),
        (Period::Month, 32),
    ] {
        assert!(
            Calendar::new(period, None, Some(starts_on)).is_err(),
            "{period} {starts_on}"
        );
    }
}

proptest! {
    /// In every valid zone, each instant is in its window, and there are no gaps between windows.
    #[test]
    fn windows_cover_all_time_without_gaps(zone in any::<prop::sample::Index>(), second in 0_i64..4_000_000_000, starts_on in 1_u8..32) {
        let names = jiff::tz::db().available().map(|name| name.to_string());
        let names: Vec<_> = names.filter(|name| name != "Factory" && name != "Etc/Unknown").collect();
        let (zone, now) = (zone.get(&names), Nanos::from(second) * SECOND);
        for (period, starts_on) in
            [(Period::Day, None), (Period::Week, Some(starts_on % 7 + 1)), (Period::Month, Some(starts_on))]
        {
            let calendar = calendar(period, zone, starts_on);
            let window = calendar.window(now).unwrap();
            prop_assert!(window.start <= now && now < window.end, "{zone} {period} {window:?}");
            prop_assert_eq!(calendar.window(window.end).unwrap().start, window.end);
            prop_assert_eq!(calendar.window(window.start).unwrap(), window);
            prop_assert!(window.end <= window.id.latest_end().unwrap() + 15 * HOUR);
        }
    }

    /// The days include those on which the clock of St. John's was set back from 00:01 to 23:01.
    #[test]
    fn windows_do_not_depend_on_earlier_ones(
        zone in prop::sample::select(vec!["UTC", "America/St_Johns", "America/Havana", "Europe/Berlin", "Pacific/Apia"]),
        minutes in proptest::collection::vec(-3000_i128..3000, 1..20), starts_on in 1_u8..32,
    ) {
        let midnight = at("2010-11-07T02:30:00Z");
        for (period, starts_on) in [
            (Period::Day, None), (Period::Week, Some(7)), (Period::Month, Some(7)), (Period::Month, Some(starts_on)),
            (Period::Year, None),
        ] {
            let calendar = calendar(period, zone, starts_on);
            for minute in &minutes {
                let now = midnight + minute * 60 * SECOND;
                prop_assert_eq!(calendar.window(now), calendar.clone().window(now), "{} {}", zone, period);
            }
        }
    }
}

#[test]
fn window_is_computed_once() {
    for zone in ["UTC", "Europe/Berlin", "America/Havana"] {
        let days = calendar(Period::Day, zone, None);
        let window = days.window(at("2026-11-22T12:00:00Z")).unwrap();

        let known = days.last.containing(window.end - 1);
        assert_eq!(known, Some((window.start, window.end, window.id.first_day)));
    }
}

fn plain(period: Period, zone: Option<&str>) -> Calendar {
    Calendar::new(period, zone, None).unwrap()
}

#[test]
fn hour_begins_and_ends_with_the_full_hour() {
    let noon = 1_795_348_800 * SECOND; // 2026-11-22T12:00:00Z
    let hours = plain(Period::Hour, None);
    let window = hours.window(noon + 1).unwrap();
    assert_eq!((window.start, window.end), (noon, noon + 3600 * SECOND));
    assert_eq!(window.id.calendar, CalendarId::of_hour(12));
    assert_eq!(window.id.latest_end(), Some(window.end));

    let before = hours.window(noon - 1).unwrap();
    assert_eq!(before.end, window.start);
    assert_ne!(before.id, window.id);
}

#[test]
fn year_begins_in_its_time_zone() {
    let midnight = 1_798_761_600 * SECOND; // 2027-01-01T00:00:00Z
    let utc = plain(Period::Year, None);
    let window = utc.window(midnight - 1).unwrap();
    assert_eq!(
        (window.end, window.end - window.start),
        (midnight, 365 * 86_400 * SECOND)
    );
    assert_eq!(window.id.latest_end(), Some(midnight));

    let kolkata = plain(Period::Year, Some("Asia/Kolkata"));
    let window = kolkata.window(midnight).unwrap();
    assert_eq!(window.start, midnight - 19_800 * SECOND);
    assert!(window.id.calendar.zoned_year().is_some());
    assert!(window.id.latest_end().unwrap() >= window.end);
}

#[test]
fn total_has_one_window_that_never_ends() {
    let total = plain(Period::Total, None);
    let windows =
        [0, 1_795_348_800 * SECOND, Window::NEVER - 1].map(|now| total.window(now).unwrap());
    assert!(
        windows
            .iter()
            .all(|window| *window == windows[0] && window.is_endless())
    );
    assert_eq!(windows[0].id.latest_end(), Some(Window::NEVER));
}

#[test]
fn hour_year_and_total_have_no_first_day_and_hour_and_total_no_time_zone() {
    for period in [Period::Hour, Period::Year, Period::Total] {
        assert!(Calendar::new(period, None, Some(1)).is_err(), "{period}");
    }
    for period in [Period::Hour, Period::Total] {
        let result = Calendar::new(period, Some("Asia/Kolkata"), None);
        assert!(
            matches!(result, Err(CalendarError::NoTimeZone(_))),
            "{period}"
        );
    }
}
