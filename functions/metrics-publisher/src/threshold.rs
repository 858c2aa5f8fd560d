//! The log line of a quota threshold, and the event that is made of it.

use std::borrow::Cow;

use hashbrown::HashSet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rejection::Reason;
use crate::scalar::Scalar;

/// The value of `event` in a line about a threshold.
pub(crate) const THRESHOLD_EVENT: &str = "quota_threshold";
/// The longest string in an event. Plans, quotas and key ids are at most 128 bytes long.
const MAX_TEXT_BYTES: usize = 512;
/// The prefix of a caller that is an API key.
const KEY_CALLER: &str = "key#";

/// A line of the authorizer or the limiter about a threshold that a call has crossed.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct ThresholdLine<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    caller: Scalar<'a>,
    #[serde(borrow, default)]
    plan: Scalar<'a>,
    #[serde(borrow, default)]
    quota: Scalar<'a>,
    #[serde(borrow, default)]
    threshold: Scalar<'a>,
    #[serde(borrow, default)]
    used: Scalar<'a>,
    #[serde(borrow, default)]
    limit: Scalar<'a>,
    #[serde(borrow, default)]
    window_start: Scalar<'a>,
    #[serde(borrow, default)]
    window_end: Scalar<'a>,
}

/// The `detail` of an event. A line that is logged again has the same detail `id`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// The id, which depends on the caller, the quota, its limit, its window and the threshold
    /// only.
    pub id: String,
    /// The caller that is charged, as in usage items: `key#acme`.
    pub caller: String,
    /// The id of the key, if the caller is a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The plan.
    pub plan: String,
    /// The name of the quota.
    pub quota: String,
    /// The crossed share of the limit.
    pub threshold: f64,
    /// The units that are used, including those of the call.
    pub used: u64,
    /// The limit with the granted units.
    pub limit: u64,
    /// The start of the window. Absent for a quota that never resets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_start: Option<Timestamp>,
    /// The end of the window. Absent for a quota that never resets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_end: Option<Timestamp>,
}

/// An event that is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdEvent {
    /// The time of the line, in milliseconds since 1970, if it is known.
    pub logged_ms: Option<i64>,
    /// The detail.
    pub detail: Detail,
}

/// The threshold events of one delivery, each once. The size of a delivery limits their number.
#[derive(Debug, Default)]
pub(crate) struct Thresholds {
    is_on: bool,
    ids: HashSet<String>,
    events: Vec<ThresholdEvent>,
}

impl Thresholds {
    /// Creates an empty list. It rejects every line if `is_on` is false.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            ..Self::default()
        }
    }

    /// Adds the event of a line, unless an event with its id is in the list.
    ///
    /// # Errors
    /// [`Reason`] if the switch is off or a field of the line is missing or invalid.
    pub(crate) fn add(&mut self, line: &str, logged_ms: Option<i64>) -> Result<(), Reason> {
        if !self.is_on {
            return Err(Reason::ThresholdEventsOff);
        }
        let line: ThresholdLine<'_> =
            serde_json::from_str(line).map_err(|error| Reason::shape(&error))?;
        let detail = Detail::read(&line)?;

        if self.ids.insert(detail.id.clone()) {
            self.events.push(ThresholdEvent { logged_ms, detail });
        }
        Ok(())
    }

    /// Returns the events in the order of their lines.
    pub(crate) fn into_events(self) -> Vec<ThresholdEvent> {
        self.events
    }
}

impl Detail {
    fn read(line: &ThresholdLine<'_>) -> Result<Self, Reason> {
        let caller = text(&line.caller, "caller")?;

        Ok(Self {
            id: text(&line.id, "id")?,
            key_id: caller.strip_prefix(KEY_CALLER).map(str::to_owned),
            caller,
            plan: text(&line.plan, "plan")?,
            quota: text(&line.quota, "quota")?,
            threshold: share(&line.threshold)?,
            used: units(&line.used, "used")?,
            limit: units(&line.limit, "limit")?,
            window_start: instant(&line.window_start, "window_start")?,
            window_end: instant(&line.window_end, "window_end")?,
        })
    }
}

fn text(value: &Scalar<'_>, field: &'static str) -> Result<String, Reason> {
    let text = value.get().ok_or(Reason::Missing(field))?;
    if text.len() > MAX_TEXT_BYTES {
        return Err(Reason::TooLongText(field));
    }
    Ok(text.to_owned())
}

