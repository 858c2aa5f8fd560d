//! `console`: opens the web console of an API in a browser.

mod browser;
mod enter;
mod instructions;
mod local;
mod page;
mod remote;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::CommandError;
use crate::target::TargetArgs;

/// The end of the output of `console --help`.
const AFTER_HELP: &str = "\
The local gateway serves the console itself, and the command opens it. For any other API, the command
serves the console on this machine until Ctrl-C, and signs the requests of its page with your AWS
credentials. The page is opened with a one-time code, and its session ends after 30 minutes without
activity.

The browser is the program in BROWSER, or else that of the desktop. The page has a name of its own below
`localhost`, which Chromium and Firefox resolve without a name server. If Safari does not, use another
browser, such as with BROWSER='open -a Firefox'.

Exit codes: 0 success or stopped by Ctrl-C, 2 invalid input or the API cannot be reached

Examples:
  tollgate console
  tollgate console --stack tollgate
  tollgate console --stack tollgate --profile production --write
  tollgate console --url https://api.example.com --region eu-central-1
  tollgate console --stack tollgate --no-browser --port 8300";

/// The options of `console`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ConsoleOptions {
    /// Let the console of a deployed API make changes. Default: it only reads
    #[arg(long)]
    write: bool,
    /// Port on loopback for the console of a deployed API. Default: a free one
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print how to open the page instead of opening it
    #[arg(long)]
    no_browser: bool,
    /// Folder for the file with the one-time code, which the browser must be able to read. Default:
    /// `XDG_RUNTIME_DIR`, or else the folder for temporary files
    #[arg(long, value_name = "FOLDER")]
    code_folder: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs `console`.
pub(crate) fn run(options: &ConsoleOptions) -> ExitCode {
    super::run(console(options))
}

async fn console(options: &ConsoleOptions) -> Result<ExitCode, CommandError> {
    let client = options.target.connect().await?;
    if client.is_signed() {
        remote::serve(client, options).await
    } else {
        local::open(&client, options).await
    }
}
