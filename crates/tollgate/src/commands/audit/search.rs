//! `audit search`: a filter by action, which the API does not have.

use std::process::ExitCode;

use admin_client::path;
use clap::Args;
use serde_json::Value;

use super::{RecordFilter, row};
use crate::commands::CommandError;
use crate::commands::list::{ListArgs, PrintedList, cell};

/// The most records that one search reads.
const MAX_RECORDS: usize = 20_000;

/// The options of `audit search`.
#[derive(Debug, Args)]
#[command(after_help = "\
A search reads at most 20,000 records. If there are more, the error names the instant from which
another search continues, and the exit code is 1.

Examples:
  tollgate audit search --action key.delete --from 2026-11-01
  tollgate audit search --action policy --limit 5")]
pub(crate) struct SearchRecords {
    /// Only changes with this action, such as key.delete; or `key` for all changes of keys
    #[arg(long, value_name = "ACTION")]
    action: String,
    #[command(flatten)]
    filter: RecordFilter,
    #[command(flatten)]
    list: ListArgs,
}

pub(super) async fn run(options: &SearchRecords) -> Result<ExitCode, CommandError> {
    let client = options.list.target.connect().await?;
    // The number of records that match is unknown, so each page has the most records.
    let mut pages = client.pages(&options.filter.apply(path(&["audit"])));

    let mut list = PrintedList::new(&options.list, row::table());
    let mut progress = Progress::default();
    while !list.is_full()
        && let Some(page) = pages.next().await?
    {
        progress.add(&page);
        let found = page
            .iter()
            .filter(|record| has_action(record, &options.action));
        list.print_page(found, row::cells)?;
        if progress.is_complete() && !list.is_full() {
            list.finish()?;
            return Err(progress.error());
        }
    }

    list.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// True if the record has this action, or an action of this kind of object.
fn has_action(record: &Value, action: &str) -> bool {
    let found = record["action"].as_str().unwrap_or_default();
    let kind = found.split('.').next().unwrap_or_default();
    found == action || kind == action
}

/// The records that a search has read.
#[derive(Debug, Default)]
struct Progress {
    records: usize,
    /// The instant of the earliest record.
    earliest: String,
}

impl Progress {
    fn add(&mut self, page: &[Value]) {
        self.records += page.len();
        if let Some(last) = page.last() {
            self.earliest = cell(last, "at");
        }
    }

    const fn is_complete(&self) -> bool {
        self.records >= MAX_RECORDS
    }

    fn error(&self) -> CommandError {
        CommandError::refused(format!(
            "the search ended after {} records; to continue, search again with --to {}",
            self.records, self.earliest
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn action_or_its_first_part_is_found() {
        let record = json!({"action": "key.update"});
        assert!(has_action(&record, "key.update"));
        assert!(has_action(&record, "key"));
        for action in ["key.", "key.up", "ke", "update", "", "policy"] {
            assert!(!has_action(&record, action), "{action}");
        }
        assert!(!has_action(&json!({}), "key"));
    }

    #[test]
    fn search_is_bounded_and_says_where_to_continue() {
        let page = vec![json!({"at": "2026-11-29T08:15:00Z"}); 100];
        let mut progress = Progress::default();
        let pages = (1..).take_while(|_| {
            progress.add(&page);
            !progress.is_complete()
        });
        assert_eq!(pages.count() + 1, MAX_RECORDS / 100);
        let error = progress.error();
        assert_eq!(error.exit_code(), 1);
        assert!(
            error.to_string().ends_with("--to 2026-11-29T08:15:00Z"),
            "{error}"
        );
    }
}
