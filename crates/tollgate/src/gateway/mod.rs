//! The gateway: what API Gateway and a load balancer do with a request, on one machine.

mod answer;
mod authorize;
mod backend;
mod body;
mod event;
mod head;
mod headers;
mod path;
mod request;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;

use http::Uri;

use crate::api::Api;
use crate::function::Function;

pub use backend::Backend;
pub use serve::serve;

/// Where lines of the access log go.
pub type LogSink = Arc<dyn Fn(&str) + Send + Sync>;

/// An API with what it needs to answer.
pub struct Gateway {
    api: Api,
    functions: HashMap<String, Arc<Function>>,
    backend: Backend,
    log: LogSink,
}

impl Gateway {
    /// `functions` are found by their package's name; `backend` is where every integration leads.
    #[must_use]
    pub fn new(api: Api, functions: HashMap<String, Arc<Function>>, backend: &Uri, log: LogSink) -> Self {
        Self { api, functions, backend: Backend::new(backend), log }
    }
}
