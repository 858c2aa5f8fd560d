//! The HTTP API in a template: routes, integrations, mappings, stage and listener rules, validated.

mod access_log;
mod authorizer;
mod authorizer_context;
mod context_name;
mod cors;
mod exchange;
mod from_template;
mod function_resource;
mod incomplete;
mod integration;
mod listener;
mod mapping;
mod pattern;
mod request_parts;
mod response_source;
mod route;
mod source;
mod stage;

pub use access_log::LogFormat;
pub use authorizer_context::AuthorizerContext;
pub use context_name::ContextName;
pub use cors::Cors;
pub use exchange::Exchange;
pub(crate) use function_resource::{environment, package_name};
pub use incomplete::IncompleteReason;
pub use integration::Integration;
pub use listener::{FixedResponse, ListenerRule};
pub use mapping::Mapping;
pub use request_parts::RequestParts;
pub use response_source::ResponseSource;
pub use stage::{Stage, TooManyRequests};

use std::collections::BTreeMap;
use std::sync::Arc;

use routes::RouteTable;

/// An HTTP API with its default stage.
#[derive(Debug)]
pub struct Api {
    /// The routes.
    pub routes: RouteTable<Arc<Route>>,
    /// The CORS configuration. Without one, the backend handles CORS.
    pub cors: Option<Cors>,
    /// The default stage.
    pub stage: Stage,
    /// The listener rules of all load balancers, by priority.
    pub rules: Vec<ListenerRule>,
    /// The environment of each function that a route needs, by package name.
    pub functions: BTreeMap<String, BTreeMap<String, String>>,
}

/// A route of the API.
#[derive(Debug)]
pub struct Route {
    /// The route key, such as `GET /orders`.
    pub key: String,
    /// The authorization of requests.
    pub authorization: Authorization,
    /// The integration that handles requests.
    pub integration: Arc<Integration>,
}

/// The authorization of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// Every request is allowed.
    None,
    /// IAM decides. The local gateway allows requests from this machine.
    Iam,
    /// An authorizer decides: the function of this package.
    Custom(String),
}
