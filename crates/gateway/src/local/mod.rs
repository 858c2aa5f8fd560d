//! Starts a local gateway: reads the template, sets up store, functions and issuer, and listens.

mod attempt;
mod banner;
mod compositions;
mod error;
mod explain;
mod export;
mod file;
mod functions;
mod issuer;
mod misspelled;
mod options;
mod schedule;
mod seeds;
mod settings;
mod store;
mod token_input;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use aws::Proxy;
use bytes::Bytes;
use composer::Composer;
use http::Uri;
use policy::KeyHeader;
use telemetry::RecordLog;
use tokio::net::TcpListener;

use crate::api::Api;
use crate::echo;
use crate::function::{Function, FunctionError};
use crate::metrics::LocalMetrics;
use crate::server::{Gateway, LogSink, serve};
use banner::Banner;
use compositions::CompositionsFile;
use export::Export;
use functions::{Overrides, PolicyFile, check_secret_headers, key_headers, set_up_functions};
use sam_template::{ParameterValues, Template};

pub use attempt::{Attempt, AttemptCaller, AttemptError, AttemptOptions, attempt};
pub use authorizer::{CheckResult, TokenCheck, TokenExplanation};
pub use composer::{PartReport, Reply, Request};
pub use error::StartError;
pub use explain::{ExplainError, explain_token, explain_token_with};
pub use issuer::{IssuerError, LocalIssuer, TokenClaims};
pub use options::{DEFAULT_STATE_FOLDER, Options};
pub use schedule::Schedule;
pub use settings::{ActivePolicy, PolicyOrigin, Settings};
pub use store::aws_setting;
pub use token_input::{MAX_TOKEN_INPUT_BYTES, TokenInputError, bare_token};

/// A gateway that listens but does not serve yet.
pub struct LocalGateway {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The text to print at startup.
    pub banner: String,
    /// The settings that pages show.
    pub settings: Settings,
    listener: TcpListener,
    gateway: Arc<Gateway>,
    metrics: Arc<LocalMetrics>,
    export: Option<Export>,
    schedules: Vec<(Schedule, Function)>,
}

impl LocalGateway {
    /// Returns the metrics, which are counted while the gateway serves.
    #[must_use]
    pub fn metrics(&self) -> Arc<LocalMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Serves requests until `stop` is ready. Then finishes the requests in progress, the functions
    /// write the reports that they hold in memory, and what is left is exported.
    ///
    /// Functions are prepared while the gateway already serves, because they may fetch documents
    /// from it.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let functions: Vec<_> = self.gateway.functions().collect();
        for function in functions.iter().map(Arc::clone) {
            tokio::spawn(async move { function.prepare().await });
        }
        let _stopped_on_drop = schedule::run_all(self.schedules);
        serve(self.listener, self.gateway, stop).await;

        for function in functions {
            function.finish().await;
        }
        if let Some(export) = self.export {
            export.finish().await;
        }
    }
}

