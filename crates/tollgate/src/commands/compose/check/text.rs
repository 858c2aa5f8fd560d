//! The report of a check as text: a table of parts per route, then a summary.

use std::fmt::Write as _;
use std::io::Write as _;

use super::report::{PartReport, Report, RouteReport};
use crate::output::{OutputError, Style, Table, escaped};

/// The mark of a part that no rule allows.
const NO_RULE: &str = "no rule";

/// Prints the report.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print(report: &Report<'_>) -> Result<(), OutputError> {
    for route in &report.routes {
        let key = escaped(&route.route.key.to_string());
        writeln!(std::io::stdout(), "{}", Style::stdout().bold(&key))?;
        table(route, report.has_policy).print()?;
        writeln!(std::io::stdout())?;
    }

    writeln!(std::io::stdout(), "{}", summary(report))?;
    Ok(())
}

/// Returns a row per part.
fn table(route: &RouteReport<'_>, has_policy: bool) -> Table {
    let mut header = vec!["PART", "STAGE", "SERVICE", "IF_MISSING", "CALL"];
    if has_policy {
        header.push("RULE");
    }
    let mut table = Table::new(&header).numeric(&["STAGE"]);

    for report in &route.parts {
        let part = report.part;
        let stage = report.stage.to_string();
        let call = format!("{} {}", part.method.as_str(), part.template_text());
        let rule = report.rule.unwrap_or(NO_RULE);
        table.row([
            &*part.name,
            &stage,
            report.service,
            if_missing(report),
            &call,
            rule,
        ]);
    }
    table
}

/// Returns the consequence of a missing part.
const fn if_missing(report: &PartReport<'_>) -> &'static str {
    match (report.part.is_required, report.part.fallback.is_some()) {
        (true, _) => "error",
        (false, true) => "fallback",
        (false, false) => "absent",
    }
}

fn summary(report: &Report<'_>) -> String {
    let parts = report.routes.iter().map(|route| route.parts.len()).sum();
    let services = report.compositions.services().len();
    let mut summary = format!(
        "The file is valid: {}, {}, {}.",
        count(report.routes.len(), "route"),
        count(parts, "part"),
        count(services, "service")
    );

    let without_rule = report.parts_without_rule();
    if without_rule > 0 {
        let parts = count(without_rule, "part");
        // Writing to a String cannot fail.
        let _ = write!(summary, " No rule of the policy allows {parts}.");
    }
    summary
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
