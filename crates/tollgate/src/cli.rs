//! The command line.

mod listen;
mod message;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use gateway::local::{DEFAULT_STATE_FOLDER, Options, TokenClaims};
use http::Uri;
use http::uri::Authority;

/// What `--help` says after the options.
const AFTER_HELP: &str = "\
Environment:
  RUST_LOG     Level of log messages: off, error, warn, info (default), debug or trace; also per
               target, such as `warn,authorizer=debug`. At debug and trace, HTTP libraries log headers
  HTTPS_PROXY  Proxy for requests to issuers and authorization servers, such as http://proxy:3128;
               else ALL_PROXY. NO_PROXY lists hosts that are called directly, as loopback always is

Exit codes: 0 success, 1 the invoked function failed, 2 invalid input or the gateway cannot start

Examples:
  tollgate                                            serve template.yaml with two plans and two keys
  tollgate --backend http://127.0.0.1:8080 --log short
  tollgate token --sub alice --plan pro               print a token for `authorization: Bearer`
  tollgate invoke authorizer events/authorizer.allowed.json";

/// The whole gateway on one machine.
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version = VERSION.as_str(),
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

/// The release, and that of the time-zone data in it.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (time zones {})",
        env!("CARGO_PKG_VERSION"),
        usage::time_zone_release()
    )
});

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve what the template says (the default)
    Serve(Serve),
    /// Print a token of the local issuer. The local gateway accepts it unless --policy names other
    /// issuers
    Token(Token),
    /// Call a function with events, one after another, and print what it answers
    Invoke(Invoke),
    /// Print the template as JSON, evaluated for the given parameters
    // Hidden, because it serves the project's own tests of the template: its output may change.
    #[command(name = "template", hide = true)]
    EvaluateTemplate(EvaluateTemplate),
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on: IP:PORT, localhost:PORT, or PORT for 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = listen::address)]
    pub(crate) listen: SocketAddr,
    /// The template to serve
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a parameter of the template; may be given again
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The backend, instead of the built-in echo service
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub(crate) backend: Option<Uri>,
    /// Address that every AWS client talks to, instead of an embedded store. On another machine it
    /// needs `AWS_REGION` and credentials in the environment
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
    /// The authorizer's policy as JSON, instead of the template's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Plans and keys as JSON, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) seeds: Option<PathBuf>,
    /// What is logged, and how
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log: LogStyle,
    /// Folder of the local issuer's signing key, which is made there once
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_STATE_FOLDER)]
    pub(crate) state: PathBuf,
}

impl Serve {
    pub(crate) fn into_options(self) -> Options {
        Options {
            listen: self.listen,
            template: self.template,
            parameters: self.parameters,
            backend: self.backend,
            endpoint: self.endpoint,
            policy: self.policy,
            seeds: self.seeds,
            state: self.state,
        }
    }
}

/// What the gateway logs, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogStyle {
    /// JSON lines as in AWS: the template's access log, and the functions' messages
    #[default]
    Json,
    /// A short line per request, and warnings as text
    Short,
    /// Warnings and errors only, in JSON
    Quiet,
}

/// What to put into a token.
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// Its subject
    #[arg(long, value_name = "NAME", default_value = "alice")]
    pub(crate) sub: String,
    /// Its scopes, with spaces between them
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// Its plan; the gateway takes `free` for one without
    #[arg(long, value_name = "NAME")]
    pub(crate) plan: Option<String>,
    /// Seconds until it expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) expires_in: u64,
    /// Folder of the signing key: the one that the gateway was started with
    #[arg(long, value_name = "FOLDER", default_value = DEFAULT_STATE_FOLDER)]
    pub(crate) state: PathBuf,
}

impl Token {
    pub(crate) fn claims(&self) -> TokenClaims {
        TokenClaims {
            sub: self.sub.clone(),
            scope: self.scope.clone(),
            plan: self.plan.clone(),
            expires_in: self.expires_in,
        }
    }
}

/// What to call.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function's package, such as `authorizer`
    pub(crate) function: String,
    /// Events; settings that the environment lacks are taken from the env.json beside the first
    #[arg(required = true, value_name = "EVENT.json")]
    pub(crate) events: Vec<PathBuf>,
    /// Address that every AWS client talks to
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
}

