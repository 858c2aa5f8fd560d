//! The command line.

mod completions;
#[cfg(test)]
mod documented;
mod help;
mod invoke;
mod listen;
mod mappings;
mod message;
mod serve;
mod template;
mod token;
mod values;
mod version;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use completions::Completions;
pub(crate) use invoke::Invoke;
pub(crate) use mappings::{Mappings, MappingsFormat};
pub(crate) use serve::{LogFormat, Serve, backend};
pub(crate) use template::EvaluateTemplate;
pub(crate) use token::{ExplainToken, Token, TokenCommand};
pub(crate) use values::{parameter, service, service_url};

use crate::commands::apply::ApplyOptions;
use crate::commands::audit::AuditCommand;
use crate::commands::blocks::BlocksCommand;
use crate::commands::check::CheckOptions;
use crate::commands::compose::ComposeCommand;
use crate::commands::console::ConsoleOptions;
use crate::commands::diff::DiffOptions;
use crate::commands::dump::DumpOptions;
use crate::commands::import::ImportCommand;
use crate::commands::keys::KeysCommand;
use crate::commands::plans::PlansCommand;
use crate::commands::policies::PoliciesCommand;
use crate::commands::usage::UsageCommand;

/// The end of the output of `--help`.
const AFTER_HELP: &str = "\
Environment:
  TOLLGATE_URL, TOLLGATE_STACK  Target of commands that call an API, instead of the local gateway
  NO_COLOR     No colours if it is set and not empty
  RUST_LOG     Level of log messages: off, error, warn, info (default), debug or trace; also per
               target, such as `warn,authorizer=debug`. `access=off` hides the lines of requests. At
               debug and trace, HTTP libraries log headers
  HTTPS_PROXY  Proxy for requests to issuers and authorization servers, such as http://proxy:3128;
               else ALL_PROXY. NO_PROXY lists hosts that are called directly, as loopback always is
  EXTRA_CA_CERTS  PEM file of certificate authorities that issuers may use in addition to public ones

Exit codes: 0 success, 1 the API refused a request or a check failed, 2 invalid input or no connection,
            3 differences, or `check --strict` found something that is not shown to be true

Examples:
  tollgate                                            serve template.yaml with two plans and two keys
  tollgate --backend http://127.0.0.1:8080 --log-format text
  tollgate token --sub alice --plan pro               print a token for `authorization: Bearer`
  tollgate token explain --policy policy.json --file token.txt --request 'GET /orders'
  tollgate invoke authorizer events/authorizer.allowed.json
  tollgate compose try compositions.json 'GET /bff/dashboard' --as alice
  tollgate mappings --format terraform > tollgate.tf
  tollgate keys list --stack tollgate --plan free    administer a deployed stack
  tollgate diff tollgate.yaml
  tollgate check --stack tollgate                     prove a deployment
  tollgate console --stack tollgate                   open the web console of a deployed stack";

/// The end of the output of `completions --help`.
const AFTER_COMPLETIONS_HELP: &str = "\
Installation:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

/// Runs Tollgate's gateway on this machine, and administers APIs
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version = version::VERSION.as_str(),
    about,
    args_conflicts_with_subcommands = true,
    after_help = AFTER_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

/// The command to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the template as a local gateway (the default)
    Serve(Serve),
    /// Print a token of the local issuer. The local gateway accepts it unless --policy names other
    /// issuers
    Token(Token),
    /// Call a function with events, one after another, and print its responses
    Invoke(Invoke),
    /// Administer usage plans
    #[command(subcommand)]
    Plans(PlansCommand),
    /// Administer API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Report usage, and grant or refund calls
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Administer authorization policies and their candidates
    #[command(subcommand)]
    Policies(PoliciesCommand),
    /// Stop callers at once, and release them
    #[command(subcommand)]
    Blocks(BlocksCommand),
    /// Show who changed what
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check parameters before a deployment, and the stack and the API after it
    Check(Box<CheckOptions>),
    /// Check and try compositions, and administer stored ones
    #[command(subcommand)]
    Compose(ComposeCommand),
    /// Open the web console of an API in a browser
    Console(ConsoleOptions),
    /// Print the plans, policies, compositions and keys of an API as a file for `apply`
    Dump(DumpOptions),
    /// Compare a file with the plans, policies, compositions and keys of an API
    Diff(DiffOptions),
    /// Give an API the plans, policies, compositions and keys of a file, after a question
    Apply(ApplyOptions),
    /// Convert the configuration of other products to a file for `apply`
    #[command(subcommand)]
    Import(ImportCommand),
    /// Print what an API of your own needs: mappings, the authorizer and the routes of the limiter
    Mappings(Mappings),
    /// Print a script that completes command lines in a shell
    #[command(after_help = AFTER_COMPLETIONS_HELP)]
    Completions(Completions),
    /// Print the template as JSON, evaluated for the given parameters
    // Hidden, because only the project's own tests of the template use it. Its output may change.
    #[command(name = "template", hide = true)]
    EvaluateTemplate(EvaluateTemplate),
}

