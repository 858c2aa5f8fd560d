//! The functions that the routes of the template need, set up for this machine.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use authorizer::ConfigError;
use http::Uri;
use telemetry::RecordLog;
use usage::Store;

use super::{LocalIssuer, StartError, store};
use crate::api::Api;
use crate::function::{Function, FunctionError};

/// What is set from outside of the template.
pub(super) struct Given<'g> {
    pub(super) policy: Option<&'g PolicyFile>,
    pub(super) endpoint: Option<&'g Uri>,
    pub(super) issuer: &'g LocalIssuer,
}

/// The file of `--policy`.
pub(super) struct PolicyFile {
    path: PathBuf,
    text: String,
}

impl PolicyFile {
    pub(super) fn read(path: PathBuf) -> Result<Self, StartError> {
        let text = super::read(&path)?;
        Ok(Self { path, text })
    }

    /// Names this file where the policy is what is wrong; `AUTH_POLICY` is nothing that its author
    /// has written.
    fn start_error(&self, error: FunctionError) -> StartError {
        let (position, problem) = match &error {
            FunctionError::Authorizer(ConfigError::Policy(error)) => {
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

impl Given<'_> {
    /// The policy that is in force instead of the template's.
    pub(super) fn policy(&self, of_template: &str) -> String {
        self.policy
            .map_or_else(|| self.issuer.beside(of_template), |file| file.text.clone())
    }
}

/// The functions that routes need, with the environment that the template gives them. The local
/// issuer is trusted beside the template's; a policy that replaces the template's says itself whom
/// it trusts.
pub(super) async fn functions(
    environments: &BTreeMap<String, BTreeMap<String, String>>,
    given: &Given<'_>,
    store: &Arc<Store>,
    records: &RecordLog,
) -> Result<HashMap<String, Arc<Function>>, StartError> {
    let mut functions = HashMap::new();
    for (package, environment) in environments {
        let mut settings = environment.clone();
        if let Some(text) = settings.get_mut("AUTH_POLICY") {
            *text = given.policy(text);
        }
        // Administration has time-outs of its own, and so a store.
        let own = package == "limiter" && matches!(**store, Store::DynamoDb(_));
        let shared = (!own).then(|| Arc::clone(store));
        let endpoint = given.endpoint.cloned();
        let setting = move |name: &str| {
            let of_template = |name: &str| settings.get(name).cloned();
            let variable = |name: &str| of_template(name).or_else(|| std::env::var(name).ok());
            // Secrets of a policy are read at the endpoint too.
            match endpoint
                .as_ref()
                .filter(|_| own || name.starts_with("AWS_"))
            {
                Some(endpoint) => store::aws_setting(name, endpoint, variable),
                None => of_template(name),
            }
        };
        let function = Box::pin(Function::new(package, shared, setting, records.clone())).await;
        let function = function.map_err(|error| match given.policy {
            Some(file) => file.start_error(error),
            None => error.into(),
        })?;
        functions.insert(package.clone(), Arc::new(function));
    }
    Ok(functions)
}

/// Every integration has to remove the header of API keys, those of public routes too: a client may
/// send its key with each request.
pub(super) fn check_key_header(
    api: &Api,
    functions: &HashMap<String, Arc<Function>>,
) -> Result<(), StartError> {
    for header in key_headers(functions) {
        if let Some((_, route)) = api
            .routes
            .iter()
            .find(|(_, route)| !route.integration.removes(&header))
        {
            return Err(StartError::KeyHeader {
                header,
                route: route.key.clone(),
            });
        }
    }
    Ok(())
}

/// The headers in which authorizers look for API keys.
pub(super) fn key_headers(
    functions: &HashMap<String, Arc<Function>>,
) -> impl Iterator<Item = String> {
    functions.values().filter_map(|function| match &**function {
        Function::Authorizer(authorizer) => authorizer.key_header(),
        _ => None,
    })
}
