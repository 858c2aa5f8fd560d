//! Errors of connecting. They reach the caller inside the SDK's own errors.

use std::io;

use aws_smithy_runtime_api::box_error::BoxError;
use telemetry::EndpointKind;

/// A connection could not be opened, so nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {host} ({})", endpoint.as_str())]
pub(crate) struct ConnectError {
    /// The host and port.
    pub(crate) host: String,
    pub(crate) endpoint: EndpointKind,
    pub(crate) timed_out: bool,
    pub(crate) source: BoxError,
}

/// A host name cannot be resolved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ResolutionError(pub(crate) io::Error);

/// A host name resolves only to addresses that must not be called.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that must not be called: {reason}")]
pub(crate) struct ForbiddenAddressError {
    pub(crate) reason: &'static str,
}
