//! `serve`: everything that the gateway needs on one machine, put together.

mod banner;
mod issuer;
mod seeds;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use calls::RecordLog;
use http::Uri;
use tokio::net::TcpListener;
use usage::{EmbeddedStore, SeedsError};

use crate::api::Api;
use crate::cli::Serve;
use crate::echo;
use crate::function::{Function, FunctionError};
use crate::gateway::{Gateway, LogSink, serve};
use crate::template::{Template, TemplateError};

pub use issuer::{IssuerError, JWKS_PATH, LocalIssuer};

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
    #[error("{path}:{error}", path = path.display())]
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
}

impl Started {
    /// Answers until `stop` is ready, then finishes what is under way. Functions prepare meanwhile, because
    /// what they ask for may be this gateway's own.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        for function in self.gateway.functions() {
            tokio::spawn(async move { function.prepare().await });
        }
        serve(self.listener, self.gateway, stop).await;
    }
}

/// Reads what has to be read and listens.
///
/// # Errors
/// [`StartError`] for whatever keeps the gateway from starting.
pub async fn start(options: Serve, log: LogSink) -> Result<Started, StartError> {
    let template_error = |error| StartError::Template { path: options.template.clone(), error };
    let text = read(&options.template)?;
    let parameters = options.parameters.iter().cloned().collect();
    let template = Template::parse(&text, &parameters).map_err(template_error)?;
    let api = Api::from_template(&template).map_err(template_error)?;
    let (seeds, keys_shown) = seeds::read(options.seeds.as_deref())?;
    let store = Arc::new(EmbeddedStore::new(&seeds)?);
    let issuer = LocalIssuer::open(&options.state)?;
    let functions = functions(&api.functions, options.policy.as_deref(), &store, &issuer, &log)?;
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
        seeds: &seeds,
        keys_shown,
    };
    let banner = facts.text();
    let jwks = Bytes::from(issuer.jwks().to_string());
    let gateway = Arc::new(Gateway::new(api, functions, &backend, jwks, log));
    Ok(Started { address, banner, listener, gateway })
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::File { path: path.to_owned(), error })
}

/// The functions that routes need, with the environment that the template gives them. The local issuer is
/// trusted beside the template's; a policy that replaces the template's says itself whom it trusts.
fn functions(
    environments: &BTreeMap<String, BTreeMap<String, String>>,
    policy: Option<&Path>,
    store: &Arc<EmbeddedStore>,
    issuer: &LocalIssuer,
    log: &LogSink,
) -> Result<HashMap<String, Arc<Function>>, StartError> {
    let policy = policy.map(read).transpose()?;
    let mut functions = HashMap::new();
    for (package, environment) in environments {
        let setting = |name: &str| match (name, &policy) {
            ("AUTH_POLICY", Some(policy)) => Some(policy.clone()),
            ("AUTH_POLICY", None) => environment.get(name).map(|policy| issuer.beside(policy)),
            _ => environment.get(name).cloned(),
        };
        let records = RecordLog::to(Lines(Arc::clone(log)));
        let function = Function::new(package, Some(Arc::clone(store)), records, setting)?;
        functions.insert(package.clone(), Arc::new(function));
    }
    Ok(functions)
}

/// The access log's sink, for whole lines that are written at once.
struct Lines(LogSink);

impl std::io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        (self.0)(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
