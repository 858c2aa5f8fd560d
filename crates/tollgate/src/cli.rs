//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use http::Uri;
use http::uri::Authority;

/// In the folder that the gateway is started in.
const STATE: &str = ".tollgate";

/// The whole gateway on one machine.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve what the template says (the default)
    Serve(Serve),
    /// Print a token of the local issuer, which the local gateway accepts
    Token(Token),
    /// Call a function with events, one after another, and print what it answers
    Invoke(Invoke),
}

/// How to serve.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// The template to serve
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub template: PathBuf,
    /// Value of a parameter of the template; may be given again
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// The backend, instead of the built-in echo service
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub backend: Option<Uri>,
    /// Address that every AWS client talks to, instead of an embedded store. On another machine it needs `AWS_REGION`
    /// and credentials in the environment
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub endpoint: Option<Uri>,
    /// The authorizer's policy as JSON, instead of the template's
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Plans and keys as JSON, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub seeds: Option<PathBuf>,
    /// Where the local issuer's key is
    #[arg(skip = STATE)]
    pub state: PathBuf,
}

/// What to put into a token.
#[derive(Debug, Args)]
pub struct Token {
    /// Its subject
    #[arg(long, value_name = "NAME", default_value = "alice")]
    pub sub: String,
    /// Its scopes, with spaces between them
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// Its plan; the gateway takes `free` for one without
    #[arg(long, value_name = "NAME")]
    pub plan: Option<String>,
    /// Seconds until it expires
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub expires_in: u64,
    /// Where the local issuer's key is
    #[arg(skip = STATE)]
    pub state: PathBuf,
}

/// What to call.
#[derive(Debug, Args)]
pub struct Invoke {
    /// The function's package, such as `authorizer`
    pub function: String,
    /// Events; settings that the environment lacks are taken from the env.json beside the first
    #[arg(required = true, value_name = "EVENT.json")]
    pub events: Vec<PathBuf>,
    /// Address that every AWS client talks to
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    pub endpoint: Option<Uri>,
}

/// Why there is no command.
#[derive(Debug, PartialEq, Eq)]
pub enum NoCommand {
    /// Help or the version was asked for: this text.
    Shown(String),
    /// The mistake in one line.
    Mistake(String),
}

/// Reads the command line, the program's name included.
///
/// # Errors
/// [`NoCommand`] where there is nothing to do.
pub fn parse(arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<Command, NoCommand> {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => Ok(cli.command.unwrap_or(Command::Serve(cli.serve))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Err(NoCommand::Shown(error.to_string()))
        }
        Err(error) => Err(NoCommand::Mistake(one_line(&error.to_string()))),
    }
}

/// The first paragraph: what follows is usage, which `--help` shows.
fn one_line(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    line.trim_start_matches("error: ").to_owned()
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn backend(text: &str) -> Result<Uri, String> {
    address(text, &["http"]).ok_or_else(|| "it is http://HOST:PORT without a path".to_owned())
}

fn endpoint(text: &str) -> Result<Uri, String> {
    address(text, &["http", "https"]).ok_or_else(|| "it is http(s)://HOST:PORT without a path".to_owned())
}

fn address(text: &str, schemes: &[&str]) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let plain = schemes.contains(&uri.scheme_str()?) && uri.path() == "/" && uri.query().is_none();
    let port_fits = |authority: &Authority| authority.port().is_none() || authority.port_u16().is_some();
    let host = uri.authority().is_some_and(|authority| {
        !authority.host().is_empty() && port_fits(authority) && !authority.as_str().contains('@')
    });
    (plain && host).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, NoCommand> {
        parse(std::iter::once("tollgate").chain(line.split_whitespace()).map(Into::into))
    }

    #[test]
    fn serving_is_what_it_does_unless_told_otherwise() {
        for line in ["", "serve", "--listen 127.0.0.1:3000", "serve --template template.yaml"] {
            let Ok(Command::Serve(serve)) = parsed(line) else { panic!("{line}") };
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
            ("serve --listen 3000", "--listen"),
            ("--parameter A", "NAME=VALUE"),
            ("--backend https://a", "http://HOST:PORT"),
            ("--backend http://a/b", "http://HOST:PORT"),
            ("--backend http://u:p@a", "http://HOST:PORT"),
            ("invoke", "EVENT.json"),
            ("fly", "fly"),
        ] {
            let Err(NoCommand::Mistake(text)) = parsed(line) else { panic!("{line}") };
            assert!(text.contains(named) && !text.contains('\n'), "{line}: {text}");
        }
    }
}
