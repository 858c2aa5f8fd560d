//! `serve`: runs the local gateway until a signal stops it.

use std::io::Write as _;
use std::process::ExitCode;

use console::Local;
use gateway::local;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::{LogFormat, Serve};
use crate::log::{Batches, RecordLines};
use crate::output::Style;
use crate::{fail, log};

/// The exit code after a second Ctrl-C, as a shell reports a process that SIGINT killed.
const INTERRUPTED: i32 = 130;

pub(crate) fn run(options: Serve) -> ExitCode {
    let format = options.log_format.unwrap_or_else(LogFormat::of_stdout);
    let style = Style::stdout();
    let (writer, flush_guard) = tracing_appender::non_blocking(Batches::to(std::io::stdout()));
    let console = Local::new(env!("CARGO_PKG_VERSION"));
    if let Err(error) = log::start_with(format, style, writer.clone(), console.layer()) {
        return fail(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };

    let access_log = log::access_log(format, style, writer.clone());
    let record_lines = RecordLines::to(writer);
    let records: Box<dyn std::io::Write + Send> = match format {
        LogFormat::Json => Box::new(record_lines.clone()),
        LogFormat::Text | LogFormat::Off => Box::new(std::io::sink()),
    };
    let result: Result<String, String> = runtime.block_on(async {
        let gateway = local::start(options.into_options(console.pages()), access_log, records)
            .await
            .map_err(|error| error.to_string())?;
        console.set_settings(gateway.settings.clone());
        // The handlers exist before the banner is printed, so that a signal never kills requests in
        // progress.
        let signals = Signals::listen().map_err(|error| error.to_string())?;
        // It is not an error if standard output is closed.
        let _ = std::io::stdout().write_all(gateway.banner.as_bytes());

        let metrics = gateway.metrics();
        let stop = async {
            signals.stop().await;
            console.stop().await;
        };
        gateway.serve(stop).await;
        Ok(metrics.table())
    });

    // A lookup of a name that does not end would otherwise keep the process from ending.
    runtime.shutdown_background();
    // Flushes the log before the table is printed.
    record_lines.finish();
    drop(flush_guard);
    match result {
        Ok(table) => {
            let _ = std::io::stdout().write_all(table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => fail(&problem),
    }
}

/// Handlers of SIGINT and SIGTERM, active from their creation.
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

    /// Waits for the first signal. A second one ends the process at once.
    async fn stop(mut self) {
        self.next().await;
        tracing::info!("finishing the requests in progress; another Ctrl-C stops at once");

        tokio::spawn(async move {
            self.next().await;
            std::process::exit(INTERRUPTED);
        });
    }
}