/// The result of a command line without a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// The text of `--help` or `--version`.
    Help(String),
    /// The error, as one line.
    Invalid(String),
}

/// Parses the command line. The first argument is the program's name.
///
/// # Errors
/// [`ParseError`] if the arguments are invalid, or ask for help or the version.
pub(crate) fn parse(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> Result<Command, ParseError> {
    let arguments: Vec<_> = arguments.collect();
    let mut command = command();
    let parsed = command
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));

    match parsed {
        Ok(cli) => Ok(cli.command.unwrap_or(Command::Serve(cli.serve))),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Err(ParseError::Help(error.to_string()))
        }
        Err(error) => Err(ParseError::Invalid(message::of(
            &error, &command, &arguments,
        ))),
    }
}

/// Returns the definition of the command line.
fn command() -> clap::Command {
    help::with_examples(Cli::command(), "")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn parsed(line: &str) -> Result<Command, ParseError> {
        parse(
            std::iter::once("tollgate")
                .chain(line.split_whitespace())
                .map(Into::into),
        )
    }

    #[test]
    fn version_includes_the_release_of_the_time_zones() {
        let Err(ParseError::Help(text)) = parsed("--version") else {
            panic!("no version")
        };
        assert!(text.starts_with("tollgate "), "{text}");
        let release = text.trim_end().rsplit_once("time zones ").unwrap().1;
        let is_release = |name: &str| name.len() == 5 && name.starts_with("20");
        assert!(release.strip_suffix(')').is_some_and(is_release), "{text}");
    }

    #[test]
    fn serve_is_the_default_command() {
        for line in [
            "",
            "serve",
            "--listen 127.0.0.1:3000",
            "serve --template template.yaml",
        ] {
            let Ok(Command::Serve(serve)) = parsed(line) else {
                panic!("{line}")
            };
            assert_eq!(
                (serve.listen.to_string(), serve.template),
                ("127.0.0.1:3000".to_owned(), PathBuf::from("template.yaml"))
            );
        }
    }

    #[test]
    fn errors_are_one_line() {
        for (line, named) in [
            ("--lisen 1", "--lisen"),
            ("serve --listen nowhere", "--listen"),
            ("--parameter A", "NAME=VALUE"),
            ("--backend https://a", "http://HOST:PORT"),
            ("--backend http://a/b", "http://HOST:PORT"),
            ("--backend http://u:p@a", "http://HOST:PORT"),
            ("--backend http://127.0.0.1:99999", "http://HOST:PORT"),
            ("--backend http://127.0.0.1:", "http://HOST:PORT"),
            ("invoke", "EVENT.json"),
            ("fly", "fly"),
        ] {
            let Err(ParseError::Invalid(text)) = parsed(line) else {
                panic!("{line}")
            };
            assert!(
                text.contains(named) && !text.contains('\n'),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn errors_suggest_similar_names() {
        for (line, tip) in [
            ("--lsiten 1", "tip: a similar argument exists: '--listen'"),
            (
                "serve --polcy a",
                "tip: a similar argument exists: '--policy'",
            ),
            ("sevre", "tip: a similar subcommand exists: 'serve'"),
            ("--log-format txt", "tip: a similar value exists: 'text'"),
            (
                "--log json",
                "tip: a similar argument exists: '--log-format'",
            ),
            ("--port 3000", "see `tollgate --help`"),
            ("-v", "see `tollgate --help`"),
            ("plan list", "tip: the subcommand is named 'plans'"),
            ("plans lst", "tip: a similar subcommand exists: 'list'"),
            ("plans ls", "tip: the subcommand is named 'list'"),
            (
                "plans list --stak a",
                "tip: a similar argument exists: '--stack'",
            ),
            ("plans list -v", "see `tollgate plans list --help`"),
            ("plans", "`tollgate plans` requires a subcommand: list"),
            ("completions fsh", "tip: a similar value exists: 'fish'"),
            ("--stack a plans list", "tip: '--stack' follows a command"),
        ] {
            let Err(ParseError::Invalid(text)) = parsed(line) else {
                panic!("{line}")
            };
            assert!(
                text.contains(tip) && !text.contains("Usage"),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn help_explains_the_environment_and_the_exit_codes() {
        let Err(ParseError::Help(text)) = parsed("--help") else {
            panic!("no help")
        };
        for part in [
            "RUST_LOG",
            "HTTPS_PROXY",
            "NO_PROXY",
            "Exit codes",
            "Examples",
            "--state",
            "--log-format",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
