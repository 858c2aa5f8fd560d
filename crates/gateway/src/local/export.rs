//! The export of traces and metrics over OTLP.

use std::sync::Arc;
use std::time::Duration;

use environment::SettingError;
use otlp::{Otlp, Service, Settings, Signal};

use super::misspelled::misspelled;
use crate::metrics::LocalMetrics;

/// The name of the service in every span and metric, unless `OTEL_SERVICE_NAME` is set.
const SERVICE_NAME: &str = "tollgate";
/// The longest time for the last export at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// An export that is on.
#[derive(Debug)]
pub(super) struct Export {
    otlp: Otlp,
    /// The exported signals, each with the URL of its collector.
    pub(super) collectors: Vec<(Signal, String)>,
}

impl Export {
    /// Starts the export of `metrics`, and of every span of the process. Returns `None` if the
    /// environment names no collector.
    ///
    /// # Errors
    /// [`SettingError`] for the first invalid variable.
    pub(super) fn start(metrics: &Arc<LocalMetrics>) -> Result<Option<Self>, SettingError> {
        let service = Service {
            name: SERVICE_NAME,
            version: env!("CARGO_PKG_VERSION"),
        };
        warn_about_misspelled_variables();
        let lookup = |name: &str| std::env::var(name).ok();
        let Some(settings) = Settings::from_lookup(lookup, service)? else {
            return Ok(None);
        };

        let collectors = settings.collectors();
        let otlp = Otlp::start(settings);
        otlp.install();

        metrics.export_over(&otlp);
        Ok(Some(Self { otlp, collectors }))
    }

    /// Sends what waits, for at most two seconds. What cannot be sent is counted and logged.
    pub(super) async fn finish(self) {
        self.otlp.shutdown(FLUSH_TIMEOUT).await;
    }
}

fn warn_about_misspelled_variables() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());

    for (variable, similar) in misspelled(names, Settings::variables()) {
        tracing::warn!(
            variable,
            similar,
            "unknown variable of OpenTelemetry, which is similar to a known one"
        );
    }
}
