//! Calendar quotas: so many calls a day, a week or a month.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Calendar, Nanos, Period, Window};

/// A quota as written in a plan.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaDocument {
    /// The policy's name; the period's where absent.
    #[serde(default, deserialize_with = "crate::present::present", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Calls per period. With 0, only granted calls pass.
    #[serde(deserialize_with = "crate::present::whole")]
    pub limit: u64,
    /// When it starts anew.
    pub period: Period,
    /// By whose clock, as the IANA database names it (`Europe/Berlin`); UTC where absent.
    #[serde(default, deserialize_with = "crate::present::present", skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// A week's first day, 1 (Monday) to 7, or a month's, 1 to 31 (its last day where it has fewer); 1 where absent.
    #[serde(default, deserialize_with = "crate::present::present_whole", skip_serializing_if = "Option::is_none")]
    pub starts_on: Option<u8>,
}

/// A quota, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The policy's name in `RateLimit-Policy`.
    pub name: Arc<str>,
    /// Calls a period.
    pub limit: u64,
    /// When it starts anew.
    pub calendar: Calendar,
}

impl QuotaDocument {
    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.period.to_string())
    }
}

impl Quota {
    /// The window that `now` falls in. `None` where the calendar does not reach.
    #[must_use]
    pub fn window(&self, now: Nanos) -> Option<Window> {
        self.calendar.window(now)
    }

    /// One of `instances` equal shares of it, at least one call where it is not 0.
    pub(crate) fn share(&self, instances: u32) -> Self {
        Self { limit: (self.limit / u64::from(instances)).max(self.limit.min(1)), ..self.clone() }
    }
}
