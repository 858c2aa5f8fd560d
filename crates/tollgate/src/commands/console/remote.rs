//! The console of a deployed API, which this process serves on loopback.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admin_client::{AdminClient, ClientError, path};
use console::Deployed;
use console::proxy::{HandOver, Listener, Proxy};
use tokio::time::timeout;

use super::ConsoleOptions;
use super::browser::Browser;
use super::enter;
use super::page::Page;
use crate::INVALID_INPUT;
use crate::commands::CommandError;
use crate::commands::signals::Signals;
use crate::output::{note, print_line, until_closed, warn};

/// The time in which a console without a run of checks stops.
const QUICK_STOP: Duration = Duration::from_millis(200);

/// Serves the console until a signal ends the command, and opens its page.
///
/// # Errors
/// [`CommandError`] if the API cannot be reached, or if the port or the folder cannot be used.
pub(super) async fn serve(
    client: AdminClient,
    options: &ConsoleOptions,
) -> Result<ExitCode, CommandError> {
    let signals = Signals::listen();
    let mut signals =
        signals.map_err(|error| CommandError::usage(format!("cannot catch signals: {error}")))?;

    let mut console = tokio::select! {
        opened = Console::open(client, options) => opened?,
        _ = signals.next() => return Ok(ExitCode::SUCCESS),
    };
    let proxy = Arc::clone(&console.proxy);
    let ended = tokio::select! {
        ended = console.run(options) => ended,
        _ = signals.next() => Ok(()),
    };

    // Deletes the file with the code.
    drop(console);
    finish(&proxy, &mut signals).await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// A console that can be served.
struct Console {
    proxy: Arc<Proxy>,
    listener: Listener,
    hand_over: HandOver,
}

impl Console {
    /// Takes a port and a private folder, and shows that the API responds.
    async fn open(client: AdminClient, options: &ConsoleOptions) -> Result<Self, CommandError> {
        let usage = |error: &dyn Display| CommandError::usage(error.to_string());
        let listener = listen(options.port).await?;
        let hand_over = HandOver::create_in(&code_folder(options));
        let hand_over = hand_over.map_err(|error| usage(&error))?;

        if let Some(refusal) = probe(&client).await? {
            warn(&refusal.to_string());
        }
        let proxy = Proxy::new(deployed(client, options)?, listener.port());
        Ok(Self {
            proxy: Arc::new(proxy.map_err(|error| usage(&error))?),
            listener,
            hand_over,
        })
    }

    /// Serves the page and opens it. Never returns, except with an error.
    async fn run(&mut self, options: &ConsoleOptions) -> Result<(), CommandError> {
        print_banner(&self.proxy, options)?;
        let browser = Browser::of_environment().filter(|_| !options.no_browser);
        let mut page = Page::new(&self.proxy, &self.hand_over, browser);
        tokio::select! {
            () = Arc::clone(&self.proxy).serve(&self.listener) => Ok(()),
            ended = page.keep_open(enter::lines()) => ended,
        }
    }
}

/// Waits until a run of checks has deleted its temporary plan and key, or until another signal.
async fn finish(proxy: &Proxy, signals: &mut Signals) {
    let mut stop = pin!(proxy.stop());
    if timeout(QUICK_STOP, stop.as_mut()).await.is_ok() {
        return;
    }
    note("Deleting what the checks have created. Another Ctrl-C stops at once.");
    tokio::select! {
        () = stop => {}
        _ = signals.next() => {}
    }
}

fn deployed(client: AdminClient, options: &ConsoleOptions) -> Result<Deployed, CommandError> {
    let target = options.target.options();
    let stack = target.selected_stack()?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(Deployed::new(client, target, stack, version, options.write))
}

async fn listen(port: Option<u16>) -> Result<Listener, CommandError> {
    Listener::bind(port).await.map_err(|error| {
        let port = port.map_or_else(|| "a free port".to_owned(), |port| format!("port {port}"));
        let reason = match error.kind() {
            ErrorKind::AddrInUse => "it is in use, choose another one with --port".to_owned(),
            _ => error.to_string(),
        };
        CommandError::usage(format!("cannot listen on {port} of loopback: {reason}"))
    })
}

/// Shows that there is an admin API. Returns its refusal if it denies access, which is not an error,
/// because the identity may have other permissions.
async fn probe(client: &AdminClient) -> Result<Option<ClientError>, ClientError> {
    let first = path(&["plans"]).query(&[("limit", "1")]);
    match client.pages(&first).next().await {
        Err(error) if error.exit_code() == INVALID_INPUT => Err(error),
        Err(refusal) => Ok(Some(refusal)),
        Ok(_) => Ok(None),
    }
}

/// Returns the folder in which the private folder is created.
fn code_folder(options: &ConsoleOptions) -> PathBuf {
    let of_session = || {
        let folder = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
        (folder.is_absolute() && folder.is_dir()).then_some(folder)
    };
    let chosen = options.code_folder.clone();
    chosen
        .or_else(of_session)
        .unwrap_or_else(std::env::temp_dir)
}

fn print_banner(proxy: &Proxy, options: &ConsoleOptions) -> Result<(), CommandError> {
    let permission = if options.write {
        "The console can make changes with your AWS credentials."
    } else {
        "The console only reads. To make changes, start it with --write."
    };
    for line in [
        &format!("Console of {}", proxy.target()),
        &format!("  {}", proxy.page_url()),
        permission,
        "Press Enter to open the page again, Ctrl-C to stop.",
    ] {
        until_closed(print_line(line))?;
    }
    Ok(())
}
