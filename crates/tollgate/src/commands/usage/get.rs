//! `usage get`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::caller::Caller;
use super::period::PeriodArgs;
use super::watch::WatchArgs;
use crate::commands::CommandError;
use crate::commands::value_text::text;
use crate::output::{OutputArgs, OutputError, Table, print_json};
use crate::target::TargetArgs;

const EXAMPLES: &str = "\
Examples:
  tollgate usage get acme
  tollgate usage get group/acme --plan pro --watch 10
  tollgate usage get ip/192.0.2.7 --plan free";

/// The options of `usage get`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GetUsage {
    /// Key id, or a caller as in logs: group/NAME, sub/ID, cert/ID or ip/ADDRESS
    #[arg(value_name = "KEY_ID|CALLER", value_parser = Caller::parse)]
    caller: Caller,
    /// Plan of a caller that is not a key, whose quotas are shown. Required for an address
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Prints the usage of a caller, once or repeatedly.
pub(super) async fn get(options: GetUsage) -> Result<ExitCode, CommandError> {
    let mut parameters = options.period.parameters();
    match (&options.caller, &options.plan) {
        (Caller::Key(_), Some(_)) => {
            let problem = "--plan is for callers that are not keys; a key has its own plan";
            return Err(CommandError::usage(problem));
        }
        (_, Some(plan)) => parameters.push(("plan", plan.clone())),
        (_, None) => {}
    }
    let parameters = parameters.iter().map(|(name, value)| (*name, &**value));
    let path = options
        .caller
        .path(&["usage"])
        .query(&parameters.collect::<Vec<_>>());

    let client = options.target.connect().await?;
    let read = async || Ok(client.get(&path).await?.json()?);
    let is_json = options.output.json;
    let print = |report: &Value| match is_json {
        true => Ok(print_json(report)?),
        false => show(report),
    };
    options.watch.show(read, print).await
}

/// Prints the quotas, and the days with calls.
fn show(report: &Value) -> Result<(), CommandError> {
    let mut output = std::io::stdout();
    let quotas = report["quotas"].as_array().map_or(&[][..], Vec::as_slice);
    if !quotas.is_empty() {
        let mut table = Table::new(&["QUOTA", "PERIOD", "LIMIT", "USED", "REMAINING", "ENDS"]);
        table = table.numeric(&["LIMIT", "USED", "REMAINING"]);
        for quota in quotas {
            let cell = |name: &str| text(&quota[name]);
            let usage = |place: usize| text(&quota["usage"][place]);
            let cells = [
                cell("name"),
                cell("period"),
                cell("limit"),
                usage(0),
                usage(1),
                cell("ends_at"),
            ];
            table.row(cells);
        }
        table.print()?;
        writeln!(output).map_err(OutputError::from)?;
    }

    let mut table = Table::new(&["DAY", "CALLS", "UNITS", "REFUSED"]);
    table = table.numeric(&["CALLS", "UNITS", "REFUSED"]);
    let days = report["days"].as_array().map_or(&[][..], Vec::as_slice);
    for day in days.iter().filter(|day| has_calls(day)) {
        let cell = |name: &str| text(&day[name]);
        table.row([cell("date"), cell("calls"), cell("used"), cell("refused")]);
    }
    table.row(totals(days));
    Ok(table.print()?)
}

fn has_calls(day: &Value) -> bool {
    ["calls", "used", "refused"]
        .iter()
        .any(|name| day[name] != 0)
}

fn totals(days: &[Value]) -> [String; 4] {
    let total = |name: &str| {
        let values = days.iter().filter_map(|day| day[name].as_u64());
        values.fold(0_u64, u64::saturating_add).to_string()
    };
    [
        "total".to_owned(),
        total("calls"),
        total("used"),
        total("refused"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn total_is_the_sum_of_the_days() {
        let days = [
            json!({"date": "2026-11-01", "calls": 1, "used": 2, "refused": 0}),
            json!({"date": "2026-11-02", "calls": 3, "used": 4, "refused": 5}),
            json!({"date": "2026-11-03", "calls": 0, "used": 0, "refused": 0}),
        ];
        assert_eq!(totals(&days), ["total", "4", "6", "5"]);
        assert!(has_calls(&days[1]) && !has_calls(&days[2]));
    }
}
