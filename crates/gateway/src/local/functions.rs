//! Sets up the functions that routes need.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::store::Store;
use authorizer::ConfigError;
use composer::Composer;
use composition::ReplacedUrls;
use http::Uri;
use telemetry::RecordLog;

use super::compositions::CompositionsFile;
use super::{LocalIssuer, StartError, file, store};
use crate::api::Api;
use crate::function::{Function, FunctionError, open_composer};
use crate::metrics::LocalMetrics;

/// The package of the function that composes.
pub(super) const COMPOSER_PACKAGE: &str = "composer";

/// Settings that replace those of the template.
pub(super) struct Overrides<'o> {
    pub(super) policy: Option<&'o PolicyFile>,
    pub(super) compositions: Option<&'o CompositionsFile>,
    /// The URLs of the services that compositions call.
    pub(super) urls: &'o ReplacedUrls,
    pub(super) endpoint: Option<&'o Uri>,
    pub(super) issuer: &'o LocalIssuer,
    /// The metrics of composed responses.
    pub(super) metrics: &'o Arc<LocalMetrics>,
}

/// The file of `--policy`.
pub(super) struct PolicyFile {
    path: PathBuf,
    pub(super) text: String,
}

impl PolicyFile {
    pub(super) fn read(path: &Path) -> Result<Self, StartError> {
        Ok(Self {
            path: path.to_owned(),
            text: file::read(path)?,
        })
    }

    /// Converts an error about the policy so that it names this file instead of `AUTH_POLICY`.
    pub(super) fn start_error(&self, error: FunctionError) -> StartError {
        let (position, problem) = match &error {
            FunctionError::Authorizer(ConfigError::Policy(error)) => {
                (error.position(&self.text), error.without_position())
            }
            FunctionError::Composer(composer::ConfigError::Policy(error)) => {
                (error.position(&self.text), error.without_position())
            }
            FunctionError::Policy(error) => (None, error.to_string()),
            _ => return error.into(),
        };

        let problem = problem.trim_start_matches("AUTH_POLICY: ").to_owned();
        StartError::Document {
            path: self.path.clone(),
            position,
            problem,
        }
    }
}

impl Overrides<'_> {
    /// Returns the policy of `--policy`, or the template's policy extended by the local issuer. A
    /// policy of `--policy` lists the issuers that it trusts itself.
    pub(super) fn policy(&self, of_template: &str) -> String {
        self.policy.map_or_else(
            || self.issuer.added_to(of_template),
            |file| file.text.clone(),
        )
    }

    /// Returns an error about a document with the file of the document.
    fn start_error(&self, error: FunctionError) -> StartError {
        let of_compositions = match self.compositions {
            Some(file) => file.start_error(error),
            None => Err(error),
        };
        of_compositions.unwrap_or_else(|error| match self.policy {
            Some(file) => file.start_error(error),
            None => error.into(),
        })
    }
}

/// Sets up the functions that routes need, with their environment in the template.
pub(super) async fn set_up_functions(
    environments: &BTreeMap<String, BTreeMap<String, String>>,
    overrides: &Overrides<'_>,
    store: &Arc<Store>,
    records: &RecordLog,
) -> Result<HashMap<String, Arc<Function>>, StartError> {
    let mut functions = HashMap::new();
    for (package, environment) in environments {
        let mut settings = environment.clone();
        if let Some(text) = settings.get_mut("AUTH_POLICY") {
            *text = overrides.policy(text);
        }
        let compositions = overrides
            .compositions
            .filter(|_| package == COMPOSER_PACKAGE);
        if let Some(file) = compositions {
            settings.insert("COMPOSITIONS".to_owned(), file.text.clone());
        }

        // Administration uses other timeouts than decisions, so the limiter opens its own store.
        let has_own_store = package == "limiter" && matches!(**store, Store::DynamoDb(_));
        let shared = (!has_own_store).then(|| Arc::clone(store));
        let endpoint = overrides.endpoint.cloned();
        let setting = move |name: &str| {
            let of_template = |name: &str| settings.get(name).cloned();
            let variable = |name: &str| of_template(name).or_else(|| std::env::var(name).ok());
            // The secrets that a policy names are read from the endpoint too.
            match endpoint
                .as_ref()
                .filter(|_| has_own_store || name.starts_with("AWS_"))
            {
                Some(endpoint) => store::aws_setting(name, endpoint, variable),
                None => of_template(name),
            }
        };

        let function = if package == COMPOSER_PACKAGE {
            let urls = Some(overrides.urls.clone());
            let composer = open_composer(shared, setting, records.clone(), urls).await;
            let metrics = Arc::clone(overrides.metrics);
            composer.map(|composer| Function::Composer(Box::new(observed(composer, metrics))))
        } else {
            Box::pin(Function::new(package, shared, setting, records.clone())).await
        };
        let function = function.map_err(|error| overrides.start_error(error))?;
        functions.insert(package.clone(), Arc::new(function));
    }
    Ok(functions)
}

/// Checks that every integration removes the header of API keys and that of the front's secret. Public
/// routes are no exception, because clients may send their key, and the front its secret, with each
/// request.
pub(super) fn check_secret_headers(
    api: &Api,
    functions: &HashMap<String, Arc<Function>>,
) -> Result<(), StartError> {
    let route_that_forwards = |header: &str| {
        let mut routes = api.routes.iter();
        let found = routes.find(|(_, route)| !route.integration.removes(header));
        found.map(|(_, route)| route.key.clone())
    };

    for header in key_headers(functions) {
        if let Some(route) = route_that_forwards(&header) {
            return Err(StartError::KeyHeader { header, route });
        }
    }
    for header in front_headers(functions) {
        if let Some(route) = route_that_forwards(header) {
            return Err(StartError::FrontHeader { header, route });
        }
    }
    Ok(())
}

/// Returns the headers in which authorizers look for the secret of a front.
fn front_headers(functions: &HashMap<String, Arc<Function>>) -> impl Iterator<Item = &'static str> {
    functions.values().filter_map(|function| match &**function {
        Function::Authorizer(authorizer) => authorizer.front_header(),
        _ => None,
    })
}

/// Returns the headers in which authorizers look for API keys.
pub(super) fn key_headers(
    functions: &HashMap<String, Arc<Function>>,
) -> impl Iterator<Item = String> {
    functions.values().filter_map(|function| match &**function {
        Function::Authorizer(authorizer) => authorizer.key_header(),
        _ => None,
    })
}

/// Counts the responses of a composer.
fn observed(composer: Composer, metrics: Arc<LocalMetrics>) -> Composer {
    composer.with_observer(Box::new(move |route, reply| {
        metrics.count_composition(route, reply);
    }))
}

/// Returns the function that composes, if a route invokes it.
pub(super) fn composer(functions: &HashMap<String, Arc<Function>>) -> Option<&Composer> {
    match &**functions.get(COMPOSER_PACKAGE)? {
        Function::Composer(composer) => Some(composer),
        _ => None,
    }
}
