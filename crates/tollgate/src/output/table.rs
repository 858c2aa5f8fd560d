//! Tables that fit a terminal.

use std::io::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{OutputError, Style, escaped, terminal};

/// The text between two columns.
const GAP: &str = "  ";

/// The mark at the end of a cell that is cut.
const CUT: char = '…';

/// The least width to which a column is cut.
const MIN_COLUMN_WIDTH: usize = 6;

/// A table that is printed to standard output in one or several parts.
///
/// ```ignore
/// let mut table = Table::new(&["KEY_ID", "NAME", "CALLS"]).numeric(&["CALLS"]);
/// while let Some(page) = pages.next().await? {
///     for item in &page {
///         table.row([...]);
///     }
///     table.print()?;
/// }
/// ```
///
/// Cells are escaped. On a terminal, rows are cut to its width, longest column first; the first
/// column, which has the name to copy, is cut last. In a pipe or file, nothing is cut.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    is_numeric: Vec<bool>,
    /// The rows that are not printed yet.
    rows: Vec<Vec<String>>,
    /// The widest cell so far of each column. It only grows, so that the parts of a long table stay
    /// aligned where possible.
    widths: Vec<usize>,
    has_header: bool,
}

impl Table {
    /// Returns an empty table with the given columns.
    pub(crate) fn new(header: &[&str]) -> Self {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Self {
            is_numeric: vec![false; header.len()],
            widths: header.iter().map(|name| name.width()).collect(),
            header,
            rows: Vec::new(),
            has_header: true,
        }
    }

    /// Aligns the named columns to the right.
    pub(crate) fn numeric(mut self, columns: &[&str]) -> Self {
        for (name, is_numeric) in self.header.iter().zip(&mut self.is_numeric) {
            *is_numeric |= columns.contains(&name.as_str());
        }
        self
    }

    /// Adds a row. Missing cells are empty, and further cells are ignored.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Self {
        let mut row: Vec<String> = cells
            .into_iter()
            .map(|cell| escaped(cell.as_ref()))
            .collect();
        row.resize(self.header.len(), String::new());

