//! `token`: prints a token of the local issuer, or explains a token of any issuer.

mod explain;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use gateway::local::LocalIssuer;
use jiff::Timestamp;

use crate::cli::{Token, TokenCommand};
use crate::fail;

pub(crate) fn run(options: &Token) -> ExitCode {
    match &options.command {
        Some(TokenCommand::Explain(options)) => explain::run(options),
        None => print(options),
    }
}

fn print(options: &Token) -> ExitCode {
    let issuer = match LocalIssuer::open(&options.state) {
        Ok(issuer) => issuer,
        Err(error) => return fail(&error),
    };
    if issuer.is_new() {
        warn_of_new_key(&options.state);
    }

    match issuer.token(&options.claims(), Timestamp::now()) {
        Some(token) => {
            let _ = writeln!(std::io::stdout(), "{token}");
            ExitCode::SUCCESS
        }
        None => fail(&"--expires-in: the expiry is out of range"),
    }
}

/// Tells the user which gateways accept the token.
fn warn_of_new_key(folder: &Path) {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let warning =
        "created a new signing key; only a gateway with the same --state folder accepts this token";
    let _ = writeln!(
        std::io::stderr(),
        "tollgate: {}: {warning}",
        folder.display()
    );
}
