//! The compositions of a local gateway: their file, and the services that they call.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use composer::Composer;
use composition::ReplacedUrls;
use http::Uri;

use super::{Options, StartError, file};
use crate::function::FunctionError;

/// The template's parameter with the compositions.
const PARAMETER: &str = "Compositions";
/// The value of the parameter if a file replaces it. The parameter limits the length of its value, and
/// a file may be longer.
const PLACEHOLDER: &str = "{}";

/// The file of `--compositions`.
#[derive(Debug)]
pub(super) struct CompositionsFile {
    path: PathBuf,
    pub(super) text: String,
}

impl CompositionsFile {
    pub(super) fn read(path: &Path) -> Result<Self, StartError> {
        Ok(Self::new(path, file::read(path)?))
    }

    pub(super) fn new(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// Converts an error about the compositions so that it names this file instead of `COMPOSITIONS`.
    /// Returns other errors unchanged.
    pub(super) fn start_error(&self, error: FunctionError) -> Result<StartError, FunctionError> {
        match &error {
            FunctionError::ComposerOpen(composer::OpenError::Compositions(error)) => {
                Ok(StartError::Document {
                    path: self.path.clone(),
                    position: error.position(&self.text),
                    problem: error.to_string(),
                })
            }
            _ => Err(error),
        }
    }
}

/// Returns the parameters of the template. With a file of compositions, the template has the function
/// that composes.
pub(super) fn parameters(options: &Options) -> Result<Vec<(String, String)>, StartError> {
    let mut parameters = options.parameters.clone();
    if options.compositions.is_none() {
        return Ok(parameters);
    }

    if parameters.iter().any(|(name, _)| name == PARAMETER) {
        return Err(StartError::CompositionsTwice);
    }
    parameters.push((PARAMETER.to_owned(), PLACEHOLDER.to_owned()));
    Ok(parameters)
}

/// Returns the URLs of services: those that were given, and the backend for the others.
pub(super) fn urls(backend: &Uri, services: &[(String, Uri)]) -> Result<ReplacedUrls, StartError> {
    let mut named = BTreeMap::new();
    for (name, url) in services {
        if named.insert(name.clone(), url.clone()).is_some() {
            return Err(StartError::RepeatedService(name.clone()));
        }
    }

    Ok(ReplacedUrls {
        default: backend.clone(),
        named,
    })
}

/// Checks that the compositions name each service that was given. A service with a misspelled name
/// would be the backend.
pub(super) fn check_services(
    services: &[(String, Uri)],
    composer: Option<&Composer>,
) -> Result<(), StartError> {
    let compositions = composer.map(Composer::compositions);
    let known: BTreeSet<&str> = compositions
        .iter()
        .flat_map(|compositions| compositions.services())
        .map(|service| service.name.as_str())
        .collect();

    match services.iter().find(|(name, _)| !known.contains(&**name)) {
        None => Ok(()),
        Some((name, _)) => Err(StartError::UnknownService {
            name: name.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn services_that_are_not_named_are_the_backend() {
        let users = ("users".to_owned(), uri("http://127.0.0.1:9001"));
        let urls = urls(&uri("http://127.0.0.1:8080"), std::slice::from_ref(&users)).unwrap();
        assert_eq!(urls.default, uri("http://127.0.0.1:8080"));
        assert_eq!(urls.named, BTreeMap::from([users]));
    }

    #[test]
    fn service_that_is_given_twice_is_an_error() {
        let users = ("users".to_owned(), uri("http://127.0.0.1:9001"));
        let error = urls(&uri("http://127.0.0.1:8080"), &[users.clone(), users]).unwrap_err();
        assert_eq!(error.to_string(), "--service: `users` is given twice");
    }

    #[test]
    fn services_without_compositions_are_an_error() {
        let users = ("users".to_owned(), uri("http://127.0.0.1:9001"));
        let error = check_services(&[users], None).unwrap_err().to_string();
        assert_eq!(
            error,
            "--service users: there are no compositions; --compositions FILE adds them"
        );
        assert!(check_services(&[], None).is_ok());
    }
}
