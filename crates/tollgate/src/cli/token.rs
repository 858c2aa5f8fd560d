//! The options of `token` and of the command below it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gateway::local::{DEFAULT_STATE_FOLDER, TokenClaims};

/// The end of the output of `token explain --help`.
const AFTER_EXPLAIN_HELP: &str = "\
Keys are fetched, and secrets are read, as by the local gateway. The output contains claims of the
token, so do not publish it.

Exit codes: 0 the token is accepted, 1 it is refused, 2 invalid input or policy";

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

fn request(text: &str) -> Result<(String, String), String> {
    let request = text.split_once(' ');
    let (method, path) = request
        .filter(|(_, path)| path.starts_with('/'))
        .ok_or("expected METHOD PATH, such as `GET /orders`")?;
    Ok((method.to_owned(), path.to_owned()))
}
