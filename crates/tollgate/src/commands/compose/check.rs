//! `compose check`: checks a file of compositions, and shows its routes and parts.

mod report;
mod text;

use std::process::ExitCode;

use clap::Args;
use composition::{Compositions, Settings};
use http::Uri;
use policy::{FUNCTION_NAME, KeyHeader, Policy, UNREAD_SECRET};
use strict_json::TextPosition;

use super::super::input::TextFile;
use super::super::{CommandError, REFUSED};
use super::{DEFAULT_PREFIX, compositions_file};
use crate::cli::service_url;
use crate::output::{print_json, until_closed, warn};

use report::Report;

/// The URL of parts without a service, unless it is given. No such host exists (RFC 6761).
const UNKNOWN_BACKEND: &str = "http://backend.invalid";

/// The end of the output of `compose check --help`.
const AFTER_HELP: &str = "\
The file is checked with the code of the deployed function. No service is called. With --policy, the
command also shows the rules that decide each route and each part. A part without a rule is missing
for every caller.

Exit codes: 0 the file is valid, 1 no rule of the policy allows a route or a part, 2 the file is
            invalid

Examples:
  tollgate compose check compositions.json
  tollgate compose check compositions.json --policy policy.json --json";

/// The options of `compose check`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CheckCompositions {
    /// File with the compositions as JSON; `-` is standard input
    #[arg(value_name = "FILE")]
    compositions: String,
    /// Policy whose rules decide parts, as JSON
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,
    /// URL of parts that name no service, if the file has no service `default`
    #[arg(long, value_name = "URL", value_parser = service_url)]
    backend: Option<Uri>,
    /// Prefix of the paths of compositions, the template's CompositionsPrefix
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PREFIX)]
    prefix: String,
    /// Header of API keys, which compositions cannot pass on
    #[arg(long, value_name = "NAME", default_value = "x-api-key")]
    key_header: String,
    /// Accept services on this machine, for a local gateway
    #[arg(long)]
    local: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `compose check`.
///
/// # Errors
/// [`CommandError`] with exit code 2 if a file cannot be read or is invalid.
pub(super) async fn run(options: &CheckCompositions) -> Result<ExitCode, CommandError> {
    let file = compositions_file(&options.compositions)?;
    let default_url = options.backend.clone();
    let settings = Settings {
        prefix: &options.prefix,
        key_header: &options.key_header,
        default_url: Some(default_url.unwrap_or(Uri::from_static(UNKNOWN_BACKEND))),
        replaced: None,
        is_deployed: !options.local,
    };
    let compositions = Compositions::parse(&file.text, &settings)
        .map_err(|error| invalid(&file.name, error.position(&file.text), &error.to_string()))?;
    let policy = options.policy.as_deref();
    let policy = policy.map(|path| read_policy(path, &options.key_header));
    let policy = policy.transpose()?;

    for warning in compositions.warnings() {
        let position = warning.position(&file.text);
        warn(&located(&file.name, position, &warning.to_string()));
    }
    let report = Report::new(&compositions, policy.as_ref());
    if report.calls_backend() && options.backend.is_none() {
        warn("parts without a service call the template's `BackendUrl`, which --backend sets here");
    }
    until_closed(if options.json {
        print_json(&report.json())
    } else {
        text::print(&report)
    })?;
    let is_refused = report.parts_without_rule() > 0 || report.routes_without_rule() > 0;
    Ok(ExitCode::from(if is_refused { REFUSED } else { 0 }))
}

/// Reads a policy. Its secrets are not read, because no request is decided.
fn read_policy(path: &str, key_header: &str) -> Result<Policy, CommandError> {
    let file = TextFile::read(path)?;
    let key_header = KeyHeader::from_setting(Some(key_header.to_owned()));
    let key_header =
        key_header.map_err(|error| CommandError::usage(format!("--key-header: {error}")))?;

    let variable = |name: &str| (name != FUNCTION_NAME).then(|| UNREAD_SECRET.to_owned());
    Policy::parse(&file.text, &key_header, &variable).map_err(|error| {
        let position = error.position(&file.text);
        invalid(&file.name, position, &error.without_position())
    })
}

fn invalid(name: &str, position: Option<TextPosition>, problem: &str) -> CommandError {
    CommandError::usage(located(name, position, problem))
}

/// Returns a problem with its file and position.
fn located(name: &str, position: Option<TextPosition>, problem: &str) -> String {
    match position {
        Some(position) => format!("{name}:{position}: {problem}"),
        None => format!("{name}: {problem}"),
    }
}
