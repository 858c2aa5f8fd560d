//! The days of a report as options.

use clap::Args;
use jiff::civil::Date;

use crate::instant::{Month, day, month, past_day};

/// The days of a report. Default: the current month to date.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct PeriodArgs {
    /// Month such as 2026-11. Default: the current month to date
    #[arg(long, value_name = "MONTH", value_parser = month, conflicts_with_all = ["from", "to"])]
    month: Option<Month>,
    /// First day, or a duration such as 7d for the day that long ago, in UTC
    #[arg(long, value_name = "DAY", value_parser = past_day)]
    from: Option<Date>,
    /// Last day, at most 366 days in total
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Date>,
}

impl PeriodArgs {
    /// Returns the parameters of the API.
    pub(super) fn parameters(self) -> Vec<(&'static str, String)> {
        let (from, to) = match self.month {
            Some(month) => (Some(month.first), Some(month.last)),
            None => (self.from, self.to),
        };
        let days = [("from", from), ("to", to)].into_iter();
        days.filter_map(|(name, day)| Some((name, day?.to_string())))
            .collect()
    }
}
