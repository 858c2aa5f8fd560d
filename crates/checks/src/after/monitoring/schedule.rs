//! The period of a schedule of EventBridge.

use jiff::SignedDuration;

/// The time until a metric of EventBridge has data of the last minute.
const METRICS_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// Returns the longest time between two runs, or `None` if the expression is not understood. For
/// `cron(…)`, the time can be too long, but not too short.
pub(super) fn period(expression: &str) -> Option<SignedDuration> {
    let (kind, rest) = expression.trim().split_once('(')?;
    let fields: Vec<&str> = rest.strip_suffix(')')?.split_whitespace().collect();
    match (kind, fields.as_slice()) {
        ("rate", [value, unit]) => rate(value.parse().ok()?, unit),
        ("cron", fields) => cron(fields.try_into().ok()?),
        _ => None,
    }
}

/// Returns the time in which a run has to be visible: one period, and the delay of the metrics. A
/// rule that runs once a day is late after an hour.
pub(super) fn window(period: SignedDuration) -> SignedDuration {
    period + METRICS_DELAY.max(period / 24)
}

fn rate(value: i64, unit: &str) -> Option<SignedDuration> {
    let minutes = match unit.trim_end_matches('s') {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    let minutes = value.checked_mul(minutes).filter(|it| *it > 0)?;
    SignedDuration::try_from_mins(minutes)
}

/// Returns the period of `minutes hours day-of-month month day-of-week year`.
fn cron(fields: [&str; 6]) -> Option<SignedDuration> {
    let [minutes, hours, day_of_month, month, day_of_week, year] = fields;
    let is_any = |field: &str| matches!(field, "*" | "?");
    if !is_any(year) {
        // It can end.
        return None;
    }

    let days = |count: i64| Some(SignedDuration::from_hours(24 * count));
    if !is_any(month) {
        return days(366);
    }
    if !is_any(day_of_month) {
        return days(31);
    }
    if !is_any(day_of_week) {
        return days(7);
    }
    match (step(hours), step(minutes)) {
        (None, _) => days(1),
        (Some(1), Some(minutes)) => Some(SignedDuration::from_mins(minutes)),
        (Some(hours), _) => Some(SignedDuration::from_hours(hours)),
    }
}

/// Returns the step of `*` or `0/15`, or `None` for single values.
fn step(field: &str) -> Option<i64> {
    match field.split_once('/') {
        Some(("*" | "0", step)) => step.parse().ok().filter(|step| *step > 0),
        _ => (field == "*").then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_of_expressions() {
        for (expression, minutes) in [
            ("rate(1 minute)", Some(1)),
            ("rate(15 minutes)", Some(15)),
            ("rate(2 hours)", Some(120)),
            ("rate(1 day)", Some(1440)),
            ("cron(* * * * ? *)", Some(1)),
            ("cron(0/15 * * * ? *)", Some(15)),
            ("cron(5 * * * ? *)", Some(60)),
            ("cron(0 */6 * * ? *)", Some(360)),
            ("cron(0 12 * * ? *)", Some(1440)),
            ("cron(0 12 ? * MON *)", Some(7 * 1440)),
            ("cron(0 12 1 * ? *)", Some(31 * 1440)),
            ("cron(0 12 1 1 ? *)", Some(366 * 1440)),
            ("cron(0 12 1 1 ? 2026)", None),
            ("cron(0 12 *)", None),
            ("rate(0 minutes)", None),
            ("rate(9223372036854775807 days)", None),
            ("rate(x minutes)", None),
            ("rate(1 week)", None),
            ("", None),
        ] {
            let expected = minutes.map(SignedDuration::from_mins);
            assert_eq!(period(expression), expected, "{expression}");
        }
    }

    #[test]
    fn windows_include_the_delay_of_metrics() {
        for (minutes, expected) in [(1, 6), (15, 20), (24 * 60, 25 * 60)] {
            let expected = SignedDuration::from_mins(expected);
            assert_eq!(window(SignedDuration::from_mins(minutes)), expected);
        }
    }
}
