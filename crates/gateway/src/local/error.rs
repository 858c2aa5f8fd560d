//! Errors at startup.

use std::path::PathBuf;

use environment::SettingError;
use registry::SeedsError;
use store::StoreError;
use strict_json::TextPosition;

use super::IssuerError;
use crate::function::FunctionError;
use sam_template::TemplateError;

/// The reasons why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// A template that cannot be read.
    #[error("{path}: {error}; --template FILE names the template", path = path.display())]
    NoTemplate {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// A template that is invalid or not supported.
    #[error("{path}:{separator}{error}", path = path.display(), separator = if error.position.is_some() { "" } else { " " })]
    Template {
        /// The file.
        path: PathBuf,
        /// The problem and its position.
        error: TemplateError,
    },
    /// An invalid policy or invalid seeds.
    #[error("{path}:{place} {problem}", path = path.display(), place = position.map(|at| format!("{at}:")).unwrap_or_default())]
    Document {
        /// The file.
        path: PathBuf,
        /// The position in the file, if it is known.
        position: Option<TextPosition>,
        /// The problem, beginning with the name of the field.
        problem: String,
    },
    /// The store rejects the seeds.
    #[error("seeds: {0}")]
    Seeds(#[from] SeedsError),
    /// A parameter is given more than once.
    #[error("the parameter `{0}` is given twice")]
    RepeatedParameter(String),
    /// The compositions are given both as a file and as a parameter.
    #[error("--compositions and the parameter `Compositions` exclude each other")]
    CompositionsTwice,
    /// A file of compositions is given for a template without the function that composes.
    #[error("--compositions: no route of {path} invokes the composer", path = .0.display())]
    NoComposer(PathBuf),
    /// The URL of a service is given more than once.
    #[error("--service: `{0}` is given twice")]
    RepeatedService(String),
    /// The URL of a service is given that the compositions do not name.
    #[error("--service {name}: {}", service_hint(known))]
    UnknownService {
        /// The name.
        name: String,
        /// The services of the compositions.
        known: Vec<String>,
    },
    /// API keys would be passed on to the backend.
    #[error(
        "KEY_HEADER is `{header}`, but the integration of route `{route}` does not remove that header"
    )]
    KeyHeader {
        /// The header of API keys.
        header: String,
        /// The key of the first such route.
        route: String,
    },
    /// The secret of the front would be passed on to the backend.
    #[error(
        "the policy has `front`, but the integration of route `{route}` does not remove the header `{header}`"
    )]
    FrontHeader {
        /// The header of the secret.
        header: &'static str,
        /// The key of the first such route.
        route: String,
    },
    /// A function cannot be set up.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The local issuer's signing key cannot be used.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The address is in use or not local.
    #[error("cannot listen on {address}: {error}{}", listen_hint(error))]
    Listen {
        /// The address.
        address: String,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The store's settings are invalid.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An endpoint on another machine is used without a region.
    #[error(
        "--endpoint {0}: AWS_REGION is not set; it is required for endpoints on other machines"
    )]
    Region(String),
    /// The AWS clients cannot be set up.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// The tables cannot be created or seeded.
    #[error("{endpoint}: {}", telemetry::error_chain(error))]
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// The store's error.
        error: StoreError,
    },
    /// The built-in backend cannot start.
    #[error("the echo service cannot start: {0}")]
    Echo(String),
}

fn service_hint(known: &[String]) -> String {
    match known {
        [] => "there are no compositions; --compositions FILE adds them".to_owned(),
        known => format!(
            "the compositions have no service of this name, expected one of {}",
            known.join(", ")
        ),
    }
}

fn listen_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; choose another port with --listen PORT",
        _ => "",
    }
}
