//! `check`: proves a deployment, before and after it.

mod catalogue;
mod names;
mod run;
mod scope;
mod target;
mod text;
mod wait;

use std::path::PathBuf;
use std::process::ExitCode;

use checks::Report;
use clap::Args;

use super::CommandError;
use crate::cli::parameter;
use crate::instant::seconds;
use crate::output::{print_json, until_closed};
use crate::target::TargetArgs;

use run::Run;
use scope::Scope;
use wait::End;

/// The exit code of `--strict` if something is not shown to be true.
const NOT_SHOWN: u8 = 3;

/// The longest ID of an API. AWS documents no limit, and uses 10 characters.
const MAX_API_ID_BYTES: usize = 32;

/// The values of the parameter `KeyHeader`.
const KEY_HEADERS: [&str; 5] = ["x-api-key", "api-key", "apikey", "x-apikey", "x-access-key"];

/// The end of the output of `check --help`.
const AFTER_HELP: &str = "\
Without options, the local gateway is checked by its plans, keys and policies, and by requests. With
--stack, what was deployed is read in AWS as well. With --parameters, a parameter file is checked
before a deployment. docs/operations/check.md describes every check and the permissions.

Only the group `requests` changes something: it creates a temporary plan and a temporary key, and
deletes them at the end.

Exit codes: 0 no check failed, 1 a check failed or AWS denies access to the stack, 2 invalid input or the
            target cannot be reached, 3 with --strict: warnings, or facts that are not checked or not
            proven, 130 interrupted

Examples:
  tollgate check
  tollgate check --parameters parameters.yaml
  tollgate check --stack tollgate --wait 10m --path /orders --echo /orders
  tollgate check --stack tollgate --only network,alarms-quiet --json
  tollgate check --stack tollgate --api-id a1b2c3d4e5 --only api
  tollgate check --list
  tollgate check --explain listener-rules-first";

/// The options of `check`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CheckOptions {
    /// Parameter file to check before a deployment
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Template of the parameters
    #[arg(
        long,
        value_name = "FILE",
        default_value = "template.yaml",
        requires = "parameters"
    )]
    template: PathBuf,
    /// Value of a parameter instead of that in the file; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", requires = "parameters", value_parser = parameter)]
    overrides: Vec<(String, String)>,
    /// Policy file instead of the policy in the registry that `AuthPolicy` names
    #[arg(long, value_name = "FILE", requires = "parameters")]
    policy: Option<PathBuf>,
    /// ID of the HTTP API or REST API with the stack's authorizer, if the stack does not contain it
    #[arg(long, value_name = "ID", value_parser = api_id)]
    api_id: Option<String>,
    /// Path of a route that a key may call with `GET`
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path)]
    path: String,
    /// Path of a route whose backend responds with the headers and the path that it received
    #[arg(long, value_name = "PATH", value_parser = path)]
    echo: Option<String>,
    /// Path of a composition that a key may call with `GET`
    #[arg(long, value_name = "PATH", value_parser = path)]
    composition: Option<String>,
    /// Header with the API key. Default: that of the stack, or else x-api-key
    #[arg(long, value_name = "NAME", value_parser = KEY_HEADERS)]
    key_header: Option<String>,
    /// Skip the checks by requests, which create a temporary plan and key
    #[arg(long)]
    no_requests: bool,
    /// Make only these checks: ids or groups, separated by commas; may be repeated. --list shows
    /// them
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names::parser(),
        hide_possible_values = true)]
    only: Vec<String>,
    /// Skip these checks: ids or groups, separated by commas; may be repeated
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = names::parser(),
        hide_possible_values = true)]
    skip: Vec<String>,
    /// Repeat what is not ok until no check fails. After this time, such as 10m, no repetition begins
    #[arg(long, value_name = "DURATION", value_parser = wait, allow_hyphen_values = true)]
    wait: Option<u32>,
    /// Exit with 3 if something is not shown to be true, although no check failed
    #[arg(long)]
    strict: bool,
    /// Print what was found for checks that passed, and those that do not apply
    #[arg(long, conflicts_with = "json")]
    verbose: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// List the checks instead of making them
    #[arg(long)]
    list: bool,
    /// Explain a check or the checks of a group, with the permissions that they need
    #[arg(long, value_name = "NAME", value_parser = names::parser(), hide_possible_values = true,
        conflicts_with_all = ["list", "json"])]
    explain: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Runs `check`.
pub(crate) fn run(options: &CheckOptions) -> ExitCode {
    super::run(check(options))
}

async fn check(options: &CheckOptions) -> Result<ExitCode, CommandError> {
    if let Some(name) = &options.explain {
        until_closed(catalogue::explain(name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let selection = names::selection(options)?;
    if options.list {
        until_closed(catalogue::print(&selection, options.json))?;
        return Ok(ExitCode::SUCCESS);
    }

    let scope = Scope::of(options, &selection)?;
    let run = Run::new(options, scope);
    let report = match wait::until_signal(&run, selection, options.wait).await? {
        End::Report(report) => report,
        End::Signal(code) => return Ok(ExitCode::from(code)),
    };

    until_closed(if options.json {
        print_json(&report.to_json(env!("CARGO_PKG_VERSION")))
    } else {
        text::print(&report, options.verbose)
    })?;
    Ok(exit_code(&report, options.strict))
}

fn exit_code(report: &Report, is_strict: bool) -> ExitCode {
    if report.has_failed() {
        ExitCode::from(super::REFUSED)
    } else if is_strict && report.has_warnings() {
        ExitCode::from(NOT_SHOWN)
    } else {
        ExitCode::SUCCESS
    }
}

fn api_id(text: &str) -> Result<String, &'static str> {
    let is_id = (1..=MAX_API_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    is_id
        .then(|| text.to_owned())
        .ok_or("expected the ID of an API, such as a1b2c3d4e5")
}

fn wait(text: &str) -> Result<u32, &'static str> {
    seconds(text).map_err(|_| "expected a duration such as 10m or 90s")
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_path
        .then(|| text.to_owned())
        .ok_or("expected a path such as /orders, with other characters percent-encoded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_encoded() {
        for valid in ["/", "/orders/7?a=b", "/a%20b"] {
            assert!(path(valid).is_ok(), "{valid}");
        }
        for invalid in ["", "orders", "https://a/", "/a b", "/é", "/a\r\nb"] {
            assert!(path(invalid).is_err(), "{invalid}");
        }
    }
}
