//! `--list`: the checks, for people and for programs.

use std::io::Write as _;

use checks::{Check, DOCUMENTATION, Selection, catalogue};
use serde_json::{Value, json};

use crate::output::{OutputError, Table, print_json, stdout_columns, wrapped};

/// Prints the selected checks.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn print(selection: &Selection, as_json: bool) -> Result<(), OutputError> {
    let selected = catalogue::all().filter(|check| selection.includes(check));
    if as_json {
        return print_json(&selected.map(description).collect());
    }

    let mut table = Table::new(&["ID", "GROUP", "TITLE"]);
    for check in selected {
        table.row([check.id, check.group.name(), check.title]);
    }
    table.print()
}

/// Prints what the documentation says about a check, or about the checks of a group.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(super) fn explain(name: &str) -> Result<(), OutputError> {
    let named = catalogue::all().filter(|check| check.id == name || check.group.name() == name);
    let sections: Vec<String> = named
        .map(|check| section(check, stdout_columns()))
        .collect();
    let mut output = std::io::stdout().lock();
    output.write_all(sections.join("\n").as_bytes())?;
    output.flush()?;
    Ok(())
}

fn section(check: &'static Check, columns: Option<usize>) -> String {
    let permissions = match check.permissions {
        [] => "none".to_owned(),
        permissions => permissions.join(", "),
    };
    let paragraphs = [
        format!("{} ({})", check.id, check.group.name()),
        format!("{}.", check.title),
        check.explanation.to_owned(),
        format!("Fix: {}", check.fix),
        format!("Permissions: {permissions}"),
    ];
    let lines = paragraphs.iter().flat_map(|text| wrapped(text, columns));
    lines.map(|line| line + "\n").collect()
}

fn description(check: &'static Check) -> Value {
    json!({
        "id": check.id,
        "group": check.group.name(),
        "title": check.title,
        "explanation": check.explanation,
        "fix": check.fix,
        "permissions": check.permissions,
        "evidence": check.evidence,
        "link": format!("{DOCUMENTATION}#{}", check.id),
    })
}