        for (cell, width) in row.iter().zip(&mut self.widths) {
            *width = (*width).max(cell.width());
        }
        self.rows.push(row);
        self
    }

    /// Prints the rows that were added since the last call, the first time with the header.
    ///
    /// # Errors
    /// [`OutputError`] if standard output cannot be written.
    pub(crate) fn print(&mut self) -> Result<(), OutputError> {
        let text = self.take_text(terminal::stdout_columns(), Style::stdout());
        let mut output = std::io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()?;
        Ok(())
    }

    /// Returns the text of [`Self::print`] for a number of columns of the terminal.
    fn take_text(&mut self, columns: Option<usize>, style: Style) -> String {
        let widths = match columns {
            Some(columns) => fitted(&self.widths, columns),
            None => self.widths.clone(),
        };
        let mut text = String::new();

        if std::mem::take(&mut self.has_header) {
            text.push_str(&style.bold(&self.line(&self.header, &widths)));
            text.push('\n');
        }
        for row in std::mem::take(&mut self.rows) {
            text.push_str(&self.line(&row, &widths));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        let columns = cells.iter().zip(widths).zip(&self.is_numeric);
        for (index, ((cell, &width), is_numeric)) in columns.enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            let cell = cut(cell, width);
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            let (left, right) = if *is_numeric {
                (&padding, &cell)
            } else {
                (&cell, &padding)
            };
            line.push_str(left);
            line.push_str(right);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Returns widths whose sum, with gaps, fits the columns of a terminal, if that is possible.
fn fitted(widths: &[usize], columns: usize) -> Vec<usize> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let available = columns.saturating_sub(gaps);
    let Some((&first, others)) = widths.split_first() else {
        return Vec::new();
    };

    let least = |width: usize| width.min(MIN_COLUMN_WIDTH);
    let least_of_others: usize = others.iter().map(|width| least(*width)).sum();
    let first = first.min(available.saturating_sub(least_of_others).max(least(first)));

    let mut fitted = vec![first];
    fitted.extend(shrunk(others, available.saturating_sub(first)));
    fitted
}

/// Returns widths of which the widest are cut to the same limit, so that the sum is at most
/// `available` where the least width permits.
fn shrunk(widths: &[usize], available: usize) -> Vec<usize> {
    let widest = widths.iter().copied().max().unwrap_or_default();
    let sum = |limit: usize| -> usize { widths.iter().map(|width| (*width).min(limit)).sum() };

    let limit = (MIN_COLUMN_WIDTH..=widest)
        .rev()
        .find(|limit| sum(*limit) <= available)
        .unwrap_or(MIN_COLUMN_WIDTH);
    let mut spare = available.saturating_sub(sum(limit));
    let shrunk = widths.iter().map(|&width| {
        // The rest after equal shares goes to the first column that can use it.
        let extra = width.saturating_sub(limit).min(spare);
        spare -= extra;
        width.min(limit) + extra
    });
    shrunk.collect()
}

/// Returns a cell of at most `width` columns. A cell that is cut ends with a mark.
fn cut(cell: &str, width: usize) -> String {
    if cell.width() <= width {
        return cell.to_owned();
    }

    let mut text = String::new();
    let mut used = 0;
    for character in cell.chars() {
        let character_width = character.width().unwrap_or_default();
        // One column is for the mark.
        if used + character_width + 1 > width {
            break;
        }
        used += character_width;
        text.push(character);
    }
    text.push(CUT);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &mut Table, columns: Option<usize>) -> String {
        table.take_text(columns, Style::plain())
    }

    fn keys() -> Table {
        let mut table = Table::new(&["KEY_ID", "NAME", "CALLS"]).numeric(&["CALLS"]);
        table.row(["acme", "Acme Inc.", "1200"]);
        table.row(["a", "B", "7"]);
        table
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_space_at_the_end() {
        assert_eq!(
            text(&mut keys(), None),
            "KEY_ID  NAME       CALLS\n\
             acme    Acme Inc.   1200\n\
             a       B              7\n"
        );
        let mut table = Table::new(&["A", "NOTE"]);
        table.row(["b", ""]);
        assert_eq!(text(&mut table, None), "A  NOTE\nb\n");
    }

    #[test]
    fn wide_and_combining_characters_are_aligned() {
        let mut table = Table::new(&["NAME", "PLAN"]);
        table.row(["日本", "free"]);
        table.row(["e\u{301}a", "free"]);
        table.row(["👩‍💻", "free"]);
        let text = text(&mut table, None);
        assert_eq!(
            text,
            "NAME  PLAN\n日本  free\ne\u{301}a    free\n👩‍💻    free\n"
        );
        for line in text.lines() {
            assert_eq!(line.width(), 10, "{line}");
        }
    }

    #[test]
    fn rows_are_cut_to_the_terminal() {
        let mut table = Table::new(&["KEY_ID", "NAME", "NOTE"]);
        table.row(["customer-0001", &"n".repeat(40), &"日".repeat(30)]);
        let text = text(&mut table, Some(40));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "customer-0001  nnnnnnnnnnn…  日日日日日…");
        assert!(lines.iter().all(|line| line.width() <= 40), "{text}");
    }

    #[test]
    fn every_width_of_at_least_the_minimum_is_kept() {
        for columns in 22..140 {
            let mut table = Table::new(&["KEY_ID", "NAME", "CALLS"]).numeric(&["CALLS"]);
            table.row([&"k".repeat(50), &"日".repeat(20), "123456"]);
            let text = text(&mut table, Some(columns));
            assert!(
                text.lines().all(|line| line.width() <= columns),
                "{columns}: {text}"
            );
        }
    }

    #[test]
    fn only_the_long_column_is_cut() {
        let mut table = Table::new(&["KEY_ID", "NAME", "PLAN"]);
        table.row(["customer-0001", &"n".repeat(100), "enterprise"]);
        assert_eq!(
            text(&mut table, Some(42)).lines().nth(1),
            Some("customer-0001  nnnnnnnnnnnnnn…  enterprise")
        );
    }

    #[test]
    fn nothing_is_cut_in_a_pipe() {
        let long = "n".repeat(1_000);
        let mut table = Table::new(&["KEY_ID", "NAME"]);
        table.row(["a", &long]);
        assert!(text(&mut table, None).contains(&long));
    }

    #[test]
    fn cells_cannot_control_the_terminal() {
        let mut table = Table::new(&["NAME"]);
        table.row(["a\nb\u{1b}[2J\u{202e}"]);
        assert_eq!(text(&mut table, None), "NAME\na\\nb\\u{1b}[2J\\u{202e}\n");
    }

    #[test]
    fn header_is_printed_once_and_columns_only_grow() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["long", "1"]);
        assert_eq!(text(&mut table, None), "A     B\nlong  1\n");
        table.row(["a", "2"]);
        assert_eq!(text(&mut table, None), "a     2\n");
        assert_eq!(text(&mut table, None), "");
    }

    #[test]
    fn empty_table_has_a_header() {
        assert_eq!(text(&mut Table::new(&["A", "B"]), Some(80)), "A  B\n");
    }

    #[test]
    fn rows_may_have_too_few_cells() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["1"]).row(["2", "3", "4"]);
        assert_eq!(text(&mut table, None), "A  B\n1\n2  3\n");
    }

    #[test]
    fn header_is_bold_on_a_terminal() {
        let mut table = Table::new(&["A"]);
        table.row(["1"]);
        assert_eq!(
            table.take_text(Some(80), Style::coloured()),
            "\u{1b}[1mA\u{1b}[0m\n1\n"
        );
    }
}
