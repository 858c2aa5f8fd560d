//! Differences for people.

use std::io::Write;

use declaration::{Change, Difference, Differences, ObjectKind};

use crate::output::{OutputError, Style, escaped};

/// The kinds of objects, in the order in which they are printed.
const KINDS: [ObjectKind; 4] = [
    ObjectKind::Plan,
    ObjectKind::Policy,
    ObjectKind::Composition,
    ObjectKind::Key,
];
/// The most warnings that are printed.
const MAX_WARNINGS: usize = 20;

/// Prints the differences, by kind, and their counts.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(crate) fn print(differences: &Differences) -> Result<(), OutputError> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    write(&mut output, differences, Style::stdout())?;
    output.flush()?;
    Ok(())
}

/// Prints the warnings to standard error.
pub(crate) fn print_warnings(differences: &Differences) {
    let mut output = std::io::stderr();
    let warnings = &differences.warnings;
    // A closed standard error is no reason to fail.
    for warning in warnings.iter().take(MAX_WARNINGS) {
        let _ = writeln!(output, "warning: {}", escaped(warning));
    }
    if let Some(more @ 1..) = warnings.len().checked_sub(MAX_WARNINGS) {
        let _ = writeln!(output, "warning: {more} more warnings");
    }
}

fn write(output: &mut impl Write, differences: &Differences, style: Style) -> std::io::Result<()> {
    for kind in KINDS {
        let mut items = differences
            .items
            .iter()
            .filter(|item| item.kind == kind)
            .peekable();
        if items.peek().is_none() {
            continue;
        }
        writeln!(output, "{}", style.bold(heading(kind)))?;
        for item in items {
            write_difference(output, item, style)?;
        }
        writeln!(output)?;
    }

    for refusal in &differences.refusals {
        let line = format!("! {}", escaped(refusal));
        writeln!(output, "{}", style.red(&line))?;
    }
    if !differences.refusals.is_empty() {
        writeln!(output)?;
    }
    writeln!(output, "{}", counts(differences))
}

fn heading(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Plan => "Plans",
        ObjectKind::Policy => "Policies",
        ObjectKind::Composition => "Compositions",
        ObjectKind::Key => "Keys",
    }
}

/// Writes an object. A single field follows in the same line, several fields in a line each.
fn write_difference(
    output: &mut impl Write,
    difference: &Difference,
    style: Style,
) -> std::io::Result<()> {
    let (sign, paint): (_, fn(Style, &str) -> String) = match difference.change {
        Change::Create { .. } => ("+", Style::green),
        Change::Update { .. } => ("~", Style::yellow),
        Change::Delete { .. } => ("-", Style::red),
    };
    let object = format!("{sign} {} {}", difference.kind, escaped(&difference.name));

    if let [field] = &difference.fields[..] {
        let line = format!("{object}: {}", escaped(&field.to_string()));
        return writeln!(output, "{}", paint(style, &line));
    }
    writeln!(output, "{}", paint(style, &object))?;
    for field in &difference.fields {
        writeln!(output, "    {}", escaped(&field.to_string()))?;
    }
    Ok(())
}

fn counts(differences: &Differences) -> String {
    let unchanged = differences.unchanged;
    let mut text = if differences.is_empty() {
        format!("No differences, {unchanged} unchanged")
    } else {
        let count = |is_kind: fn(&Change) -> bool| {
            let items = differences.items.iter();
            items.filter(|item| is_kind(&item.change)).count()
        };
        let created = count(|change| matches!(change, Change::Create { .. }));
        let updated = count(|change| matches!(change, Change::Update { .. }));
        let deleted = count(|change| matches!(change, Change::Delete { .. }));
        format!(
            "{created} to create, {updated} to change, {deleted} to delete, {unchanged} unchanged"
        )
    };

    let refused = differences.refusals.len();
    if refused > 0 {
        text.push_str(&format!(", {refused} that `apply` refuses"));
    }
    if differences.unpruned > 0 {
        let unpruned = differences.unpruned;
        text.push_str(&format!(", {unpruned} that only --prune deletes"));
    }
    text
}

#[cfg(test)]
mod tests {
    use declaration::FieldDifference;
    use serde_json::{Value, json};

    use super::*;

    fn difference(kind: ObjectKind, name: &str, change: Change, fields: &[&str]) -> Difference {
        let field = |name: &&str| FieldDifference {
            pointer: format!("/{name}"),
            before: matches!(change, Change::Update { .. }).then(|| json!(1)),
            after: Some(json!(2)),
        };
        Difference {
            kind,
            name: name.to_owned(),
            fields: fields.iter().map(field).collect(),
            change,
        }
    }

    fn text(differences: &Differences, style: Style) -> String {
        let mut output = Vec::new();
        write(&mut output, differences, style).unwrap();
        String::from_utf8(output).unwrap()
    }

    fn differences() -> Differences {
        let body = Value::Null;
        let etag = String::new;
        let update = |body| Change::Update { body, etag: etag() };
        Differences {
            items: vec![
                difference(
                    ObjectKind::Plan,
                    "gold",
                    Change::Create { body: body.clone() },
                    &["limit", "window_s"],
                ),
                difference(
                    ObjectKind::Plan,
                    "old",
                    Change::Delete { etag: etag() },
                    &[],
                ),
                difference(ObjectKind::Key, "acme", update(body), &["a\u{1b}[2J"]),
            ],
            refusals: vec!["key b: secret: would change".to_owned()],
            unchanged: 4,
            unpruned: 2,
            ..Differences::default()
        }
    }

    #[test]
    fn differences_are_grouped_and_counted() {
        let expected = "Plans\n+ plan gold\n    limit: 2\n    window_s: 2\n- plan old\n\n\
                        Keys\n~ key acme: [\"a\\u{1b}[2J\"]: 1 → 2\n\n! key b: secret: would change\n\n\
                        1 to create, 1 to change, 1 to delete, 4 unchanged, 1 that `apply` refuses, \
                        2 that only --prune deletes\n";
        let shown = text(&differences(), Style::plain());
        assert_eq!(shown.replace("\\u001b", "\\u{1b}"), expected);
    }

    #[test]
    fn no_difference_is_one_line() {
        let differences = Differences {
            unchanged: 3,
            ..Differences::default()
        };
        assert_eq!(
            text(&differences, Style::coloured()),
            "No differences, 3 unchanged\n"
        );
    }

    #[test]
    fn terminal_shows_colours_and_escapes_control_characters() {
        let text = text(&differences(), Style::coloured());
        assert!(text.contains("\u{1b}[32m+ plan gold\u{1b}[0m"), "{text}");
        assert!(text.contains("\u{1b}[31m- plan old\u{1b}[0m"), "{text}");
        assert!(!text.contains("\u{1b}[2J"), "{text}");
    }
}
