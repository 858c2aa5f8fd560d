//! `serve`: everything that the gateway needs on one machine, put together.

mod banner;
mod error;
mod functions;
mod issuer;
mod schedule;
mod seeds;
mod store;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::Proxy;
use bytes::Bytes;
use http::Uri;
use policy::KeyHeader;
use telemetry::RecordLog;
use tokio::net::TcpListener;

use crate::api::Api;
use crate::echo;
use crate::function::{Function, FunctionError};
use crate::metrics::LocalMetrics;
use crate::server::{Gateway, LogSink, serve};
use crate::template::{ParameterValues, Template};
use functions::{Given, PolicyFile, check_key_header, functions, key_headers};

pub use error::StartError;
pub use issuer::{IssuerError, LocalIssuer, TokenClaims};
pub use schedule::Schedule;
pub use store::aws_setting;

/// The default folder of the local issuer's signing key, relative to the working directory.
pub const DEFAULT_STATE_FOLDER: &str = ".tollgate";

/// Settings of a local gateway.
#[derive(Debug)]
pub struct Options {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The template file.
    pub template: PathBuf,
    /// Names and values of template parameters. Other parameters get their default.
    pub parameters: Vec<(String, String)>,
    /// The backend of all integrations. Without one, a built-in service echoes requests.
    pub backend: Option<Uri>,
    /// The endpoint of all AWS clients. Without one, the gateway uses the embedded store.
    pub endpoint: Option<Uri>,
    /// A policy file that replaces the policy in the template.
    pub policy: Option<PathBuf>,
    /// A file of plans and keys that replaces the built-in ones.
    pub seeds: Option<PathBuf>,
    /// The folder of the local issuer's signing key.
    pub state: PathBuf,
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

    /// Answers until `stop` is ready, then finishes what is under way and what functions hold in
    /// memory. Functions prepare meanwhile, because what they ask for may be this gateway's own.
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
    options: Options,
    log: LogSink,
    records: impl std::io::Write + Send + 'static,
) -> Result<Started, StartError> {
    let metrics = Arc::new(LocalMetrics::default());
    let records = RecordLog::to(metrics.counting_writer(records));
    let template_error = |error| StartError::Template {
        path: options.template.clone(),
        error,
    };
    let text = read(&options.template)?;
    let parameters = parameters(&options.parameters)?;
    let template = Template::parse(&text, &parameters).map_err(template_error)?;
    let api = Api::from_template(&template).map_err(template_error)?;
    let schedules = Schedule::all(&template).map_err(template_error)?;
    let (seeds, keys_shown) = seeds::read(options.seeds.as_deref())?;
    let environment = api.functions.get("authorizer").cloned().unwrap_or_default();
    let store = Arc::new(
        store::open(
            options.endpoint.as_ref(),
            &seeds,
            &environment,
            records.clone(),
        )
        .await?,
    );
    let issuer = LocalIssuer::open(&options.state)?;
    let policy = options.policy.map(PolicyFile::read).transpose()?;
    let given = Given {
        policy: policy.as_ref(),
        endpoint: options.endpoint.as_ref(),
        issuer: &issuer,
    };
    let functions = functions(&api.functions, &given, &store, &records).await?;
    check_key_header(&api, &functions)?;
    let schedules =
        schedule::with_functions(schedules, options.endpoint.as_ref(), &records).await?;
    let listen_error = |error| StartError::Listen {
        address: options.listen.to_string(),
        error,
    };
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (backend, built_in) = backend(options.backend).await?;
    let (template, stand_ins) = (&options.template, &template.stand_ins);
    let key_header = key_headers(&functions)
        .next()
        .unwrap_or_else(|| KeyHeader::default().to_string());
    let policy = environment
        .get("AUTH_POLICY")
        .map(|of_template| given.policy(of_template));
    let proxy = Proxy::from_lookup(|name| std::env::var(name).ok()).map_err(FunctionError::from)?;
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
        key_header: &key_header,
        is_local_issuer_trusted: policy.is_some_and(|policy| LocalIssuer::is_named_by(&policy)),
        state: &options.state,
        proxy: proxy.map(|proxy| proxy.address().to_owned()),
        schedules: &schedules,
    };
    let banner = facts.text();
    let jwks = Bytes::from(issuer.jwks().to_string());
    let gateway = Arc::new(Gateway::new(
        api,
        functions,
        &backend,
        jwks,
        Arc::clone(&metrics),
        log,
    ));
    Ok(Started {
        address,
        banner,
        listener,
        gateway,
        metrics,
        schedules,
    })
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

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|error| StartError::File {
        path: path.to_owned(),
        error,
    })
}

/// The backend's address, and whether it is the built-in one.
async fn backend(given: Option<Uri>) -> Result<(Uri, bool), StartError> {
    if let Some(uri) = given {
        return Ok((uri, false));
    }
    let address = echo::start()
        .await
        .map_err(|error| StartError::Echo(error.to_string()))?;
    let uri = format!("http://{address}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| StartError::Echo(error.to_string()))?;
    Ok((uri, true))
}
