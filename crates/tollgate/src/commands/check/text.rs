//! The result for people.

use std::collections::BTreeSet;
use std::io::Write as _;

use checks::{DOCUMENTATION, Outcome, Report, Status};

use crate::output::{OutputError, Style, escaped, stdout_columns, wrapped};

/// The indentation of what was found.
const INDENT: &str = "    ";
/// The most lines about what was found. `--verbose` has no limit.
const MAX_DETAILS: usize = 10;
/// The statuses in the order of the last line, each with its name.
const COUNTED: [(Status, &str); 7] = [
    (Status::Ok, "ok"),
    (Status::Warning, "warning"),
    (Status::Failed, "failed"),
    (Status::Error, "error"),
    (Status::NotChecked, "not checked"),
    (Status::NotProven, "not proven"),
    (Status::NotApplicable, "not applicable"),
];

/// Prints a report.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print(report: &Report, is_verbose: bool) -> Result<(), OutputError> {
    let form = Form {
        style: Style::stdout(),
        has_symbols: has_symbols(),
        columns: stdout_columns(),
        is_verbose,
    };
    let mut output = std::io::stdout().lock();
    output.write_all(form.text(report).as_bytes())?;
    output.flush()?;
    Ok(())
}

/// True if the terminal can show characters that are not ASCII.
fn has_symbols() -> bool {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable);
    let locale = names.into_iter().find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    variable("TERM") != "dumb" && (locale.contains("utf-8") || locale.contains("utf8"))
}

/// The form of the output.
struct Form {
    style: Style,
    has_symbols: bool,
    /// The width of the terminal. `None` for a file or a pipe, in which lines are not wrapped.
    columns: Option<usize>,
    is_verbose: bool,
}

impl Form {
    fn text(&self, report: &Report) -> String {
        let mut text = String::new();
        let mut group = None;
        for outcome in report.outcomes.iter().filter(|one| self.is_shown(one)) {
            if group != Some(outcome.check.group) {
                if group.is_some() {
                    text.push('\n');
                }
                group = Some(outcome.check.group);
                let name = outcome.check.group.name();
                let heading = format!("{name}\n{}", "-".repeat(name.len()));
                for line in heading.lines() {
                    text.push_str(&self.style.bold(line));
                    text.push('\n');
                }
            }
            self.add_outcome(&mut text, outcome);
        }

        if group.is_some() {
            text.push('\n');
        }
        self.add_line(&mut text, "", &counts(report));
        if let Some(permissions) = missing_permissions(report) {
            self.add_line(&mut text, "", &escaped(&permissions));
        }
        self.add_line(&mut text, "", &conclusion(report));
        text
    }

    fn is_shown(&self, outcome: &Outcome) -> bool {
        self.is_verbose || outcome.verdict.status != Status::NotApplicable
    }

    fn add_outcome(&self, text: &mut String, outcome: &Outcome) {
        let status = outcome.verdict.status;
        let (symbol, title) = (self.symbol(status), outcome.check.title);
        let title = format!("{title}{}", label(status));
        let columns = self.columns.map(|columns| columns.saturating_sub(2));
        for (index, line) in wrapped(&title, columns).iter().enumerate() {
            let start = if index == 0 { &symbol } else { " " };
            text.push_str(&format!("{start} {line}\n"));
        }
        if status == Status::Ok && !self.is_verbose {
            return;
        }

        let details = &outcome.verdict.details;
        let lines: Vec<&str> = details.iter().flat_map(|detail| detail.lines()).collect();
        let shown = if self.is_verbose || lines.len() <= MAX_DETAILS {
            lines.len()
        } else {
            MAX_DETAILS - 1
        };
        for line in &lines[..shown] {
            self.add_line(text, INDENT, &escaped(line));
        }
        if shown < lines.len() {
            let rest = lines.len() - shown;
            self.add_line(text, INDENT, &format!("… and {rest} more: see --verbose"));
        }
        if let Some(fix) = outcome.fix() {
            self.add_line(text, INDENT, &format!("Fix: {}", escaped(fix)));
        }
        if !matches!(status, Status::Ok | Status::NotApplicable) {
            let link = format!("See {DOCUMENTATION}#{}", outcome.check.id);
            self.add_line(text, INDENT, &link);
        }
    }

