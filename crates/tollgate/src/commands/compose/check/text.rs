//! The report of a check as text: a table of parts per route, then a summary.

use std::fmt::Write as _;
use std::io::Write as _;

use super::report::{PartReport, Report, RouteReport, cost, milliseconds};
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
        let key = Style::stdout().bold(&key);
        let details = details(route, report.has_policy);
        writeln!(std::io::stdout(), "{key}  {}", escaped(&details))?;
        table(route, report.has_policy).print()?;
        writeln!(std::io::stdout())?;
    }

    writeln!(std::io::stdout(), "{}", summary(report))?;
    Ok(())
}

/// Returns the timeout, the cost and the versions of a route, and its rule.
fn details(route: &RouteReport<'_>, has_policy: bool) -> String {
    let timeout = milliseconds(route.route.timeout);
    let mut details = format!("timeout {timeout} ms, cost {}", cost(route.route));
    let versions = route.route.versions.len();
    if versions > 0 {
        details.push_str(&format!(", {}", count(versions, "version")));
    }
    if has_policy {
        match route.rule {
            Some(rule) => details.push_str(&format!(", rule {rule}")),
            None => details.push_str(", no rule"),
        }
    }
    details
}

/// Returns a row per part.
fn table(route: &RouteReport<'_>, has_policy: bool) -> Table {
    let mut header = vec![
        "PART",
        "STAGE",
        "SERVICE",
        "IF_MISSING",
        "TIMEOUT",
        "CHARGED",
        "CALL",
    ];
    if has_policy {
        header.push("RULE");
    }
    let mut table = Table::new(&header).numeric(&["STAGE", "TIMEOUT"]);

    for report in &route.parts {
        let part = report.part;
        let stage = report.stage.to_string();
        let timeout = format!("{} ms", milliseconds(part.timeout));
        let charged = if part.is_charged { "yes" } else { "no" };
        let call = format!("{} {}", part.method.as_str(), part.template_text());
        let rule = report.rule.unwrap_or(NO_RULE);
        table.row([
            &*part.name,
            &stage,
            report.service,
            if_missing(report),
            &timeout,
            charged,
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
    let routes_without_rule = report.routes_without_rule();
    if routes_without_rule > 0 {
        let routes = count(routes_without_rule, "route");
        let _ = write!(summary, " No rule of the policy allows {routes}.");
    }
    summary
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}
