//! `usage`: reports the usage of keys and other callers, and grants and refunds calls.

mod caller;
mod get;
mod grants;
mod period;
mod refund;
mod report;
mod top;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

/// The commands below `usage`.
#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Show the quotas and days of a key or another caller
    Get(get::GetUsage),
    /// List the keys with the most calls in a month
    Top(top::TopKeys),
    /// List the usage of all keys, also of keys that were deleted
    Report(report::ReportUsage),
    /// Add calls to the current period of a quota, or remove them
    Grant(grants::Grant),
    /// List the grants of the current periods
    Grants(grants::ListGrants),
    /// Take back the calls that are left of a grant
    Revoke(grants::Revoke),
    /// Give back a charge of `POST /_tollgate/v1/decisions`
    Refund(refund::Refund),
}

/// Runs a command below `usage`.
pub(crate) fn run(command: UsageCommand) -> ExitCode {
    match command {
        UsageCommand::Get(options) => super::run(get::get(options)),
        UsageCommand::Top(options) => super::run(top::top(options)),
        UsageCommand::Report(options) => super::run(report::report(options)),
        UsageCommand::Grant(options) => super::run(grants::grant(options)),
        UsageCommand::Grants(options) => super::run(grants::list(options)),
        UsageCommand::Revoke(options) => super::run(grants::revoke(options)),
        UsageCommand::Refund(options) => super::run(refund::refund(options)),
    }
}
