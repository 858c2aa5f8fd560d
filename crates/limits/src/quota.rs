//! Quotas, which limit the calls per calendar period or in total.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calendar::CalendarError;
use crate::time_zone::canonical_name;
use crate::{Calendar, Nanos, Period, Share, Window};

/// A quota of a plan.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Quota))]
#[serde(deny_unknown_fields)]
pub struct QuotaDocument {
    /// The name of the quota in `RateLimit-Policy`. The default is the period.
    #[serde(
        default,
        deserialize_with = "crate::present::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false, min_length = 1, max_length = 64))]
    pub name: Option<String>,
    /// The number of calls per period. With 0, only granted calls pass, unless `overage` is `allow`.
    #[serde(deserialize_with = "crate::present::whole")]
    #[cfg_attr(feature = "schema", schema(maximum = 999_999_999_999_999u64))]
    pub limit: u64,
    /// The period after which the quota starts anew.
    pub period: Period,
    /// The time zone of a day, week, month or year, a name of the IANA database. The default is UTC. An alias is
    /// stored as the canonical name of its zone.
    #[serde(
        default,
        deserialize_with = "crate::present::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false, example = "Europe/Berlin"))]
    pub time_zone: Option<String>,
    /// The first day of a week, 1 (Monday) to 7, or of a month, 1 to 31 (the last day of shorter
    /// months). The default is 1.
    #[serde(
        default,
        deserialize_with = "crate::present::present_whole",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = u8, required = false, minimum = 1, maximum = 31))]
    pub starts_on: Option<u8>,
    /// The behavior beyond the limit: calls are refused (`deny`), or they pass, are counted and are
    /// flagged (`allow`). The default is `deny`.
    #[serde(default, skip_serializing_if = "Overage::is_default")]
    pub overage: Overage,
    /// The shares of the limit whose crossing is logged, such as 0.8 and 1. At most 8, ascending,
    /// each above 0 and up to 10.
    #[serde(
        default,
        serialize_with = "crate::plan_document::shortest_all",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[cfg_attr(feature = "schema", schema(max_items = 8, example = json!([0.8, 1])))]
    pub warn_at: Vec<f64>,
}

/// The behavior beyond the limit of a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overage {
    /// Calls are refused.
    #[default]
    Deny,
    /// Calls pass, are counted and are flagged.
    Allow,
}

impl Overage {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde requires a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A function that makes a calendar from a period, a time zone and a first day.
type NewCalendar = fn(Period, Option<&str>, Option<u8>) -> Result<Calendar, CalendarError>;

/// A valid quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// The number of calls per period.
    pub limit: u64,
    /// The calendar, which determines when the quota starts anew.
    pub calendar: Calendar,
    /// True if calls beyond the limit are refused, false if they pass and are counted.
    pub is_hard: bool,
    /// The shares of the limit whose crossing is logged, ascending.
    pub warn_at: Box<[Share]>,
}

impl QuotaDocument {
    /// Returns the document as the registry stores it: with the canonical name of its time zone, so
    /// that every release has the same ids for its windows.
    ///
    /// Earlier releases stored an alias as it was sent, and counted under it. `before` contains the
    /// previous quotas of the plan. If one of them has the same calendar under an alias, the alias
    /// stays, because counts and grants are stored under it.
    pub fn stored(&self, before: &[Self]) -> Self {
        let id_by = |calendar: NewCalendar, quota: &Self| {
            calendar(quota.period, quota.time_zone.as_deref(), quota.starts_on)
                .ok()
                .map(|calendar| calendar.id())
        };
        let id = id_by(Calendar::new, self);
        let is_alias = |quota: &&Self| {
            id_by(Calendar::new, quota) == id && id_by(Calendar::from_stored, quota) != id
        };

        let time_zone = match before.iter().find(is_alias) {
            Some(quota) => quota.time_zone.clone(),
            None => self
                .time_zone
                .as_deref()
                .map(|name| canonical_name(name).unwrap_or(name).to_owned()),
        };

        Self {
            time_zone,
            ..self.clone()
        }
    }

    /// Returns the name in `RateLimit-Policy`.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.period.to_string())
    }
}

impl Quota {
    /// Returns the window that contains `now`. `None` if `now` is outside the calendar.
    #[must_use]
    pub fn window(&self, now: Nanos) -> Option<Window> {
        self.calendar.window(now)
    }

    /// Returns one of `instances` equal shares of the quota. It is at least 1, unless the limit is 0.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            limit: (self.limit / u64::from(instances)).max(self.limit.min(1)),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(period: &str, zone: Option<&str>) -> QuotaDocument {
        let document = serde_json::json!({"limit": 5, "period": period});
        QuotaDocument {
            time_zone: zone.map(str::to_owned),
            ..serde_json::from_value(document).unwrap()
        }
    }

    fn stored(zone: Option<&str>, before: &[QuotaDocument]) -> Option<String> {
        quota("month", zone).stored(before).time_zone
    }

    #[test]
    fn time_zone_is_stored_by_its_canonical_name() {
        for (zone, expected) in [
            (None, None),
            (Some("Etc/UTC"), Some("UTC")),
            (Some("Zulu"), Some("UTC")),
            (Some("europe/berlin"), Some("Europe/Berlin")),
            (Some("Asia/Tokyo"), Some("Asia/Tokyo")),
        ] {
            assert_eq!(stored(zone, &[]).as_deref(), expected, "{zone:?}");
        }
    }

    #[test]
    fn alias_with_stored_counts_stays() {
        let before = [
            quota("day", Some("Zulu")),
            quota("month", Some("Etc/UTC")),
            quota("month", Some("europe/berlin")),
        ];
        for zone in [
            None,
            Some("UTC"),
            Some("Zulu"),
            Some("etc/utc"),
            Some("Etc/UTC"),
        ] {
            assert_eq!(
                stored(zone, &before).as_deref(),
                Some("Etc/UTC"),
                "{zone:?}"
            );
        }
        assert_eq!(
            stored(Some("Europe/Oslo"), &before).as_deref(),
            Some("europe/berlin")
        );
        assert_eq!(
            stored(Some("Europe/Paris"), &before).as_deref(),
            Some("Europe/Paris")
        );
        assert_eq!(
            quota("week", Some("Zulu"))
                .stored(&before)
                .time_zone
                .as_deref(),
            Some("UTC")
        );
    }

    #[test]
    fn canonical_name_replaces_a_missing_time_zone() {
        for before in [None, Some("UTC"), Some("utc")] {
            assert_eq!(
                stored(Some("Zulu"), &[quota("month", before)]).as_deref(),
                Some("UTC"),
                "{before:?}"
            );
        }
    }
}
