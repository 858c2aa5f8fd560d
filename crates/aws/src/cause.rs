//! Causes of failed connections that an operator can act on.

use std::error::Error as StdError;
use std::{fmt, io};

use aws_smithy_runtime_api::client::result::ConnectorError;
use rustls::CertificateError;
use telemetry::{error_sources, find_source};

use crate::connect_error::{ConnectError, ResolutionError};

/// The cause of a failed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The host name cannot be resolved.
    Name,
    /// The host refuses connections to this port.
    Refused,
    /// The server's certificate is signed by an authority that is not trusted.
    UnknownAuthority,
    /// The TLS handshake failed for another reason.
    Tls,
    /// The connect timeout expired.
    ConnectTimeout,
    /// Connecting failed for another reason.
    Connect,
    /// The connection broke.
    Broken,
    /// The response is not valid HTTP.
    InvalidResponse,
}

impl Cause {
    /// Returns the cause of a connector's error.
    pub(crate) fn of(error: &ConnectorError) -> Self {
        let Some(failed) = find_source::<ConnectError>(error) else {
            return Self::of_exchange(error);
        };
        if find_source::<ResolutionError>(error).is_some() || error_sources(error).any(is_dns) {
            Self::Name
        } else if failed.timed_out {
            Self::ConnectTimeout
        } else if error_sources(error).any(is_unknown_authority) {
            Self::UnknownAuthority
        } else if error_sources(error).any(is_tls) {
            Self::Tls
        } else if error_sources(error).any(is_refused) {
            Self::Refused
        } else {
            Self::Connect
        }
    }

    /// Returns the cause of an error after the connection was open.
    pub(crate) fn of_exchange(error: &(dyn StdError + 'static)) -> Self {
        let is_invalid_head =
            find_source::<hyper::Error>(error).is_some_and(hyper::Error::is_parse);
        if is_invalid_head || error_sources(error).any(is_invalid_body) {
            Self::InvalidResponse
        } else {
            Self::Broken
        }
    }

    /// Returns the cause for log fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "dns",
            Self::Refused => "refused",
            Self::UnknownAuthority => "unknown_ca",
            Self::Tls => "tls",
            Self::ConnectTimeout => "connect_timeout",
            Self::Connect => "connect",
            Self::Broken => "broken",
            Self::InvalidResponse => "invalid_response",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Name => "cannot resolve the name",
            Self::Refused => "connection refused",
            Self::UnknownAuthority => {
                "TLS handshake failed: unknown CA, the server's certificate authority is not trusted"
            }
            Self::Tls => "TLS handshake failed",
            Self::ConnectTimeout => "no connection within the timeout",
            Self::Connect => "cannot connect",
            Self::Broken => "the connection broke",
            Self::InvalidResponse => "the response is not valid HTTP",
        })
    }
}

/// Returns the text of the innermost error, which has the details. Connection errors name addresses
/// and certificates, never a request.
pub(crate) fn innermost(error: &(dyn StdError + 'static)) -> String {
    let text = error_sources(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();

    text.chars().take(MAX_TEXT_CHARS).collect()
}

const MAX_TEXT_CHARS: usize = 200;

/// True for a name that the system cannot resolve. The HTTP client has no type for it.
fn is_dns(error: &(dyn StdError + 'static)) -> bool {
    error.to_string().starts_with("dns error")
}

/// True if an error is or wraps the TLS error for an authority that is not trusted.
fn is_unknown_authority(error: &(dyn StdError + 'static)) -> bool {
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    tls_error(error).is_some_and(|error| *error == unknown)
}

/// True if an error is or wraps a TLS error.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    tls_error(error).is_some()
}

/// Returns the TLS error that an error is or wraps. rustls nests I/O errors, and the source of an
/// I/O error skips the error that it wraps.
fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let mut layers = std::iter::successors(Some(error), |&error| unwrapped(error));
    layers.find_map(|layer| layer.downcast_ref())
}

/// Returns the error that an I/O error wraps.
fn unwrapped<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(inner)
}

/// True for a body with invalid chunks. The HTTP client reports them as I/O errors.
fn is_invalid_body(error: &(dyn StdError + 'static)) -> bool {
    let invalid = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| invalid.contains(&error.kind()))
}

fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
