//! Lists of any length, which are printed page by page.

use std::process::ExitCode;

use admin_client::{ApiPath, Pages};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::CommandError;
use crate::output::{JsonList, OutputArgs, OutputError, Table, until_closed};
use crate::target::TargetArgs;

/// The most items of a page of the API.
const MAX_PAGE_ITEMS: u64 = 100;

/// The options of a command that prints a list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Print at most this number of items
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) limit: Option<u64>,
}

fn limit(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .ok()
        .filter(|limit| *limit > 0)
        .ok_or("expected a whole number from 1")
}

impl ListArgs {
    /// Returns the path with the size of a page, so that no more items are read than are printed.
    /// Without it, a page has the most items.
    pub(crate) fn paged(&self, path: ApiPath) -> ApiPath {
        match self.limit {
            Some(limit) => path.query(&[("limit", &limit.min(MAX_PAGE_ITEMS).to_string())]),
            None => path,
        }
    }

    /// Prints all items. `row` returns the cells of an item.
    ///
    /// # Errors
    /// [`CommandError`] if a page cannot be read, or standard output cannot be written.
    pub(crate) async fn print(
        &self,
        mut pages: Pages,
        table: Table,
        row: impl Fn(&Value) -> Vec<String>,
    ) -> Result<ExitCode, CommandError> {
        let mut list = PrintedList::new(self, table);
        while !list.is_full()
            && let Some(page) = pages.next().await?
        {
            list.print_page(&page, &row)?;
        }

        list.finish()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A list that is being printed, as a table or as JSON.
pub(crate) struct PrintedList {
    form: Form,
    /// The number of items that may still be printed. 0 once the reader of the output has seen enough.
    remaining: u64,
}

/// The form of a list.
enum Form {
    Table(Table),
    Json(JsonList),
}

impl PrintedList {
    /// Returns an empty list.
    pub(crate) fn new(options: &ListArgs, table: Table) -> Self {
        let form = if options.output.json {
            Form::Json(JsonList::new())
        } else {
            Form::Table(table)
        };
        Self {
            form,
            remaining: options.limit.unwrap_or(u64::MAX),
        }
    }

    /// True if `--limit` items are printed, or the output has no reader any more.
    pub(crate) const fn is_full(&self) -> bool {
        self.remaining == 0
    }

    /// Prints items until the list is full. `row` returns the cells of an item.
    ///
    /// # Errors
    /// [`CommandError`] if standard output cannot be written.
    pub(crate) fn print_page<'v>(
        &mut self,
        items: impl IntoIterator<Item = &'v Value>,
        row: impl Fn(&Value) -> Vec<String>,
    ) -> Result<(), CommandError> {
        match self.try_print_page(items, row) {
            Err(error) if error.is_closed() => {
                self.remaining = 0;
                Ok(())
            }
            result => Ok(result?),
        }
    }

    fn try_print_page<'v>(
        &mut self,
        items: impl IntoIterator<Item = &'v Value>,
        row: impl Fn(&Value) -> Vec<String>,
    ) -> Result<(), OutputError> {
        for item in items {
            if self.is_full() {
                break;
            }
            self.remaining -= 1;
            match &mut self.form {
                Form::Table(table) => {
                    table.row(row(item));
                }
                Form::Json(list) => list.push(item)?,
            }
        }

        if let Form::Table(table) = &mut self.form {
            table.print()?;
        }
        Ok(())
    }

    /// Prints the end of the list.
    ///
    /// # Errors
    /// [`CommandError`] if standard output cannot be written.
    pub(crate) fn finish(self) -> Result<(), CommandError> {
        match self.form {
            // A list without pages has a header as well.
            Form::Table(mut table) => until_closed(table.print())?,
            Form::Json(list) => until_closed(list.finish())?,
        }
        Ok(())
    }
}

/// Returns an instant in a field without the fraction of its second. An unknown form is unchanged.
pub(crate) fn instant_cell(item: &Value, field: &str) -> String {
    let text = cell(item, field);
    match text.parse::<Timestamp>() {
        Ok(instant) => format!("{instant:.0}"),
        Err(_) => text,
    }
}

/// Returns a field as the text of a cell. A missing field and `null` are empty.
pub(crate) fn cell(item: &Value, field: &str) -> String {
    match &item[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        _list: ListArgs,
    }

    #[test]
    fn options_of_the_target_have_a_heading_of_their_own() {
        let help = <CommandLine as clap::CommandFactory>::command().render_help();
        let help = help.to_string();
        let (options, target) = help.split_once("Target:").unwrap();
        for option in ["--json", "--limit"] {
            assert!(options.contains(option), "{help}");
        }
        for option in [
            "--url",
            "--stack",
            "--profile",
            "--region",
            "--cert",
            "--key",
        ] {
            assert!(target.contains(option), "{help}");
        }
    }

    #[test]
    fn cells_show_values_and_no_nulls() {
        let item = json!({"a": "b", "n": 1.5, "none": null});
        let cells = ["a", "n", "none", "missing"].map(|field| cell(&item, field));
        assert_eq!(cells, ["b", "1.5", "", ""]);
    }

    #[test]
    fn instants_are_shown_in_whole_seconds() {
        let item = json!({"at": "2026-11-29T19:46:12.999999999Z", "other": "soon"});
        assert_eq!(instant_cell(&item, "at"), "2026-11-29T19:46:12Z");
        assert_eq!(instant_cell(&item, "other"), "soon");
        assert_eq!(instant_cell(&item, "missing"), "");
    }
}
