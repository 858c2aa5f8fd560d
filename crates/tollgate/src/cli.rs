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

use crate::commands::plans::PlansCommand;

/// The end of the output of `--help`.
const AFTER_HELP: &str = "\
Environment:
  RUST_LOG     Level of log messages: off, error, warn, info (default), debug or trace; also per
               target, such as `warn,authorizer=debug`. At debug and trace, HTTP libraries log headers
  HTTPS_PROXY  Proxy for requests to issuers and authorization servers, such as http://proxy:3128;
               else ALL_PROXY. NO_PROXY lists hosts that are called directly, as loopback always is
  EXTRA_CA_CERTS  PEM file of certificate authorities that issuers may use in addition to public ones

Exit codes: 0 success, 1 the invoked function failed or the token is refused, 2 invalid input or the gateway cannot start

Examples:
  tollgate                                            serve template.yaml with two plans and two keys
  tollgate --backend http://127.0.0.1:8080 --log short
  tollgate token --sub alice --plan pro               print a token for `authorization: Bearer`
  tollgate token explain --policy policy.json --file token.txt --request 'GET /orders'
  tollgate invoke authorizer events/authorizer.allowed.json
  tollgate mappings --format terraform > tollgate.tf";

/// The end of the output of `token explain --help`.
const AFTER_EXPLAIN_HELP: &str = "\
Keys are fetched, and secrets are read, as by the local gateway. The output contains claims of the
token, so do not publish it.

Exit codes: 0 the token is accepted, 1 it is refused, 2 invalid input or policy";

/// Runs Tollgate's gateway on this machine
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

/// The version, and the release of the bundled time-zone data.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (time zones {})",
        env!("CARGO_PKG_VERSION"),
        limits::time_zone_release()
    )
});

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
    /// Print what an API of your own needs: mappings, the authorizer and the routes of the limiter
    Mappings(Mappings),
    /// Print the template as JSON, evaluated for the given parameters
    // Hidden, because only the project's own tests of the template use it. Its output may change.
    #[command(name = "template", hide = true)]
    EvaluateTemplate(EvaluateTemplate),
}

/// The options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on: IP:PORT, localhost:PORT, or PORT for 127.0.0.1
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = listen::address)]
    pub(crate) listen: SocketAddr,
    /// Template to serve
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a template parameter; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Backend to use instead of the built-in echo service
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub(crate) backend: Option<Uri>,
    /// Endpoint of all AWS clients, instead of the embedded store. An endpoint on another machine
    /// requires `AWS_REGION` and credentials in the environment
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
    /// Policy of the authorizer as JSON, instead of the template's
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Plans and keys as JSON, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) seeds: Option<PathBuf>,
    /// Log format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) log: LogStyle,
    /// Folder of the local issuer's signing key, which is created on first use
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

/// The format of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogStyle {
    /// JSON lines as on AWS: the template's access log, and the messages of functions
    #[default]
    Json,
    /// A short line per request, and warnings as text
    Short,
    /// Warnings and errors only, in JSON
    Quiet,
}

/// The options of `token`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    /// Subject of the token
    #[arg(long, value_name = "NAME", default_value = "alice")]
    pub(crate) sub: String,
    /// Scopes, separated by spaces
    #[arg(long, value_name = "SCOPES")]
    pub(crate) scope: Option<String>,
    /// Plan; without one, the gateway uses `free`
    #[arg(long, value_name = "NAME")]
    pub(crate) plan: Option<String>,
    /// Seconds until the token expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) expires_in: u64,
    /// Folder of the signing key; must be that of the gateway
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

/// The command below `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Explain why the authorizer accepts or refuses a token of any issuer
    Explain(ExplainToken),
}

/// The options of `token explain`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_EXPLAIN_HELP)]
pub(crate) struct ExplainToken {
    /// Policy of the authorizer as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// File with the token; without one, it is read from standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Request whose rule the token is checked against, such as `GET /orders`; may be repeated
    #[arg(long = "request", value_name = "METHOD PATH", value_parser = request)]
    pub(crate) requests: Vec<(String, String)>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The options of `invoke`.
#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// Name of the function, such as `authorizer`
    pub(crate) function: String,
    /// Event files; missing settings are taken from the env.json next to the first one
    #[arg(required = true, value_name = "EVENT.json")]
    pub(crate) events: Vec<PathBuf>,
    /// Endpoint of all AWS clients
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub(crate) endpoint: Option<Uri>,
}

/// The options of `mappings`.
#[derive(Debug, Args)]
pub(crate) struct Mappings {
    /// Format of the output
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: MappingsFormat,
    /// Template of Tollgate in YAML or JSON
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a template parameter, such as `KeyHeader=api-key`; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

/// The format of `mappings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MappingsFormat {
    /// A SAM template in YAML with an `AWS::Serverless::HttpApi`
    Sam,
    /// Terraform resources in HCL
    Terraform,
    /// An ES module with properties of the constructs Cfn… of the AWS CDK
    Cdk,
    /// An `OpenAPI` document in JSON with extensions of API Gateway
    Openapi,
}

/// The options of `template`.
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
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(cli.command.unwrap_or(Command::Serve(cli.serve))),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Err(ParseError::Help(error.to_string()))
        }
        Err(error) => Err(ParseError::Invalid(message::one_line(&error.to_string()))),
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn request(text: &str) -> Result<(String, String), String> {
    let request = text.split_once(' ');
    let (method, path) = request
        .filter(|(_, path)| path.starts_with('/'))
        .ok_or("expected METHOD PATH, such as `GET /orders`")?;
    Ok((method.to_owned(), path.to_owned()))
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
    let is_plain =
        schemes.contains(&uri.scheme_str()?) && uri.path() == "/" && uri.query().is_none();
    let has_valid_port =
        |authority: &Authority| authority.port().is_none() || authority.port_u16().is_some();
    let has_host = uri.authority().is_some_and(|authority| {
        !authority.host().is_empty()
            && has_valid_port(authority)
            && !authority.as_str().contains('@')
    });

    (is_plain && has_host).then_some(uri)
}

#[cfg(test)]
mod tests {
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
        let release = text.trim_end().rsplit_once("(time zones ").unwrap().1;
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
            ("--log shrt", "tip: a similar value exists: 'short'"),
            ("--log-level debug", "tip: "),
            ("--port 3000", "see `tollgate --help`"),
            ("-v", "see `tollgate --help`"),
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
            "--log",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
