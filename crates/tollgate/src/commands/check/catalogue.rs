//! `--list`: the checks, for people and for programs.

use checks::{Check, DOCUMENTATION, Selection, catalogue};
use serde_json::{Value, json};

use crate::output::{OutputError, Table, print_json};

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
