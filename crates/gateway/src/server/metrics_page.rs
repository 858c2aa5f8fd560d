//! The metrics page, for Prometheus.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::Gateway;
use super::body::ResponseBody;
use super::response::{ErrorResponse, whole};
use crate::memory_budget::ReservedBody;
use crate::metrics::Format;

/// The most scrapes that are formatted at a time. Each occupies a thread, and further ones wait.
const MAX_FORMATTED: usize = 4;

/// Limits the scrapes that are formatted at a time.
#[derive(Debug)]
pub(super) struct Scrapes(Semaphore);

impl Default for Scrapes {
    fn default() -> Self {
        Self(Semaphore::new(MAX_FORMATTED))
    }
}

/// Returns the metrics in the format that the client accepts, compressed if it accepts gzip.
///
/// # Errors
/// [`ErrorResponse::Unavailable`] if the responses of other requests use the memory, and
/// [`ErrorResponse::InternalError`] if formatting panicked.
pub(super) async fn respond(
    gateway: &Gateway,
    headers: &HeaderMap,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    let format = Format::accepted(&joined(headers, ACCEPT));
    let is_compressed = accepts_gzip(&joined(headers, ACCEPT_ENCODING));
    let (body, is_compressed) = formatted(gateway, format, is_compressed).await?;
    let reservation = gateway.memory.responses.reserve(body.len());
    let reservation = reservation.ok_or(ErrorResponse::Unavailable)?;

    let mut response = whole(StatusCode::OK, format.content_type(), body);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response.map(|body| ReservedBody::new(body, reservation).boxed_unsync()))
}

/// Formats the metrics on a thread of its own, because there can be megabytes. True if they are
/// compressed.
async fn formatted(
    gateway: &Gateway,
    format: Format,
    compress: bool,
) -> Result<(Vec<u8>, bool), ErrorResponse> {
    let permit = gateway.scrapes.0.acquire().await;
    let metrics = Arc::clone(&gateway.metrics);

    let formatted = tokio::task::spawn_blocking(move || {
        let text = metrics.exposition(format);
        let compressed = compress.then(|| gzip(&text)).flatten();
        compressed.map_or((text.into_bytes(), false), |bytes| (bytes, true))
    });
    let result = formatted.await.map_err(|_| ErrorResponse::InternalError);
    drop(permit);
    result
}

/// Returns all values of a list header.
fn joined(headers: &HeaderMap, name: HeaderName) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// True if gzip is named, without a quality of 0.
fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = quality
            .trim()
            .strip_prefix("q=")
            .is_some_and(|quality| quality.trim_end_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn gzip(text: &str) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_has_to_be_named() {
        for accepted in ["gzip", "deflate, GZIP;q=0.5", "br,gzip ; q=1.0"] {
            assert!(accepts_gzip(accepted), "{accepted}");
        }
        for accepted in ["", "*", "identity", "gzip;q=0", "gzip; q=0.000", "x-gzip"] {
            assert!(!accepts_gzip(accepted), "{accepted}");
        }
    }
}
