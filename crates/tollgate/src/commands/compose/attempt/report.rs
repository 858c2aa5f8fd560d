//! The result of an attempt as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use composition::Missing;
use gateway::local::{PartReport, Reply};
use serde::Serialize;
use serde_json::value::RawValue;

/// The result of a part that is not missing.
const OK: &str = "ok";

/// The response, and its parts.
#[derive(Serialize)]
struct Report<'r> {
    parts: Vec<Part<'r>>,
    status: u16,
    headers: BTreeMap<&'r str, Cow<'r, str>>,
    /// The body as the client gets it. `null` if there is none.
    body: Option<&'r RawValue>,
}

#[derive(Serialize)]
struct Part<'r> {
    part: &'r str,
    method: &'static str,
    url: Option<String>,
    duration_ms: f64,
    attempts: u32,
    result: &'static str,
    status: Option<u16>,
    bytes: usize,
    fallback: bool,
}

/// Returns the result as JSON.
pub(super) fn json(reply: &Reply) -> String {
    let headers = reply.headers.iter();
    let report = Report {
        parts: reply.parts.iter().map(part).collect(),
        status: reply.status.as_u16(),
        headers: headers
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect(),
        body: serde_json::from_slice(&reply.body).ok(),
    };
    serde_json::to_string(&report).unwrap_or_default()
}

fn part(part: &PartReport) -> Part<'_> {
    Part {
        part: &part.name,
        method: part.method.as_str(),
        url: part.url.as_ref().map(ToString::to_string),
        duration_ms: milliseconds(part),
        attempts: part.attempts,
        result: result(part),
        status: status(part),
        bytes: part.bytes,
        fallback: part.has_fallback,
    }
}

/// Returns `ok`, or the reason why the part is missing.
pub(super) fn result(part: &PartReport) -> &'static str {
    part.outcome.map_or_else(Missing::as_str, |_| OK)
}

/// Returns the status of the service, if it responded with one.
pub(super) fn status(part: &PartReport) -> Option<u16> {
    match part.outcome {
        Ok(status) | Err(Missing::Status(status)) => Some(status),
        Err(_) => None,
    }
}

/// Returns the time of a part in milliseconds, rounded to 10 µs.
pub(super) fn milliseconds(part: &PartReport) -> f64 {
    (part.duration.as_secs_f64() * 1e5).round() / 1e2
}
