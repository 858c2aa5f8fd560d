//! `cargo run`: the gateway, or one function.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use tollgate::cli::{Command, Invoke, NoCommand, Serve, Token, parse};
use tollgate::local::LocalIssuer;
use tollgate::{invoke, local};
use tracing_appender::non_blocking::NonBlocking;
use tracing_subscriber::EnvFilter;

/// Bad input, whoever gave it.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(Command::Serve(options)) => serve(options),
        Ok(Command::Token(options)) => token(&options),
        Ok(Command::Invoke(options)) => call(&options),
        Err(NoCommand::Shown(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(NoCommand::Mistake(line)) => mistake(&line),
    }
}

fn mistake(line: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "tollgate: {line}");
    ExitCode::from(MISTAKE)
}

fn serve(options: Serve) -> ExitCode {
    let (writer, _flushed_when_dropped) = tracing_appender::non_blocking(std::io::stdout());
    log_to(writer.clone());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return mistake(&error.to_string()),
    };
    let log = move |line: &str| drop(writer.clone().write_all(line.as_bytes()));
    runtime.block_on(async {
        let started = match local::start(options, Arc::new(log)).await {
            Ok(started) => started,
            Err(error) => return mistake(&error.to_string()),
        };
        // Whoever started the gateway may not read what it says.
        let _ = std::io::stdout().write_all(started.banner.as_bytes());
        started.serve(stop()).await;
        ExitCode::SUCCESS
    })
}

fn log_to(writer: NonBlocking) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .init();
}

/// The first Ctrl-C or termination stops the gateway once requests are done, the second at once.
async fn stop() {
    signalled().await;
    tracing::info!("finishing the requests under way; another Ctrl-C stops at once");
    tokio::spawn(async {
        signalled().await;
        std::process::exit(130);
    });
}

async fn signalled() {
    let interrupted = tokio::signal::ctrl_c();
    let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupted.await;
        return;
    };
    tokio::select! {
        _ = interrupted => {}
        _ = terminated.recv() => {}
    }
}

fn token(options: &Token) -> ExitCode {
    let issuer = match LocalIssuer::open(&options.state) {
        Ok(issuer) => issuer,
        Err(error) => return mistake(&error.to_string()),
    };
    let Some(token) = issuer.token(options, jiff::Timestamp::now()) else {
        return mistake("--expires-in: it ends beyond the calendar");
    };
    let _ = writeln!(std::io::stdout(), "{token}");
    ExitCode::SUCCESS
}

fn call(options: &Invoke) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
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
    if said.iter().all(Result::is_ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
