//! `serve`: everything that the gateway needs on one machine, put together.

mod banner;
mod issuer;
mod metrics;
mod schedule;
mod seeds;
pub(crate) mod store;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use calls::RecordLog;
use http::Uri;
use tokio::net::TcpListener;
use usage::{SeedsError, Store, StoreError};

use crate::api::Api;
use crate::cli::Serve;
use crate::echo;
use crate::function::{Function, FunctionError};
use crate::gateway::{Gateway, LogSink, serve};
use crate::template::{ParameterValues, Template, TemplateError};

pub use issuer::{IssuerError, JWKS_PATH, LocalIssuer};
pub use metrics::{LocalMetrics, METRICS_PATH};
pub use schedule::Schedule;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A template that cannot be served.
    #[error("{path}:{separator}{error}", path = path.display(), separator = if error.position.is_some() { "" } else { " " })]
    Template {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: TemplateError,
    },
    /// Seeds that are not of their shape.
    #[error("{path}: {problem}", path = path.display())]
    SeedsShape {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Plans or keys that cannot be.
    #[error("seeds: {0}")]
    Seeds(#[from] SeedsError),
    /// A parameter with two values.
    #[error("the parameter `{0}` is given twice")]
    Repeated(String),
    /// A key that would be passed on to the backend.
    #[error("KEY_HEADER is `{header}`, but the integration of route `{route}` does not remove that header")]
    KeyHeader {
        /// The header.
        header: String,
        /// The route.
        route: String,
    },
    /// A function that cannot be set up.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The local issuer's key.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which address.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The tables' names or deadlines.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Requests to another machine are signed for a region.
    #[error("--endpoint {0}: AWS_REGION is not set, and only on this machine it may be left out")]
    Region(String),
    /// AWS clients cannot be set up.
    #[error(transparent)]
    Open(#[from] usage::OpenError),
    /// The tables cannot be made or filled.
    #[error("{endpoint}: {}", sources(error))]
    Endpoint {
        /// Where.
        endpoint: String,
        /// Why.
        error: StoreError,
    },
    /// The address of the built-in backend.
    #[error("the echo service cannot start: {0}")]
    Echo(String),
}

/// A gateway that listens and does not answer yet.
pub struct Started {
    /// Where it listens.
    pub address: SocketAddr,
    /// What there is to say about it.
    pub banner: String,
    listener: TcpListener,
    gateway: Arc<Gateway>,
    metrics: Arc<LocalMetrics>,
    schedules: Vec<(Schedule, Function)>,
}

impl Started {
    /// What happens from now on, counted.
    #[must_use]
    pub fn metrics(&self) -> Arc<LocalMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Answers until `stop` is ready, then finishes what is under way and what functions hold in memory. Functions prepare meanwhile, because
    /// what they ask for may be this gateway's own.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let functions: Vec<_> = self.gateway.functions().collect();
        for function in functions.iter().map(Arc::clone) {
            tokio::spawn(async move { function.prepare().await });
        }
        let _stopped_with_the_gateway = schedule::run_all(self.schedules);
        serve(self.listener, self.gateway, stop).await;

        for function in functions {
            function.finish().await;
        }
    }
}

/// Reads what has to be read and listens. Call records are written to `records`, a line each.
///
/// # Errors
/// [`StartError`] for whatever keeps the gateway from starting.
pub async fn start(
    options: Serve,
    log: LogSink,
    records: impl std::io::Write + Send + 'static,
) -> Result<Started, StartError> {
    let metrics = Arc::new(LocalMetrics::default());
    let records = RecordLog::to(metrics.counting(records));
    let template_error = |error| StartError::Template { path: options.template.clone(), error };
    let text = read(&options.template)?;
    let parameters = parameters(&options.parameters)?;
    let template = Template::parse(&text, &parameters).map_err(template_error)?;
    let api = Api::from_template(&template).map_err(template_error)?;
    let schedules = Schedule::all(&template).map_err(template_error)?;
    let (seeds, keys_shown) = seeds::read(options.seeds.as_deref())?;
    let environment = api.functions.get("authorizer").cloned().unwrap_or_default();
    let store = Arc::new(store::open(options.endpoint.as_ref(), &seeds, &environment, records.clone()).await?);
    let issuer = LocalIssuer::open(&options.state)?;
    let given = Given { policy: options.policy.as_deref(), endpoint: options.endpoint.as_ref(), issuer: &issuer };
    let functions = functions(&api.functions, &given, &store, &records).await?;
    check_key_header(&api, &functions)?;
    let schedules = schedule::with_functions(schedules, options.endpoint.as_ref(), &records).await?;
    let listen_error = |error| StartError::Listen { address: options.listen.to_string(), error };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (backend, built_in) = backend(options.backend).await?;
    let (template, stand_ins) = (&options.template, &template.stand_ins);
    let facts = banner::Facts {
        address,
        api: &api,
        template,
        stand_ins,
        backend: &backend,
        built_in,
        endpoint: options.endpoint.as_ref(),
        seeds: &seeds,
        keys_shown,
        schedules: &schedules,
    };
    let banner = facts.text();
    let jwks = Bytes::from(issuer.jwks().to_string());
    let gateway = Arc::new(Gateway::new(api, functions, &backend, jwks, Arc::clone(&metrics), log));
    Ok(Started { address, banner, listener, gateway, metrics, schedules })
}

/// An error with what caused it, in one line.
fn sources(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn parameters(given: &[(String, String)]) -> Result<ParameterValues, StartError> {
    let mut values = ParameterValues::new();
    for (name, value) in given {
        if values.insert(name.clone(), value.clone()).is_some() {
            return Err(StartError::Repeated(name.clone()));
        }
    }
    Ok(values)
}

/// Every integration has to remove the header of API keys, those of public routes too: a client may send its key with
/// each request.
fn check_key_header(api: &Api, functions: &HashMap<String, Arc<Function>>) -> Result<(), StartError> {
    let headers = functions.values().filter_map(|function| match &**function {
        Function::Authorizer(authorizer) => authorizer.key_header(),
        _ => None,
    });
    for header in headers {
        if let Some((_, route)) = api.routes.iter().find(|(_, route)| !route.integration.removes(&header)) {
            return Err(StartError::KeyHeader { header, route: route.key.clone() });
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::File { path: path.to_owned(), error })
}

/// What is set from outside of the template.
struct Given<'g> {
    policy: Option<&'g Path>,
    endpoint: Option<&'g Uri>,
    issuer: &'g LocalIssuer,
}

/// The functions that routes need, with the environment that the template gives them. The local issuer is
/// trusted beside the template's; a policy that replaces the template's says itself whom it trusts.
async fn functions(
    environments: &BTreeMap<String, BTreeMap<String, String>>,
    given: &Given<'_>,
    store: &Arc<Store>,
    records: &RecordLog,
) -> Result<HashMap<String, Arc<Function>>, StartError> {
    let policy = given.policy.map(read).transpose()?;
    let mut functions = HashMap::new();
    for (package, environment) in environments {
        let mut settings = environment.clone();
        if let Some(text) = settings.get_mut("AUTH_POLICY") {
            *text = policy.clone().unwrap_or_else(|| given.issuer.beside(text));
        }
        // Administration has time-outs of its own, and so a store.
        let own = package == "limiter" && matches!(**store, Store::DynamoDb(_));
        let shared = (!own).then(|| Arc::clone(store));
        let endpoint = given.endpoint.cloned();
        let setting = move |name: &str| {
            let of_template = |name: &str| settings.get(name).cloned();
            let variable = |name: &str| of_template(name).or_else(|| std::env::var(name).ok());
            // Secrets of a policy are read at the endpoint too.
            match endpoint.as_ref().filter(|_| own || name.starts_with("AWS_")) {
                Some(endpoint) => store::setting(name, endpoint, variable),
                None => of_template(name),
            }
        };
        let function = Box::pin(Function::new(package, shared, setting, records.clone())).await?;
        functions.insert(package.clone(), Arc::new(function));
    }
    Ok(functions)
}

/// The backend's address, and whether it is the built-in one.
async fn backend(given: Option<Uri>) -> Result<(Uri, bool), StartError> {
    if let Some(uri) = given {
        return Ok((uri, false));
    }
    let address = echo::start().await.map_err(|error| StartError::Echo(error.to_string()))?;
    let uri = format!("http://{address}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| StartError::Echo(error.to_string()))?;
    Ok((uri, true))
}