/// Starts a local gateway. `log` writes the access log, and call records are written to
/// `records`, one line each.
///
/// # Errors
/// [`StartError`] if a file is missing or invalid, or if the gateway cannot listen.
pub async fn start(
    options: Options,
    log: LogSink,
    records: impl std::io::Write + Send + 'static,
) -> Result<LocalGateway, StartError> {
    let metrics = Arc::new(LocalMetrics::default());
    let records = RecordLog::to(metrics.counting_writer(records));
    let export = Export::start(&metrics)?;

    let template = read_template(&options)?;
    let template_error = |error| StartError::Template {
        path: options.template.clone(),
        error,
    };
    let api = Api::from_template(&template).map_err(template_error)?;
    let schedules = Schedule::all(&template).map_err(template_error)?;

    let (seeds, are_secrets_shown) = seeds::read(options.seeds.as_deref())?;
    let environment = api.functions.get("authorizer").cloned().unwrap_or_default();
    let endpoint = options.endpoint.as_ref();
    let store = store::open(endpoint, &seeds, &environment, records.clone()).await?;
    let issuer = LocalIssuer::open(&options.state)?;
    let policy_file = options
        .policy
        .as_deref()
        .map(PolicyFile::read)
        .transpose()?;
    let compositions_file = options
        .compositions
        .as_deref()
        .map(CompositionsFile::read)
        .transpose()?;
    let (backend, is_echo) = backend_or_echo(options.backend.as_ref()).await?;
    let overrides = Overrides {
        policy: policy_file.as_ref(),
        compositions: compositions_file.as_ref(),
        urls: &compositions::urls(&backend, &options.services)?,
        endpoint,
        issuer: &issuer,
        metrics: &metrics,
    };
    let functions =
        set_up_functions(&api.functions, &overrides, &Arc::new(store), &records).await?;
    check_secret_headers(&api, &functions)?;
    let composer = functions::composer(&functions);
    if options.compositions.is_some() && composer.is_none() {
        return Err(StartError::NoComposer(options.template));
    }
    compositions::check_services(&options.services, composer)?;
    let compositions = composer.map(Composer::compositions);
    let schedules = schedule::with_functions(schedules, endpoint, &records).await?;

    let listener = listen(options.listen).await?;
    let address = listener
        .local_addr()
        .map_err(listen_error(options.listen))?;
    let key_header = key_headers(&functions)
        .next()
        .unwrap_or_else(|| KeyHeader::default().to_string());
    let policy = environment
        .get("AUTH_POLICY")
        .map(|of_template| overrides.policy(of_template));
    let proxy = Proxy::from_lookup(|name| std::env::var(name).ok()).map_err(FunctionError::from)?;
    let banner = Banner {
        address,
        api: &api,
        template: &options.template,
        stand_ins: &template.stand_ins,
        backend: &backend,
        is_echo,
        compositions: compositions.as_deref(),
        services: &options.services,
        endpoint,
        seeds: &seeds,
        are_secrets_shown,
        key_header: &key_header,
        is_local_issuer_trusted: policy.as_deref().is_some_and(LocalIssuer::is_named_by),
        state: &options.state,
        proxy: proxy.map(|proxy| proxy.address().to_owned()),
        collectors: export.as_ref().map_or(&[], |export| &export.collectors),
        schedules: &schedules,
        pages: options.pages.as_ref(),
    };
    let banner = banner.text();
    let settings = Settings {
        policy: policy.map(|text| ActivePolicy::new(&text, &options)),
        key_header: key_header.clone(),
    };

    let jwks = Bytes::from(issuer.jwks().to_string());
    let counts = Arc::clone(&metrics);
    let gateway =
        Gateway::new(api, functions, &backend, jwks, counts, log).with_pages(options.pages);
    Ok(LocalGateway {
        address,
        banner,
        settings,
        listener,
        gateway: Arc::new(gateway),
        metrics,
        export,
        schedules,
    })
}

fn read_template(options: &Options) -> Result<Template, StartError> {
    let text =
        std::fs::read_to_string(&options.template).map_err(|error| StartError::NoTemplate {
            path: options.template.clone(),
            error,
        })?;
    let parameters = unique_parameters(&compositions::parameters(options)?)?;
    Template::parse(&text, &parameters).map_err(|error| StartError::Template {
        path: options.template.clone(),
        error,
    })
}

fn unique_parameters(given: &[(String, String)]) -> Result<ParameterValues, StartError> {
    let mut values = ParameterValues::new();
    for (name, value) in given {
        if values.insert(name.clone(), value.clone()).is_some() {
            return Err(StartError::RepeatedParameter(name.clone()));
        }
    }
    Ok(values)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(listen_error(address))
}

fn listen_error(address: SocketAddr) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::Listen {
        address: address.to_string(),
        error,
    }
}

/// Returns the backend's address. True if it is the built-in echo service.
async fn backend_or_echo(given: Option<&Uri>) -> Result<(Uri, bool), StartError> {
    if let Some(uri) = given {
        return Ok((uri.clone(), false));
    }

    let address = echo::start()
        .await
        .map_err(|error| StartError::Echo(error.to_string()))?;
    let uri = format!("http://{address}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| StartError::Echo(error.to_string()))?;
    Ok((uri, true))
}
