//! API Gateway's key file: CSV with a header, read row by row. `Key` is required, the other columns
//! of [`Column`] may be there, in any order and case, and all others are ignored. Cells may have
//! the apostrophes of an export, see [`formula`](crate::formula).
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html>.

pub(crate) mod cell_form;
pub(crate) mod columns;

use std::borrow::Cow;
use std::collections::BTreeMap;

use csv::{Position, Reader, ReaderBuilder, StringRecord};
use jiff::Timestamp;
use usage::{KeyHash, parse_instant};

use crate::formula::unguarded;
use crate::key_file::cell_form::{Form, forms};
use crate::key_file::columns::{Column, Columns};

/// A row. A cell that is empty or absent is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The line on which it begins; the header is line 1.
    pub(crate) line: u64,
    pub(crate) hash: KeyHash,
    pub(crate) key_id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: Option<bool>,
    /// The ids of usage plans.
    pub(crate) plans: Vec<String>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) subject: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) created_at: Option<Timestamp>,
}

/// A row that cannot be imported. It repeats nothing that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) line: u64,
    pub(crate) detail: String,
}

/// Reads a file row by row. Only one row is in memory at a time.
pub(crate) struct KeyFile<'f> {
    text: &'f [u8],
    reader: Reader<&'f [u8]>,
    columns: Columns,
    record: StringRecord,
}

/// The cells of a row, by column.
struct Cells<'r> {
    columns: &'r Columns,
    cells: Vec<Cow<'r, str>>,
}

impl<'f> KeyFile<'f> {
    /// Reads the header.
    ///
    /// # Errors
    /// Says what is wrong with the header.
    pub(crate) fn open(text: &'f [u8]) -> Result<Self, String> {
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            return Err("the file is encoded in UTF-16, expected UTF-8".to_owned());
        }
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text);
        let mut file = Self {
            text,
            reader,
            columns: Columns::none(),
            record: StringRecord::new(),
        };

        let is_there = file
            .reader
            .read_record(&mut file.record)
            .map_err(|_| "the header is not UTF-8 text")?;
        if !is_there {
            return Err("the file is empty, expected a header with the column `Key`".to_owned());
        }
        let cells = file
            .cells()
            .map_err(|detail| format!("the header: {detail}"))?;
        file.columns = Columns::of(&cells.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        Ok(file)
    }

    /// The names of columns that are not read, the first 50 of them.
    pub(crate) fn ignored_columns(&self) -> &[String] {
        &self.columns.ignored
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Row, Rejected>> {
        let begin = self.reader.position().clone();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.line(self.record.position().unwrap_or(&begin));
                Some(self.row(line).map_err(|detail| Rejected { line, detail }))
            }
            Err(error) => {
                let line = self.line(error.position().unwrap_or(&begin));
                Some(Err(Rejected {
                    line,
                    detail: "the row is not UTF-8 text".to_owned(),
                }))
            }
        }
    }

    /// The reader says where it began to look, and passes over empty lines before a row.
    fn line(&self, position: &Position) -> u64 {
        let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let empty = self
            .text
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| b"\r\n".contains(byte));
        position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
    }

    fn row(&self, line: u64) -> Result<Row, String> {
        let cells = Cells::of(&self.columns, self.cells()?)?;
        let key = cells.get(Column::Key).ok_or("the row has no key")?;
        if key.contains(['"', '\'']) {
            return Err("`Key` contains a quotation mark, expected the key alone".to_owned());
        }
        let hash = KeyHash::of(key).map_err(|error| error.to_string())?;
        let scopes = cells.text(Column::Scopes);
        Ok(Row {
            line,
            hash,
            key_id: cells.text(Column::KeyId),
            name: cells.text(Column::Name),
            description: cells.text(Column::Description),
            enabled: cells.enabled()?,
            plans: cells
                .get(Column::UsagePlanIds)
                .map(plan_ids)
                .unwrap_or_default(),
            expires_at: cells.instant(Column::ExpiresAt)?,
            subject: cells.text(Column::Subject),
            scopes: scopes
                .map(|scopes| scopes.split_ascii_whitespace().map(str::to_owned).collect()),
            metadata: cells.metadata()?,
            created_at: cells.instant(Column::CreatedAt)?,
        })
    }

    /// The cells of the present record, without the spaces around them.
    fn cells(&self) -> Result<Vec<Cow<'_, str>>, String> {
        let begin = self.record.position().map_or(0, Position::byte);
        let range = usize::try_from(begin).unwrap_or(usize::MAX)
            ..usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let forms = forms(self.text.get(range).unwrap_or_default());
        if forms.len() != self.record.len() {
            return Err("the row is not CSV".to_owned());
        }
        let cells = self
            .record
            .iter()
            .zip(forms)
            .map(|(text, form)| match form {
                Form::Plain if text.trim_start().starts_with('"') => Err(
                    "there is a space in front of a quotation mark; remove the space".to_owned(),
                ),
                Form::Plain => Ok(Cow::Borrowed(text.trim())),
                Form::Quoted { trailing } => Ok(Cow::Borrowed(
                    text.get(..text.len() - trailing).unwrap_or(text),
                )),
                Form::TextBehindQuote => {
                    Err("there is text behind a closing quotation mark".to_owned())
                }
                Form::Unclosed => Err("a quotation mark is not closed".to_owned()),
            });
        cells.collect()
    }
}

