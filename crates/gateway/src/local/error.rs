//! Why the gateway cannot start.

use std::path::PathBuf;

use strict_json::TextPosition;
use usage::{SeedsError, StoreError};

use super::IssuerError;
use crate::function::FunctionError;
use crate::template::TemplateError;

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
    /// An invalid policy or invalid seeds.
    #[error("{path}:{place} {problem}", path = path.display(), place = position.map(|at| format!("{at}:")).unwrap_or_default())]
    Document {
        /// The file.
        path: PathBuf,
        /// Where in the file, if that is known.
        position: Option<TextPosition>,
        /// What is wrong, beginning with the field.
        problem: String,
    },
    /// Seeds that the store refuses.
    #[error("seeds: {0}")]
    Seeds(#[from] SeedsError),
    /// A parameter with two values.
    #[error("the parameter `{0}` is given twice")]
    Repeated(String),
    /// A key that would be passed on to the backend.
    #[error(
        "KEY_HEADER is `{header}`, but the integration of route `{route}` does not remove that header"
    )]
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
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}: {error}{}", listen_hint(error))]
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
    #[error("{endpoint}: {}", telemetry::error_chain(error))]
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

fn listen_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "; choose another port with --listen PORT",
        _ => "",
    }
}
