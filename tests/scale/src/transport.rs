//! The network between the authorizers and the tables, in place of HTTP connections.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::tables::Tables;
use crate::timeline::{Instant, Timeline};

/// The least time of a request on its way to the table, and of the response on its way back.
pub const LEAST_WAY: Instant = 1_500_000;
/// The mean of the time in addition, which has an exponential distribution.
pub const MORE_WAY: f64 = 500_000.0;

/// Sends requests to tables in the same process.
#[derive(Clone, Debug)]
pub struct Transport {
    timeline: Timeline,
    tables: Arc<Mutex<Tables>>,
    random: Arc<Mutex<fastrand::Rng>>,
}

impl Transport {
    /// Returns a network with random times of transmission, which `seed` determines.
    #[must_use]
    pub fn new(timeline: Timeline, tables: Tables, seed: u64) -> Self {
        Self {
            timeline,
            tables: Arc::new(Mutex::new(tables)),
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
        }
    }

    /// Returns the tables.
    pub fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a random time of transmission.
    fn way(&self) -> Instant {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        LEAST_WAY + exponential(random.f64(), MORE_WAY)
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.timeline.wait(self.way()).await;
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = operation.rsplit('.').next().unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let (status, body) = self.tables().respond(operation, body, self.timeline.now());

        self.timeline.wait(self.way()).await;
        let status = status
            .try_into()
            .map_err(|error| ConnectorError::other(Box::new(error), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(body)))
    }
}

/// Returns the value of an exponential distribution at `point`, which is between 0 and 1.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time of nanoseconds that is not negative"
)]
pub fn exponential(point: f64, mean: f64) -> Instant {
    (-(1.0 - point).ln() * mean) as Instant
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
