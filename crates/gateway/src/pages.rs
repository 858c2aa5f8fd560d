//! The pages that only the local gateway has.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};

use crate::api::Exchange;

/// The path of the local issuer's public keys, a JSON Web Key Set.
pub(crate) const JWKS_PATH: &str = "/_tollgate/jwks.json";
/// The path of the metrics for Prometheus.
pub const METRICS_PATH: &str = "/_tollgate/metrics";

/// Responds to a request for a page.
pub type PageHandler = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync;

/// Receives each exchange that has ended, also those of pages. It must not block.
pub type Observer = dyn Fn(&Exchange) + Send + Sync;

/// Pages that the program around the gateway adds, such as the web console. They are open to
/// requests from this machine only, as administration is.
#[derive(Clone)]
pub struct Pages {
    /// The name for the text at startup, such as `Console`.
    pub name: &'static str,
    /// The path of the first page, without a `/` at its end. The other pages are below it.
    pub path: &'static str,
    /// Responds to requests for the path and all paths below it.
    pub handler: Arc<PageHandler>,
    /// Receives each exchange, for pages that show traffic.
    pub observer: Option<Arc<Observer>>,
}

impl Pages {
    /// True if the path is one of these pages.
    pub(crate) fn include(&self, path: &str) -> bool {
        path.strip_prefix(self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pages({})", self.path)
    }
}
