//! `cargo run`: the gateway, or one function.

mod cli;
mod invoke;
mod log;
mod template;

use std::io::Write as _;
use std::process::ExitCode;

use cli::{Command, EvaluateTemplate, Invoke, LogStyle, NoCommand, Serve, Token, parse};
use gateway::local::{self, LocalIssuer};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::fmt::MakeWriter;

/// Bad input, whoever gave it.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => serve(options),
        Ok(Command::Token(options)) => token(&options),
        Ok(Command::Invoke(options)) => call(&options),
        Ok(Command::EvaluateTemplate(options)) => print_template(&options),
        Err(NoCommand::Shown(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(NoCommand::Mistake(line)) => mistake(&line),
    }
}

/// One line, whatever stood in what was wrong.
fn mistake(problem: &str) -> ExitCode {
    let escaped = |character: char| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    let line: String = problem.chars().map(escaped).collect();
    let _ = writeln!(std::io::stderr(), "tollgate: {line}");
    ExitCode::from(MISTAKE)
}

fn serve(options: Serve) -> ExitCode {
    let style = options.log;
    let (writer, flushed_when_dropped) = tracing_appender::non_blocking(std::io::stdout());
    if let Err(error) = start_log(style, writer.clone()) {
        return mistake(&error.to_string());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return mistake(&error.to_string()),
    };

    let access_log = log::access_log(style, writer.clone());
    let records: Box<dyn std::io::Write + Send> = match style {
        LogStyle::Json => Box::new(writer),
        LogStyle::Short | LogStyle::Quiet => Box::new(std::io::sink()),
    };
    let served: Result<String, String> = runtime.block_on(async {
        let started = local::start(options.into_options(), access_log, records)
            .await
            .map_err(|error| error.to_string())?;
        // Before anybody is told that the gateway listens, so that no signal ends it with requests
        // under way.
        let signals = Signals::listen().map_err(|error| error.to_string())?;
        // Whoever started the gateway may not read what it says.
        let _ = std::io::stdout().write_all(started.banner.as_bytes());
        let metrics = started.metrics();
        started.serve(signals.stop()).await;
        Ok(metrics.table())
    });

    // The log's last lines come before the table.
    drop(flushed_when_dropped);
    match served {
        Ok(table) => {
            let _ = std::io::stdout().write_all(table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => mistake(&problem),
    }
}

/// Logs what `RUST_LOG` selects.
fn start_log(
    style: LogStyle,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Result<(), log::FilterError> {
    log::start(style, std::env::var(log::RUST_LOG).ok().as_deref(), writer)
}

/// Ctrl-C and termination, from the moment this exists.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The first one stops the gateway once requests are done, the second at once.
    async fn stop(mut self) {
        self.next().await;
        tracing::info!("finishing the requests under way; another Ctrl-C stops at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(130);
        });
    }
}

fn token(options: &Token) -> ExitCode {
    let issuer = match LocalIssuer::open(&options.state) {
        Ok(issuer) => issuer,
        Err(error) => return mistake(&error.to_string()),
    };
    if issuer.is_new() {
        let folder = std::path::absolute(&options.state).unwrap_or_else(|_| options.state.clone());
        let note = "a new signing key was made; only a gateway with the same --state folder accepts this token";
        let _ = writeln!(std::io::stderr(), "tollgate: {}: {note}", folder.display());
    }
    let Some(token) = issuer.token(&options.claims(), jiff::Timestamp::now()) else {
        return mistake("--expires-in: it ends beyond the calendar");
    };
    let _ = writeln!(std::io::stdout(), "{token}");
    ExitCode::SUCCESS
}

fn print_template(options: &EvaluateTemplate) -> ExitCode {
    match template::evaluate(options) {
        Ok(evaluated) => {
            let _ = writeln!(std::io::stdout(), "{evaluated}");
            ExitCode::SUCCESS
        }
        Err(error) => mistake(&error.to_string()),
    }
}

fn call(options: &Invoke) -> ExitCode {
    if let Err(error) = start_log(LogStyle::Json, std::io::stderr) {
        return mistake(&error.to_string());
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return mistake(&error.to_string()),
    };
    let said = match runtime.block_on(invoke::run(options)) {
        Ok(said) => said,
        Err(error) => return mistake(&error.to_string()),
    };
    for said in &said {
        let _ = match said {
            Ok(answer) => writeln!(std::io::stdout(), "{answer}"),
            Err(error) => writeln!(std::io::stderr(), "{error}"),
        };
    }
    if said.iter().all(Result::is_ok) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