    /// Adds a paragraph, wrapped to the terminal.
    fn add_line(&self, text: &mut String, indent: &str, line: &str) {
        let columns = self
            .columns
            .map(|columns| columns - indent.len().min(columns));
        for line in wrapped(line, columns) {
            text.push_str(indent);
            text.push_str(&line);
            text.push('\n');
        }
    }

    fn symbol(&self, status: Status) -> String {
        let symbol = |unicode: &'static str, ascii: &'static str| {
            if self.has_symbols { unicode } else { ascii }
        };
        match status {
            Status::Ok => self.style.green(symbol("√", "+")),
            Status::Failed | Status::Error => self.style.red(symbol("×", "x")),
            Status::Warning | Status::NotChecked | Status::NotProven => {
                self.style.yellow(symbol("‼", "!"))
            }
            Status::NotApplicable => "-".to_owned(),
        }
    }
}

/// Returns the end of the title, for statuses that have the symbol of another one.
const fn label(status: Status) -> &'static str {
    match status {
        Status::NotChecked => " (not checked)",
        Status::NotProven => " (not proven)",
        Status::Error => " (error)",
        Status::NotApplicable => " (not applicable)",
        Status::Ok | Status::Warning | Status::Failed => "",
    }
}

fn counts(report: &Report) -> String {
    let counts: Vec<String> = COUNTED
        .into_iter()
        .map(|(status, name)| (report.count(status), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| {
            let plural = if count > 1 && matches!(name, "warning" | "error") {
                "s"
            } else {
                ""
            };
            format!("{count} {name}{plural}")
        })
        .collect();
    let target = escaped(&report.target);
    format!("{target}: {}", counts.join(", "))
}

/// Returns the permissions for lack of which facts were not checked.
fn missing_permissions(report: &Report) -> Option<String> {
    let outcomes = report.outcomes.iter();
    let not_checked = outcomes.filter(|one| one.verdict.status == Status::NotChecked);
    let details = not_checked.flat_map(|outcome| &outcome.verdict.details);
    let needed: BTreeSet<&str> = details.filter_map(|it| it.strip_prefix("needs ")).collect();

    let names: Vec<&str> = needed.into_iter().collect();
    (!names.is_empty()).then(|| format!("Missing permissions: {}", names.join(", ")))
}

/// Returns the last line, with the ids of the checks that need attention, for `--only`.
fn conclusion(report: &Report) -> String {
    let ids = |statuses: &[Status]| {
        let outcomes = report.outcomes.iter();
        let named = outcomes.filter(|outcome| statuses.contains(&outcome.verdict.status));
        let ids: Vec<&str> = named.map(|outcome| outcome.check.id).collect();
        ids.join(",")
    };

    if report.has_failed() {
        format!("Failed: {}", ids(&[Status::Failed, Status::Error]))
    } else if report.has_warnings() {
        let open = [Status::Warning, Status::NotChecked, Status::NotProven];
        format!("No check failed. To look at: {}", ids(&open))
    } else {
        "All checks passed.".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use checks::{Check, Group, Verdict};

    use super::*;

    const fn described(id: &'static str, group: Group) -> Check {
        Check {
            id,
            group,
            title: "The gate is closed",
            explanation: "Otherwise everything passes.",
            fix: "Close the gate.",
            permissions: &[],
            evidence: None,
        }
    }

    const NETWORK: Check = described("gate", Group::Network);
    const REQUESTS: Check = described("requests-gate", Group::Requests);

    fn report(verdicts: &[(&'static Check, Verdict)]) -> Report {
        let outcome = |(check, verdict): &(&'static Check, Verdict)| Outcome {
            check,
            verdict: verdict.clone(),
        };
        Report {
            target: "stack a".to_owned(),
            outcomes: verdicts.iter().map(outcome).collect(),
        }
    }

    fn form(columns: Option<usize>, is_verbose: bool) -> Form {
        Form {
            style: Style::plain(),
            has_symbols: true,
            columns,
            is_verbose,
        }
    }

    #[test]
    fn groups_have_headings_and_open_checks_a_next_step() {
        let report = report(&[
            (&NETWORK, Verdict::ok("closed")),
            (&REQUESTS, Verdict::failed("open\nwide")),
        ]);
        assert_eq!(
            form(None, false).text(&report),
            "network\n-------\n√ The gate is closed\n\n\
             requests\n--------\n× The gate is closed\n    open\n    wide\n    Fix: Close the gate.\n    \
             See docs/operations/check.md#requests-gate\n\n\
             stack a: 1 ok, 1 failed\nFailed: requests-gate\n"
        );
    }

    #[test]
    fn statuses_without_a_symbol_are_named() {
        for (verdict, line) in [
            (
                Verdict::not_checked("a"),
                "‼ The gate is closed (not checked)\n    a\n",
            ),
            (
                Verdict::not_proven("b"),
                "‼ The gate is closed (not proven)\n    b\n",
            ),
            (Verdict::error("c"), "× The gate is closed (error)\n    c\n"),
        ] {
            let text = form(None, false).text(&report(&[(&NETWORK, verdict)]));
            assert!(text.contains(line), "{text}");
            assert!(text.contains("#gate\n"), "{text}");
        }
    }

    #[test]
    fn inapplicable_checks_are_counted_and_shown_on_request() {
        let report = report(&[(&NETWORK, Verdict::not_applicable("no gate"))]);
        let short = form(None, false).text(&report);
        assert_eq!(short, "stack a: 1 not applicable\nAll checks passed.\n");
        let long = form(None, true).text(&report);
        assert!(
            long.contains("- The gate is closed (not applicable)\n    no gate\n"),
            "{long}"
        );
    }

    #[test]
    fn many_details_are_counted() {
        let problems: Vec<String> = (0..12).map(|index| format!("gate {index}")).collect();
        let report = report(&[(&NETWORK, Verdict::of_problems(problems, ""))]);
        let short = form(None, false).text(&report);
        assert!(
            short.contains("    gate 8\n    … and 3 more: see --verbose\n"),
            "{short}"
        );
        assert!(form(None, true).text(&report).contains("    gate 11\n"));
    }

    #[test]
    fn missing_permissions_are_listed_once() {
        let needs = |permission| Verdict::not_checked(format!("needs {permission}"));
        let text = form(None, false).text(&report(&[
            (&NETWORK, needs("ec2:B")),
            (&NETWORK, needs("ec2:A")),
            (&REQUESTS, needs("ec2:A")),
        ]));
        assert!(
            text.contains("\nMissing permissions: ec2:A, ec2:B\n"),
            "{text}"
        );
    }

    #[test]
    fn last_line_names_what_needs_attention() {
        let text = |verdicts: &[(&'static Check, Verdict)]| {
            let text = form(None, false).text(&report(verdicts));
            text.lines().last().unwrap().to_owned()
        };
        let failed = (&NETWORK, Verdict::error(""));
        let warning = (&REQUESTS, Verdict::warning(""));
        assert_eq!(text(&[failed, warning.clone()]), "Failed: gate");
        let open = text(&[(&NETWORK, Verdict::not_proven("")), warning]);
        assert_eq!(open, "No check failed. To look at: gate,requests-gate");
    }

    #[test]
    fn details_are_wrapped_with_their_indentation() {
        let report = report(&[(&NETWORK, Verdict::failed("the gate is open ".repeat(6)))]);
        let text = form(Some(44), false).text(&report);
        for line in text.lines().filter(|line| !line.contains('#')) {
            assert!(line.chars().count() <= 44, "{line}");
        }
        assert!(text.contains("\n    the gate is open"), "{text}");
    }
}
