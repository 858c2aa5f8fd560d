//! The HTTP API that a template describes: what each resource on a request's way says, checked.

mod access_log;
mod authorizers;
mod context;
mod cors;
mod functions;
mod integration;
mod listener;
mod mapping;
mod read;
mod source;
mod stage;

pub use access_log::LogFormat;
pub use context::{ContextName, Exchange};
pub use cors::Cors;
pub use integration::Integration;
pub use listener::{FixedResponse, ListenerRule};
pub use mapping::{Mapping, RequestParts};
pub use stage::{Stage, Throttled};

use std::collections::BTreeMap;
use std::sync::Arc;

use routes::RouteTable;

use crate::template::{Template, TemplateError};

/// One HTTP API with its default stage.
#[derive(Debug)]
pub struct Api {
    /// Its routes.
    pub routes: RouteTable<Arc<Route>>,
    /// Whose pages may call it, where it says so itself.
    pub cors: Option<Cors>,
    /// Its default stage.
    pub stage: Stage,
    /// The listener rules of every load balancer, by priority.
    pub rules: Vec<ListenerRule>,
    /// The environment of each function that a route needs, by package name.
    pub functions: BTreeMap<String, BTreeMap<String, String>>,
}

/// What happens to the requests of one route key.
#[derive(Debug)]
pub struct Route {
    /// The route key.
    pub key: String,
    /// Who may pass.
    pub authorization: Authorization,
    /// Where to.
    pub integration: Arc<Integration>,
}

/// Who may pass a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Everybody.
    None,
    /// Whom IAM lets through: locally, clients on this machine.
    Iam,
    /// Whom a function lets through, named by its package.
    Custom(String),
}

impl Api {
    /// # Errors
    /// [`TemplateError`] for whatever on a request's way is missing, contradictory or not
    /// understood.
    pub fn from_template(template: &Template) -> Result<Self, TemplateError> {
        read::api(template)
    }
}
