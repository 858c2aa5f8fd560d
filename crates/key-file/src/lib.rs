//! API Gateway's key file: CSV with a header, read row by row.
//!
//! The column `Key` is required, and the other columns of [`Column`] are optional. They can be in
//! any order and case. All other columns are ignored. Cells can have the apostrophes of an export,
//! see [`formula`].
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-key-file-format.html>.
//!
//! - reads: the bytes of a file, passed in
//! - writes: nothing
//! - on failure: an invalid header is an error. An invalid row is a [`Rejection`], and the rows after
//!   it can be read.
//!
//! ```
//! use key_file::KeyFile;
//!
//! let text = b"Key,name\nmade-up-0123456789abcdefghij,First\n";
//! let mut file = KeyFile::open(text)?;
//! let row = file.next().expect("the file has a row").expect("the row is valid");
//! assert_eq!((row.line, row.name.as_deref()), (2, Some("First")));
//! assert!(file.next().is_none());
//! # Ok::<(), String>(())
//! ```

mod cell_form;
mod cells;
mod columns;
pub mod formula;

use std::borrow::Cow;
use std::collections::BTreeMap;

use addresses::Network;
use csv::{Position, Reader, ReaderBuilder, StringRecord};
use jiff::Timestamp;
use registry::KeyHash;

use cell_form::{Form, forms};
use cells::{Cells, plan_ids};
use columns::Columns;

pub use columns::Column;

/// A row. An empty or absent cell is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line at which the row begins. The header is line 1.
    pub line: u64,
    /// The SHA-256 of the secret.
    pub hash: KeyHash,
    /// The last four characters of the secret.
    pub hint: Option<String>,
    /// The id of the key, in an export of Tollgate.
    pub key_id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The purpose of the key.
    pub description: Option<String>,
    /// False for a disabled key.
    pub enabled: Option<bool>,
    /// The ids or names of usage plans.
    pub plans: Vec<String>,
    /// The instant from which the key is expired.
    pub expires_at: Option<Timestamp>,
    /// The instant before which the key is not valid.
    pub not_before: Option<Timestamp>,
    /// The networks from which the key may be used.
    pub allowed_ips: Option<Vec<Network>>,
    /// The group of the key.
    pub group: Option<String>,
    /// The user of the key.
    pub subject: Option<String>,
    /// The scopes.
    pub scopes: Option<Vec<String>>,
    /// Data of the operator.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The instant of creation.
    pub created_at: Option<Timestamp>,
}

/// A row that cannot be imported. `detail` repeats nothing that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The line at which the row begins.
    pub line: u64,
    /// The problem, and the expected form.
    pub detail: String,
}

/// Reads a file row by row, with one row in memory at a time.
pub struct KeyFile<'f> {
    text: &'f [u8],
    reader: Reader<&'f [u8]>,
    columns: Columns,
    record: StringRecord,
}

impl<'f> KeyFile<'f> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// Returns what is wrong with the header.
    pub fn open(text: &'f [u8]) -> Result<Self, String> {
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

        let has_header = file
            .reader
            .read_record(&mut file.record)
            .map_err(|_| "the header is not UTF-8 text")?;
        if !has_header {
            return Err("the file is empty, expected a header with the column `Key`".to_owned());
        }
        let cells = file
            .cells()
            .map_err(|detail| format!("the header: {detail}"))?;
        file.columns = Columns::of(&cells.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        Ok(file)
    }

    /// Returns the names of the first 50 columns that are ignored.
    pub fn ignored_columns(&self) -> &[String] {
        &self.columns.ignored
    }

    /// Returns the next row, or `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would hide that rows end with the file"
    )]
    pub fn next(&mut self) -> Option<Result<Row, Rejection>> {
        let begin = self.reader.position().clone();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => None,
            Ok(true) => {
                let line = self.line(self.record.position().unwrap_or(&begin));
                Some(self.row(line).map_err(|detail| Rejection { line, detail }))
            }
            Err(error) => {
                let line = self.line(error.position().unwrap_or(&begin));
                Some(Err(Rejection {
                    line,
                    detail: "the row is not UTF-8 text".to_owned(),
                }))
            }
        }
    }

    /// Returns the line of a row. The reader reports the position before any empty lines.
    fn line(&self, position: &Position) -> u64 {
        let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
        let line_breaks = self
            .text
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| b"\r\n".contains(byte));
        position.line() + line_breaks.filter(|byte| **byte == b'\n').count() as u64
    }

    fn row(&self, line: u64) -> Result<Row, String> {
        let cells = Cells::of(&self.columns, self.cells()?)?;
        let key = cells.get(Column::Key).ok_or("the row has no key")?;
        if key.contains(['"', '\'']) {
            return Err("`Key` contains a quotation mark, expected the key alone".to_owned());
        }
        let hash = KeyHash::of(key).map_err(|error| error.to_string())?;

        let scopes = cells.text(Column::Scopes);
        let plans = cells.get(Column::UsagePlanIds);
        Ok(Row {
            line,
            hash,
            hint: registry::hint(key),
            key_id: cells.text(Column::KeyId),
            name: cells.text(Column::Name),
            description: cells.text(Column::Description),
            enabled: cells.enabled()?,
            plans: plans.map(plan_ids).unwrap_or_default(),
            expires_at: cells.instant(Column::ExpiresAt)?,
            not_before: cells.instant(Column::NotBefore)?,
            allowed_ips: cells.networks()?,
            group: cells.text(Column::Group),
            subject: cells.text(Column::Subject),
            scopes: scopes
                .map(|scopes| scopes.split_ascii_whitespace().map(str::to_owned).collect()),
            metadata: cells.metadata()?,
            created_at: cells.instant(Column::CreatedAt)?,
        })
    }

    /// Returns the cells of the current record, without the spaces around them.
    fn cells(&self) -> Result<Vec<Cow<'_, str>>, String> {
        let begin = self.record.position().map_or(0, Position::byte);
        let range = usize::try_from(begin).unwrap_or(usize::MAX)
            ..usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        let forms = forms(self.text.get(range).unwrap_or_default());
        if forms.len() != self.record.len() {
            return Err("the row is not valid CSV".to_owned());
        }

        let cells = self
            .record
            .iter()
            .zip(forms)
            .map(|(text, form)| match form {
                Form::Plain if text.trim_start().starts_with('"') => {
                    Err("there is a space before a quotation mark; remove the space".to_owned())
                }
                Form::Plain => Ok(Cow::Borrowed(text.trim())),
                Form::Quoted { trailing } => Ok(Cow::Borrowed(
                    text.get(..text.len() - trailing).unwrap_or(text),
                )),
                Form::TextAfterQuote => {
                    Err("there is text after a closing quotation mark".to_owned())
                }
                Form::Unclosed => Err("a quotation mark is not closed".to_owned()),
            });
        cells.collect()
    }
}

#[cfg(test)]
mod tests;