/// The template and parameters to evaluate.
#[derive(Debug, Args)]
pub(crate) struct EvaluateTemplate {
    /// Template in YAML or JSON, after the SAM transform if it has resources of SAM
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a parameter or of a pseudo parameter such as AWS::Region; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// JSON list of objects that map names to values; the result is a list with a result for each
    #[arg(long, value_name = "FILE")]
    pub(crate) parameter_sets: Option<PathBuf>,
}

/// Why there is no command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoCommand {
    /// Help or the version was asked for: this text.
    Shown(String),
    /// The mistake in one line.
    Mistake(String),
}

/// Reads the command line, the program's name included.
///
/// # Errors
/// [`NoCommand`] where there is nothing to do.
pub(crate) fn parse(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> Result<Command, NoCommand> {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(cli.command.unwrap_or(Command::Serve(cli.serve))),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Err(NoCommand::Shown(error.to_string()))
        }
        Err(error) => Err(NoCommand::Mistake(message::one_line(&error.to_string()))),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn backend(text: &str) -> Result<Uri, String> {
    address(text, &["http"]).ok_or_else(|| "expected http://HOST:PORT without a path".to_owned())
}

fn endpoint(text: &str) -> Result<Uri, String> {
    address(text, &["http", "https"])
        .ok_or_else(|| "expected http(s)://HOST:PORT without a path".to_owned())
}

fn address(text: &str, schemes: &[&str]) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let plain = schemes.contains(&uri.scheme_str()?) && uri.path() == "/" && uri.query().is_none();
    let port_fits =
        |authority: &Authority| authority.port().is_none() || authority.port_u16().is_some();
    let host = uri.authority().is_some_and(|authority| {
        !authority.host().is_empty() && port_fits(authority) && !authority.as_str().contains('@')
    });
    (plain && host).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, NoCommand> {
        parse(
            std::iter::once("tollgate")
                .chain(line.split_whitespace())
                .map(Into::into),
        )
    }

    #[test]
    fn version_names_the_release_of_the_time_zones() {
        let Err(NoCommand::Shown(said)) = parsed("--version") else {
            panic!("no version")
        };
        assert!(said.starts_with("tollgate "), "{said}");
        let release = said.trim_end().rsplit_once("(time zones ").unwrap().1;
        let is_release = |text: &str| text.len() == 5 && text.starts_with("20");
        assert!(release.strip_suffix(')').is_some_and(is_release), "{said}");
    }

    #[test]
    fn serving_is_what_it_does_unless_told_otherwise() {
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
    fn a_mistake_is_one_line_that_names_it() {
        for (line, named) in [
            ("--lisen 1", "--lisen"),
            ("serve --listen nowhere", "--listen"),
            ("--parameter A", "NAME=VALUE"),
            ("--backend https://a", "http://HOST:PORT"),
            ("--backend http://a/b", "http://HOST:PORT"),
            ("--backend http://u:p@a", "http://HOST:PORT"),
            ("invoke", "EVENT.json"),
            ("fly", "fly"),
        ] {
            let Err(NoCommand::Mistake(text)) = parsed(line) else {
                panic!("{line}")
            };
            assert!(
                text.contains(named) && !text.contains('\n'),
                "{line}: {text}"
            );
        }
    }

    #[test]
    fn a_mistyped_name_is_answered_with_the_nearest_one() {
        for (line, tip) in [
            ("--lsiten 1", "tip: a similar argument exists: '--listen'"),
            (
                "serve --polcy a",
                "tip: a similar argument exists: '--policy'",
            ),
            ("sevre", "tip: a similar subcommand exists: 'serve'"),
            ("--log shrt", "tip: a similar value exists: 'short'"),
            ("--log-level debug", "tip: "),
            ("--port 3000", "see `tollgate --help`"),
            ("-v", "see `tollgate --help`"),
        ] {
            let Err(NoCommand::Mistake(text)) = parsed(line) else {
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
        let Err(NoCommand::Shown(text)) = parsed("--help") else {
            panic!("no help")
        };
        for part in [
            "RUST_LOG",
            "HTTPS_PROXY",
            "NO_PROXY",
            "Exit codes",
            "Examples",
            "--state",
            "--log",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
