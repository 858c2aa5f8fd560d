//! Logging: JSON lines as deployed functions write them, text for a terminal, or nothing.

mod access_line;
mod batches;
mod event_text;
mod record_lines;

use std::io::Write;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Identity;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::cli::LogFormat;
use crate::output::Style;
pub(crate) use batches::Batches;
use console::CONSOLE_PATH;
use event_text::TextLines;
use gateway::api::Exchange;
use gateway::pages::METRICS_PATH;
use gateway::server::LogSink;
pub(crate) use record_lines::RecordLines;

/// The environment variable that selects the messages to log.
const RUST_LOG: &str = "RUST_LOG";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// An invalid value of `RUST_LOG`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RUST_LOG: invalid directive `{0}`, expected off, error, warn, info, debug or trace, or TARGET=LEVEL"
)]
pub(crate) struct FilterError(String);

/// The target of the lines of requests in `RUST_LOG`. They have the level INFO.
const ACCESS_TARGET: &str = "access";

/// Starts logging to `writer`. `RUST_LOG` selects the messages; the default level is `info`.
/// `style` colours text.
///
/// # Errors
/// [`FilterError`] if `RUST_LOG` has an invalid directive.
pub(crate) fn start_from_environment<W>(
    format: LogFormat,
    style: Style,
    writer: W,
) -> Result<(), FilterError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    start_with(format, style, writer, Identity::new())
}

/// Starts logging as [`start_from_environment`] does. `reader` also receives the messages that its
/// own filter selects.
///
/// # Errors
/// [`FilterError`] if `RUST_LOG` has an invalid directive.
pub(crate) fn start_with<W>(
    format: LogFormat,
    style: Style,
    writer: W,
    reader: impl Layer<Registry> + Send + Sync,
) -> Result<(), FilterError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let directives = directives();
    let filter = with_audit(filter(directives.as_deref())?);
    let directives = directives.unwrap_or_default();

    let registry = tracing_subscriber::registry().with(reader);
    match format {
        LogFormat::Json => registry
            .with(telemetry::json_lines(writer).with_filter(filter))
            .init(),
        LogFormat::Text => registry
            .with(
                telemetry::json_lines(TextLines {
                    writer,
                    style,
                    shows_requests: shows_requests(&directives),
                })
                .with_filter(filter),
            )
            .init(),
        LogFormat::Off => registry.init(),
    }
    Ok(())
}

/// The targets that are logged with any filter.
const ALWAYS_LOGGED: [&str; 2] = [telemetry::AUDIT_TARGET, telemetry::QUOTA_TARGET];

/// Returns the value of `RUST_LOG`.
fn directives() -> Option<String> {
    std::env::var(RUST_LOG).ok()
}

/// Returns the sink of the access log: one line per request, or nothing if the log is off.
/// Successful requests for the metrics and for pages of the console are not logged: programs send
/// them every few seconds. The requests to the admin API that a page sends are.
pub(crate) fn access_log(
    format: LogFormat,
    style: Style,
    writer: impl Write + Clone + Send + Sync + 'static,
) -> LogSink {
    let shows_requests = shows_requests(directives().as_deref().unwrap_or_default());
    let write = move |line: &str| drop(writer.clone().write_all(line.as_bytes()));

    let shows = move |exchange: &Exchange| shows_requests && !is_polled_page(exchange);
    Arc::new(move |of_stage, exchange| match format {
        LogFormat::Json if shows(exchange) => write(&of_stage.line(exchange)),
        LogFormat::Text if shows(exchange) => write(&access_line::text(exchange, style)),
        LogFormat::Json | LogFormat::Text | LogFormat::Off => {}
    })
}

/// True unless the last directive about the lines of requests has a level above INFO.
fn shows_requests(directives: &str) -> bool {
    let mut levels = directives.rsplit(',').filter_map(|directive| {
        let (target, level) = directive.trim().split_once('=')?;
        (target == ACCESS_TARGET).then_some(level)
    });
    let is_above_info = |level: &str| {
        ["off", "error", "warn"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(level))
    };

    !levels.next().is_some_and(is_above_info)
}

/// True for a successful request for a page that programs read again and again: one of the console,
/// the data of one, or the metrics.
fn is_polled_page(exchange: &Exchange) -> bool {
    let is_success = exchange.status.is_some_and(|status| status < 400);
    let is_polled = exchange.path.starts_with(CONSOLE_PATH) || exchange.path == METRICS_PATH;
    exchange.is_own_page && is_success && is_polled
}

/// Adds the audit lines of administrative changes and the lines about thresholds of quotas, which
/// are always logged.
fn with_audit(filter: EnvFilter) -> EnvFilter {
    ALWAYS_LOGGED.into_iter().fold(filter, |filter, target| {
        match format!("{target}=info").parse() {
            Ok(directive) => filter.add_directive(directive),
            Err(_) => filter,
        }
    })
}

/// Parses directives. A word that is not a level is an error here: `EnvFilter` would take it for a
/// target and silence everything else. Without a level for all targets, it is `info`.
fn filter(directives: Option<&str>) -> Result<EnvFilter, FilterError> {
    let directives = directives
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .unwrap_or("info");

    let is_valid = |directive: &&str| {
        let is_level = LEVELS
            .iter()
            .any(|level| level.eq_ignore_ascii_case(directive));
        is_level || (directive.contains('=') && EnvFilter::try_new(directive).is_ok())
    };
    let parts: Vec<_> = directives
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    match parts.iter().find(|part| !is_valid(part)) {
        Some(invalid) => Err(FilterError((*invalid).to_owned())),
        // A later level for all targets replaces the first one.
        None => EnvFilter::try_new(format!("info,{}", parts.join(",")))
            .map_err(|_| FilterError(directives.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_valid() {
        for directives in [
            "",
            " ",
            "warn",
            "OFF",
            "info,authorizer=debug",
            "warn, hyper=trace",
            "gateway::local=error,",
        ] {
            assert!(filter(Some(directives)).is_ok(), "{directives}");
        }
        for (directives, expected) in [
            (None, "info"),
            (Some("debug"), "debug"),
            (Some("off"), "off"),
            (Some("authorizer=debug"), "authorizer=debug,info"),
        ] {
            assert_eq!(filter(directives).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn access_directive_hides_the_lines_of_requests() {
        for directives in ["", "warn", "off", "access=info", "access=off,access=debug"] {
            assert!(shows_requests(directives), "{directives}");
        }
        for directives in [
            "access=off",
            "warn, access=WARN",
            "access=info,access=error",
        ] {
            assert!(!shows_requests(directives), "{directives}");
        }
    }

    #[test]
    fn audit_lines_are_logged_with_any_filter() {
        for directives in ["off", "warn", "gateway=debug"] {
            let filter = with_audit(filter(Some(directives)).unwrap());
            for target in ["audit=info", "quota=info"] {
                assert!(filter.to_string().contains(target), "{filter}");
            }
        }
    }

    #[test]
    fn error_names_the_invalid_directive() {
        for (directives, invalid) in [
            ("loud", "loud"),
            ("info,loud", "loud"),
            ("authorizer=loud", "authorizer=loud"),
            ("authorizer", "authorizer"),
        ] {
            let error = filter(Some(directives)).unwrap_err();
            assert_eq!(error, FilterError(invalid.to_owned()), "{directives}");
        }
    }
}
