//! The cells of a row by column, and their values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use addresses::Network;
use jiff::Timestamp;
use limits::parse_instant;

use crate::columns::{Column, Columns};
use crate::formula::unescape;

/// The cells of a row, by column.
pub(crate) struct Cells<'r> {
    columns: &'r Columns,
    cells: Vec<Cow<'r, str>>,
}

impl<'r> Cells<'r> {
    pub(crate) fn of(columns: &'r Columns, cells: Vec<Cow<'r, str>>) -> Result<Self, String> {
        let cells = match columns.position(Column::UsagePlanIds) {
            Some(position) => with_quoted_plans(cells, position)?,
            None => cells,
        };
        if cells
            .iter()
            .skip(columns.count)
            .any(|cell| !cell.is_empty())
        {
            let (found, expected) = (cells.len(), columns.count);
            return Err(format!(
                "the row has {found} cells, expected {expected}; put text with a comma in quotation marks"
            ));
        }
        Ok(Self { columns, cells })
    }

    /// Returns a cell as it is written, or `None` if it is empty or absent.
    pub(crate) fn get(&self, column: Column) -> Option<&str> {
        let cell = self.cells.get(self.columns.position(column)?)?;
        Some(cell.as_ref()).filter(|cell| !cell.is_empty())
    }

    /// Returns the text of a cell, without the apostrophes of an export.
    pub(crate) fn text(&self, column: Column) -> Option<String> {
        self.get(column).map(|cell| unescape(cell).into_owned())
    }

    pub(crate) fn enabled(&self) -> Result<Option<bool>, String> {
        match self.get(Column::Enabled).map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err("`Enabled`: expected TRUE or FALSE".to_owned()),
        }
    }

    pub(crate) fn instant(&self, column: Column) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.get(column) else {
            return Ok(None);
        };
        let expected = || format!("`{column}`: expected an instant such as 2026-11-22T12:00:00Z");
        parse_instant(text.trim()).map(Some).ok_or_else(expected)
    }

    pub(crate) fn networks(&self) -> Result<Option<Vec<Network>>, String> {
        let Some(text) = self.text(Column::AllowedIps) else {
            return Ok(None);
        };
        let networks = text.split_ascii_whitespace().map(|text| {
            text.parse()
                .map_err(|error| format!("`AllowedIps`: {error}"))
        });
        networks.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn metadata(&self) -> Result<Option<BTreeMap<String, String>>, String> {
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

/// Joins the cells of a list of plans in single quotation marks. API Gateway's format has such
/// lists, which CSV splits at the commas.
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

/// Returns the ids in a list, which may be in quotation marks.
pub(crate) fn plan_ids(list: &str) -> Vec<String> {
    let list = list.trim();
    let unquoted = |quote: char| list.strip_prefix(quote)?.strip_suffix(quote);
    let list = unquoted('\'').or_else(|| unquoted('"')).unwrap_or(list);
    list.split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}
