//! `audit`: shows who changed what.

mod row;
mod search;

use std::process::ExitCode;

use admin_client::{ApiPath, path};
use clap::{Args, Subcommand};

use super::CommandError;
use super::list::ListArgs;

use search::SearchRecords;

/// The commands below `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List the changes, the newest first
    List(ListRecords),
    /// List the changes with an action, the newest first
    Search(SearchRecords),
}

/// The options of `audit list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate audit list --from 2026-11-22 --limit 20
  tollgate audit list --target acme --json")]
pub(crate) struct ListRecords {
    #[command(flatten)]
    filter: RecordFilter,
    #[command(flatten)]
    list: ListArgs,
}

/// The filter of the API.
#[derive(Debug, Args)]
pub(crate) struct RecordFilter {
    /// First day in UTC, or instant. Default: so that the records of 31 days are shown
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Last day in UTC, or an instant that ends the list. Default: now
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only changes of this object: the id of a key, the name of a plan or policy, or a block such
    /// as key/acme
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only changes by this ARN
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
}

impl RecordFilter {
    fn apply(&self, path: ApiPath) -> ApiPath {
        let parameters = [
            ("from", &self.from),
            ("to", &self.to),
            ("target", &self.target),
            ("principal", &self.principal),
        ];
        let given = parameters.iter();
        let given = given.filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        path.query(&given.collect::<Vec<_>>())
    }
}

/// Runs a command below `audit`.
pub(crate) fn run(command: &AuditCommand) -> ExitCode {
    match command {
        AuditCommand::List(options) => super::run(list(options)),
        AuditCommand::Search(options) => super::run(search::run(options)),
    }
}

async fn list(options: &ListRecords) -> Result<ExitCode, CommandError> {
    let client = options.list.target.connect().await?;
    let path = options.filter.apply(path(&["audit"]));
    let pages = client.pages(&options.list.paged(path));
    options.list.print(pages, row::table(), row::cells).await
}