impl<'r> Cells<'r> {
    fn of(columns: &'r Columns, cells: Vec<Cow<'r, str>>) -> Result<Self, String> {
        let cells = match columns.position(Column::UsagePlanIds) {
            Some(position) => with_quoted_plans(cells, position)?,
            None => cells,
        };
        if cells
            .iter()
            .skip(columns.count)
            .any(|cell| !cell.is_empty())
        {
            let (found, most) = (cells.len(), columns.count);
            return Err(format!(
                "the row has {found} cells, expected {most}; put a text with a comma between quotation marks"
            ));
        }
        Ok(Self { columns, cells })
    }

    /// A cell as it is written; `None` if it is empty or absent.
    fn get(&self, column: Column) -> Option<&str> {
        let cell = self.cells.get(self.columns.position(column)?)?;
        Some(cell.as_ref()).filter(|cell| !cell.is_empty())
    }

    /// The text of a cell, without the apostrophes of an export.
    fn text(&self, column: Column) -> Option<String> {
        self.get(column).map(|cell| unguarded(cell).into_owned())
    }

    fn enabled(&self) -> Result<Option<bool>, String> {
        match self.get(Column::Enabled).map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err("`Enabled`: expected TRUE or FALSE".to_owned()),
        }
    }

    fn instant(&self, column: Column) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.get(column) else {
            return Ok(None);
        };
        let expected = || format!("`{column}`: expected an instant such as 2026-11-22T12:00:00Z");
        parse_instant(text.trim()).map(Some).ok_or_else(expected)
    }

    fn metadata(&self) -> Result<Option<BTreeMap<String, String>>, String> {
        let Some(text) = self.text(Column::Metadata) else {
            return Ok(None);
        };
        let object = strict_json::value(text.as_bytes())
            .ok()
            .and_then(|value| serde_json::from_value(value).ok());
        object
            .map(Some)
            .ok_or_else(|| "`Metadata`: expected a JSON object whose values are strings".to_owned())
    }
}

/// The same cells, with a list of plans in single quotation marks as one of them. API Gateway's
/// format has these lists, and CSV splits them at their commas.
fn with_quoted_plans(
    mut cells: Vec<Cow<'_, str>>,
    position: usize,
) -> Result<Vec<Cow<'_, str>>, String> {
    let is_open = |cell: &str| cell.starts_with('\'') && (cell.len() == 1 || !cell.ends_with('\''));
    if !cells.get(position).is_some_and(|cell| is_open(cell)) {
        return Ok(cells);
    }
    let last = cells
        .iter()
        .skip(position + 1)
        .position(|cell| cell.ends_with('\''));
    let Some(last) = last.map(|offset| position + 1 + offset) else {
        return Err("`UsagePlanIds`: a single quotation mark is not closed".to_owned());
    };
    let list = cells[position..=last].join(",");
    cells.splice(position..=last, [Cow::Owned(list)]);
    Ok(cells)
}

/// The ids in a list, which may be between quotation marks.
fn plan_ids(list: &str) -> Vec<String> {
    let list = list.trim();
    let unquoted = |quote: char| list.strip_prefix(quote)?.strip_suffix(quote);
    let list = unquoted('\'').or_else(|| unquoted('"')).unwrap_or(list);
    list.split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
