//! The collector's address, and how it is called.

use std::fmt;
use std::time::Duration;

use environment::{SettingError, Variables};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Uri, uri};

use super::Signal;
use super::key_values::key_values;

/// Headers that follow from the message and its URL.
const OWN_HEADERS: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TRANSFER_ENCODING,
];

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The URL of one signal, with the headers and the timeout of its requests.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
}

impl Target {
    /// Returns scheme, host and port. A path may contain a secret.
    pub(crate) fn address(&self) -> String {
        let scheme = self.url.scheme_str().unwrap_or_default();
        let authority = self.url.authority().map_or("", uri::Authority::as_str);
        format!("{scheme}://{authority}")
    }
}

impl fmt::Debug for Target {
    /// Omits the path and the headers, which may contain secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({:?})", self.url.host())
    }
}

/// The variables of one signal. Each overrides the one of all signals, which is named second.
struct Names {
    exporter: &'static str,
    endpoint: &'static str,
    path: &'static str,
    headers: [&'static str; 2],
    timeout: [&'static str; 2],
    protocol: [&'static str; 2],
}

const fn names(signal: Signal) -> Names {
    match signal {
        Signal::Traces => Names {
            exporter: "OTEL_TRACES_EXPORTER",
            endpoint: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            path: "v1/traces",
            headers: [
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ],
            timeout: [
                "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
                "OTEL_EXPORTER_OTLP_TIMEOUT",
            ],
            protocol: [
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
                "OTEL_EXPORTER_OTLP_PROTOCOL",
            ],
        },
        Signal::Metrics => Names {
            exporter: "OTEL_METRICS_EXPORTER",
            endpoint: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            path: "v1/metrics",
            headers: [
                "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
                "OTEL_EXPORTER_OTLP_HEADERS",
            ],
            timeout: [
                "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
                "OTEL_EXPORTER_OTLP_TIMEOUT",
            ],
            protocol: [
                "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
                "OTEL_EXPORTER_OTLP_PROTOCOL",
            ],
        },
    }
}

/// Returns the target of a signal, or `None` if it is not exported.
///
/// # Errors
/// [`SettingError`] for the first invalid variable.
pub(super) fn target<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    signal: Signal,
) -> Result<Option<Target>, SettingError> {
    let names = names(signal);
    if !is_exported(variables, names.exporter)? {
        return Ok(None);
    }
    let Some(url) = url(variables, &names)? else {
        return Ok(None);
    };

    check_protocol(variables, names.protocol)?;
    Ok(Some(Target {
        url,
        headers: headers(variables, names.headers)?,
        timeout: timeout(variables, names.timeout)?,
    }))
}

fn is_exported<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    name: &'static str,
) -> Result<bool, SettingError> {
    match variables.optional(name).as_deref() {
        None | Some("otlp") => Ok(true),
        Some("none") => Ok(false),
        Some(other) => Err(SettingError::invalid(name, other, "otlp or none")),
    }
}

/// Returns the URL. The one of a signal is used as it is, and the common one is extended by the
/// signal's path.
fn url<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    names: &Names,
) -> Result<Option<Uri>, SettingError> {
    if let Some(value) = variables.optional(names.endpoint) {
        return parsed(names.endpoint, &value).map(Some);
    }
    let Some(value) = variables.optional(ENDPOINT) else {
        return Ok(None);
    };

    parsed(ENDPOINT, &value)?;
    let extended = format!("{}/{}", value.trim_end_matches('/'), names.path);
    parsed(ENDPOINT, &extended).map(Some)
}

fn parsed(name: &'static str, value: &str) -> Result<Uri, SettingError> {
    let invalid = || {
        let expected = "an http or https URL without user info and query, such as \
                        http://localhost:4318";
        SettingError::invalid_secret(name, expected)
    };

    let url: Uri = value.trim().parse().map_err(|_| invalid())?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let has_rest = url.query().is_some() || value.contains('#');
    if !is_http || has_rest || !url.authority().is_some_and(is_host_and_port) {
        return Err(invalid());
    }
    Ok(url)
}

/// True for a host with a valid port or none, without user info.
fn is_host_and_port(authority: &uri::Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    let has_valid_port = authority.port_u16().is_some_and(|port| port > 0);

    !authority.host().is_empty() && (port == Some("") || (port.is_some() && has_valid_port))
}

fn check_protocol<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    names: [&'static str; 2],
) -> Result<(), SettingError> {
    let Some((name, value)) = first(variables, names) else {
        return Ok(());
    };

    if value == "http/protobuf" {
        Ok(())
    } else {
        Err(SettingError::invalid(name, &value, "http/protobuf"))
    }
}

fn headers<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    names: [&'static str; 2],
) -> Result<HeaderMap, SettingError> {
    let Some((name, value)) = first(variables, names) else {
        return Ok(HeaderMap::new());
    };
    let invalid = || {
        let expected = "name=value pairs, separated by commas, with percent-encoded values";
        SettingError::invalid_secret(name, expected)
    };

    let mut headers = HeaderMap::new();
    for (header, value) in key_values(&value).ok_or_else(invalid)? {
        let header = HeaderName::try_from(header).map_err(|_| invalid())?;
        if OWN_HEADERS.contains(&header) {
            let expected = "no header that describes the message, such as content-type or host";
            return Err(SettingError::invalid_secret(name, expected));
        }
        let mut value = HeaderValue::try_from(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn timeout<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    names: [&'static str; 2],
) -> Result<Duration, SettingError> {
    let name = first(variables, names).map_or(names[1], |(name, _)| name);

    variables.milliseconds(name, 10_000, 1..=600_000)
}

fn first<L: Fn(&str) -> Option<String>>(
    variables: &Variables<L>,
    names: [&'static str; 2],
) -> Option<(&'static str, String)> {
    names
        .into_iter()
        .find_map(|name| Some((name, variables.optional(name)?)))
}