fn share(value: &Scalar<'_>) -> Result<f64, Reason> {
    let text = value.get().ok_or(Reason::Missing("threshold"))?;
    let share = text.parse().ok();
    share
        .filter(|share: &f64| share.is_finite() && *share > 0.0)
        .ok_or(Reason::NotAShare("threshold"))
}

fn units(value: &Scalar<'_>, field: &'static str) -> Result<u64, Reason> {
    let text = value.get().ok_or(Reason::Missing(field))?;
    text.parse().map_err(|_| Reason::NotUnits(field))
}

fn instant(value: &Scalar<'_>, field: &'static str) -> Result<Option<Timestamp>, Reason> {
    let instant = value.get().map(Cow::Borrowed);
    instant
        .map(|text| text.parse().map_err(|_| Reason::Time(field)))
        .transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LINE: &str = include_str!("../tests/publishing/threshold.json");

    fn added(line: &str) -> Result<Vec<ThresholdEvent>, Reason> {
        let mut thresholds = Thresholds::new(true);
        thresholds.add(line, Some(1_795_348_800_000))?;
        Ok(thresholds.into_events())
    }

    fn with(field: &str, value: Value) -> String {
        let mut line: Value = serde_json::from_str(LINE).unwrap();
        line[field] = value;
        line.to_string()
    }

    #[test]
    fn a_line_becomes_the_detail_of_an_event() {
        let events = added(LINE).unwrap();

        assert_eq!(events.len(), 1);
        assert_eq!(
            serde_json::to_value(&events[0].detail).unwrap(),
            json!({
                "id": "5b3c2a9d1e4f60718293a4b5c6d7e8f0", "caller": "key#acme", "key_id": "acme", "plan": "pro",
                "quota": "month", "threshold": 0.8, "used": 800_000, "limit": 1_000_000,
                "window_start": "2026-11-01T00:00:00Z", "window_end": "2026-12-01T00:00:00Z",
            })
        );
    }

    #[test]
    fn a_group_has_no_key_id_and_a_total_has_no_window() {
        let mut line: Value = serde_json::from_str(&with("caller", json!("group#acme"))).unwrap();
        let fields = line.as_object_mut().unwrap();
        fields.remove("window_start");
        fields.remove("window_end");

        let detail = serde_json::to_value(&added(&line.to_string()).unwrap()[0].detail).unwrap();

        assert_eq!(detail["caller"], "group#acme");
        for absent in ["key_id", "window_start", "window_end"] {
            assert!(detail.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn the_same_id_is_one_event() {
        let mut thresholds = Thresholds::new(true);
        for line in [LINE, LINE, &with("id", json!("other")), LINE] {
            thresholds.add(line, None).unwrap();
        }
        let ids: Vec<_> = thresholds
            .into_events()
            .into_iter()
            .map(|event| event.detail.id)
            .collect();
        assert_eq!(ids, ["5b3c2a9d1e4f60718293a4b5c6d7e8f0", "other"]);
    }

    #[test]
    fn an_invalid_field_is_named() {
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        for (field, value, reason) in [
            ("id", json!(null), Reason::Missing("id")),
            ("caller", json!(""), Reason::Missing("caller")),
            ("plan", json!(long), Reason::TooLongText("plan")),
            ("quota", json!(null), Reason::Missing("quota")),
            ("threshold", json!("80 %"), Reason::NotAShare("threshold")),
            ("threshold", json!("NaN"), Reason::NotAShare("threshold")),
            ("threshold", json!(0), Reason::NotAShare("threshold")),
            ("used", json!(-1), Reason::NotUnits("used")),
            ("limit", json!(1.5), Reason::NotUnits("limit")),
            ("window_end", json!("soon"), Reason::Time("window_end")),
        ] {
            assert_eq!(added(&with(field, value)), Err(reason), "{field}");
        }
        assert!(matches!(
            added(&with("id", json!([]))),
            Err(Reason::Shape(_))
        ));
    }

    #[test]
    fn a_line_is_rejected_while_events_are_off() {
        let added = Thresholds::default().add(LINE, None);
        assert_eq!(added, Err(Reason::ThresholdEventsOff));
    }

    proptest! {
        #[test]
        fn no_line_causes_a_panic(line in any::<String>(), value in any::<String>()) {
            let _ = added(&line);
            for field in ["id", "threshold", "used", "window_start"] {
                let _ = added(&with(field, json!(value)));
            }
        }
    }
}
