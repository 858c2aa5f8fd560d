//! The CSV file of `keys create --from`: its header and cells.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord};

use crate::commands::CommandError;
use crate::secrets::Secret;

/// The largest file, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The columns that are fields of a key.
const COLUMNS: [&str; 12] = [
    "key_id",
    "name",
    "plan",
    "description",
    "enabled",
    "expires_at",
    "not_before",
    "allowed_ips",
    "group",
    "subject",
    "scopes",
    "prefix",
];

/// A line with the cells that are not empty, by their columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The line at which the row begins. The header is line 1.
    pub(super) number: u64,
    pub(super) cells: Vec<(String, String)>,
}

/// Reads a file. At most 20 mistakes are reported at once.
///
/// # Errors
/// [`CommandError`] if the file cannot be read, or its header or a row is invalid.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, CommandError> {
    let name = path.display();
    let failed = |error| CommandError::usage(format!("{name}: {error}"));
    let mut text = Vec::new();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    input
        .take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;

    if text.len() as u64 > MAX_BYTES {
        let problem = format!("{name}: longer than {MAX_BYTES} bytes");
        return Err(CommandError::usage(problem));
    }
    lines(&text).map_err(|(line, problem)| CommandError::usage(format!("{name}:{line}: {problem}")))
}

/// Returns the lines of a text, or the number of an invalid line and its problem.
fn lines(text: &[u8]) -> Result<Vec<Line>, (u64, String)> {
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err((
            1,
            "the file is encoded in UTF-16, expected UTF-8".to_owned(),
        ));
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .has_headers(true)
        .flexible(true)
        .from_reader(text);
    let header = reader
        .headers()
        .map_err(|error| problem(text, &error))?
        .clone();
    let columns = columns(&header).map_err(|problem| (1, problem))?;

    let mut lines = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| problem(text, &error))?;
        let number = row.position().map_or(1, |begin| line_number(text, begin));
        if row.len() > columns.len() {
            let problem = format!("{} cells, expected at most {}", row.len(), columns.len());
            return Err((number, problem));
        }
        let cells = columns.iter().zip(&row);
        let cells = cells.map(|(column, cell)| (column.clone(), cell.trim().to_owned()));
        let cells: Vec<_> = cells.filter(|(_, cell)| !cell.is_empty()).collect();
        if !cells.is_empty() {
            lines.push(Line { number, cells });
        }
    }
    Ok(lines)
}

fn problem(text: &[u8], error: &csv::Error) -> (u64, String) {
    let line = error.position().map_or(1, |begin| line_number(text, begin));
    (line, "the row is not UTF-8 text".to_owned())
}

/// Returns the line of a row. The reader reports the position before any empty lines, and before the
/// second character of a line break.
fn line_number(text: &[u8], begin: &Position) -> u64 {
    let offset = usize::try_from(begin.byte()).unwrap_or(usize::MAX);
    let rest = text.get(offset..).unwrap_or_default();
    let line_breaks = rest.iter().take_while(|byte| b"\r\n".contains(byte));
    begin.line() + line_breaks.filter(|byte| **byte == b'\n').count() as u64
}

/// Checks the names of the columns.
fn columns(header: &StringRecord) -> Result<Vec<String>, String> {
    if header.iter().all(str::is_empty) {
        return Err(format!(
            "the header is missing, expected columns such as {}",
            COLUMNS[..3].join(", ")
        ));
    }

    let mut columns: Vec<String> = Vec::new();
    for name in header.iter().map(str::trim) {
        let is_entry = name
            .strip_prefix("metadata.")
            .is_some_and(|entry| !entry.is_empty());
        if !is_entry && !COLUMNS.contains(&name) {
            return Err(unknown(name));
        }
        if columns.iter().any(|other| other == name) {
            return Err(format!("the column `{name}` is given twice"));
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn unknown(name: &str) -> String {
    if ["key", "secret", "hash"].contains(&name.to_lowercase().as_str()) {
        return format!(
            "unknown column `{name}`: secrets are generated; import existing secrets with `tollgate keys import-csv`"
        );
    }
    let columns = COLUMNS.join(", ");
    // A file without a header may begin with a secret, which is not repeated.
    if Secret::from_text(name).is_some() {
        return format!("unknown column, expected a header with {columns}, or metadata.NAME");
    }
    format!(
        "unknown column `{name}`, expected {columns}, or metadata.NAME such as `metadata.{name}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_and_lines_are_absent() {
        let text = b"\xef\xbb\xbfname, plan,metadata.email\r\nAcme , pro,\r\n\r\n,,\r\n\"B\nC\",,b@c.example\r\nD\r\n";
        let lines = lines(text).unwrap();
        let cell = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(
            lines,
            [
                Line {
                    number: 2,
                    cells: vec![cell("name", "Acme"), cell("plan", "pro")]
                },
                Line {
                    number: 5,
                    cells: vec![cell("name", "B\nC"), cell("metadata.email", "b@c.example")]
                },
                Line {
                    number: 7,
                    cells: vec![cell("name", "D")]
                },
            ]
        );
    }

    #[test]
    fn invalid_file_is_explained_with_its_line() {
        for (text, line, problem) in [
            (&b""[..], 1, "the header is missing"),
            (b"name;plan\n", 1, "unknown column `name;plan`"),
            (b"name,email\n", 1, "such as `metadata.email`"),
            (
                b"a-secret-of-a-key-0001\n",
                1,
                "unknown column, expected a header",
            ),
            (b"name,key\n", 1, "tollgate keys import-csv"),
            (b"name,plan,name\n", 1, "the column `name` is given twice"),
            (b"name,metadata.\n", 1, "unknown column `metadata.`"),
            (b"name,plan\na,b\nc,d,e\n", 3, "3 cells, expected at most 2"),
            (b"name\nab\xff\n", 2, "not UTF-8"),
            (b"\xff\xfen\0", 1, "UTF-16"),
        ] {
            let error = lines(text).unwrap_err();
            assert_eq!(error.0, line, "{error:?}");
            assert!(error.1.contains(problem), "{error:?}");
        }
    }
}
