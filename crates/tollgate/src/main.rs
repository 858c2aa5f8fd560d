//! The command `tollgate`: serves the local gateway, prints and explains tokens, invokes functions,
//! and administers APIs.

mod cli;
mod commands;
mod completions;
mod instant;
mod invoke;
mod key_id;
mod log;
mod mappings;
mod output;
mod progress;
mod secrets;
mod serve;
mod target;
mod template;
mod token;

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use cli::{Command, ParseError, parse};
use output::escaped;

/// The exit code for invalid input, and for a gateway that cannot start.
const INVALID_INPUT: u8 = 2;

fn main() -> ExitCode {
    // Companies install their own authorities on the machines of their developers.
    aws::trust_system_authorities(|| rustls_native_certs::load_native_certs().certs);

    match parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => serve::run(options),
        Ok(Command::Token(options)) => token::run(&options),
        Ok(Command::Invoke(options)) => invoke::run(&options),
        Ok(Command::Plans(command)) => commands::plans::run(&command),
        Ok(Command::Policies(command)) => commands::policies::run(&command),
        Ok(Command::Blocks(command)) => commands::blocks::run(&command),
        Ok(Command::Audit(command)) => commands::audit::run(&command),
        Ok(Command::Check(options)) => commands::check::run(&options),
        Ok(Command::Compose(command)) => commands::compose::run(&command),
        Ok(Command::Console(options)) => commands::console::run(&options),
        Ok(Command::Dump(options)) => commands::dump::run(&options),
        Ok(Command::Diff(options)) => commands::diff::run(&options),
        Ok(Command::Apply(options)) => commands::apply::run(&options),
        Ok(Command::Import(command)) => commands::import::run(&command),
        Ok(Command::Keys(command)) => commands::keys::run(command),
        Ok(Command::Usage(command)) => commands::usage::run(command),
        Ok(Command::Mappings(options)) => mappings::run(&options),
        Ok(Command::Completions(options)) => completions::run(&options),
        Ok(Command::EvaluateTemplate(options)) => template::run(&options),
        Err(ParseError::Help(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(ParseError::Invalid(problem)) => fail(&problem),
    }
}

/// Prints an error as one line. Control characters are escaped, because input may contain them.
fn fail(error: &impl Display) -> ExitCode {
    let line = escaped(&error.to_string());
    let _ = writeln!(std::io::stderr(), "tollgate: {line}");
    ExitCode::from(INVALID_INPUT)
}
