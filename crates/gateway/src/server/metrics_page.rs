//! The metrics page, for Prometheus.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::body::ResponseBody;
use super::response::{ErrorResponse, whole};
use crate::metrics::{Format, LocalMetrics};

/// Returns the metrics in the format that the client accepts, compressed if it accepts gzip. A thread
/// of its own formats them, because there can be megabytes.
///
/// # Errors
/// [`ErrorResponse::InternalError`] if the thread panicked.
pub(super) async fn respond(
    metrics: Arc<LocalMetrics>,
    headers: &HeaderMap,
) -> Result<Response<ResponseBody>, ErrorResponse> {
    let format = Format::accepted(&joined(headers, ACCEPT));
    let is_compressed = accepts_gzip(&joined(headers, ACCEPT_ENCODING));

    let written = tokio::task::spawn_blocking(move || {
        let text = metrics.exposition(format);
        let compressed = is_compressed.then(|| gzip(&text)).flatten();
        compressed.map_or((text.into_bytes(), false), |bytes| (bytes, true))
    });
    let (body, is_compressed) = written.await.map_err(|_| ErrorResponse::InternalError)?;

    let mut response = whole(StatusCode::OK, format.content_type(), body);
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
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
