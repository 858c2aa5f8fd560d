//! `usage report`.

use std::process::ExitCode;

use admin_client::path;
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::period::PeriodArgs;
use crate::commands::CommandError;
use crate::commands::csv_pages::{CsvPages, print_csv};
use crate::commands::list::ListArgs;
use crate::commands::value_text::text;
use crate::output::Table;

/// The columns of usage.
pub(super) const COLUMNS: [&str; 9] = [
    "KEY_ID", "NAME", "PLAN", "GROUP", "FROM", "TO", "CALLS", "UNITS", "REFUSED",
];
/// The columns with numbers.
pub(super) const NUMBERS: [&str; 3] = ["CALLS", "UNITS", "REFUSED"];

const AFTER_HELP: &str = "\
If the command fails, its output is incomplete: do not bill before it exits with 0. The CSV form has
further columns: time_zone and deleted_at.

Examples:
  tollgate usage report --month 2026-11 --csv > usage.csv
  tollgate usage report --plan pro --by day";

/// The options of `usage report`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReportUsage {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    period: PeriodArgs,
    /// Period of a row
    #[arg(long, value_enum, value_name = "PERIOD", default_value_t)]
    by: By,
    /// Keys on this plan only
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Keys of this group only
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Fail if a plan counts days in another time zone, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Print CSV
    #[arg(long, conflicts_with_all = ["json", "limit"])]
    csv: bool,
}

/// The period of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum By {
    /// One row per key
    #[default]
    Total,
    /// A row per key and day
    Day,
    /// A row per key and month
    Month,
}

/// Prints the usage of all keys page by page, so that a report of any length needs little memory.
pub(super) async fn report(options: ReportUsage) -> Result<ExitCode, CommandError> {
    let client = options.list.target.connect().await?;
    let mut parameters = options.period.parameters();
    let by = options.by.to_possible_value();
    parameters.extend(by.map(|by| ("by", by.get_name().to_owned())));
    for (name, value) in [
        ("plan", &options.plan),
        ("group", &options.group),
        ("time_zone", &options.time_zone),
    ] {
        parameters.extend(value.clone().map(|value| (name, value)));
    }
    let parameters = parameters.iter().map(|(name, value)| (*name, &**value));
    let path = path(&["usage"]).query(&parameters.collect::<Vec<_>>());

    if options.csv {
        // Only the first page has a header.
        let mut pages = CsvPages::new(client, path.to_string());
        while let Some(rows) = pages.next().await? {
            print_csv(&rows)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // A row has another size than a key, so that the API chooses the size of a page.
    let table = Table::new(&COLUMNS).numeric(&NUMBERS);
    let row = |item: &_| row(item).to_vec();
    options.list.print(client.pages(&path), table, row).await
}

/// Returns the cells of a key and a period, in the order of [`COLUMNS`].
pub(super) fn row(item: &Value) -> [String; COLUMNS.len()] {
    let cell = |name: &str| text(&item[name]);
    let key_id = match &item["deleted_at"] {
        Value::Null => cell("key_id"),
        _ => format!("{} (deleted)", cell("key_id")),
    };
    [
        key_id,
        cell("name"),
        cell("plan"),
        cell("group"),
        cell("from"),
        cell("to"),
        cell("calls"),
        cell("units"),
        cell("refused"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn deleted_key_is_marked() {
        let mut item = json!({"key_id": "acme", "name": "Acme", "plan": "pro", "from": "2026-11-01", "to": "2026-11-30",
            "calls": 3, "units": 5, "refused": 1});
        let cells = [
            "acme",
            "Acme",
            "pro",
            "",
            "2026-11-01",
            "2026-11-30",
            "3",
            "5",
            "1",
        ];
        assert_eq!(row(&item), cells);
        item["deleted_at"] = "2026-11-20T12:00:00Z".into();
        assert_eq!(row(&item)[0], "acme (deleted)");
    }
}
