//! Content negotiation by the `Accept` header (RFC 9110, section 12.5.1).
//!
//! The `headers` crate, which `axum-extra` uses for typed headers, has no `Accept` header.

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

pub(crate) const JSON: &str = "application/json";
pub(crate) const CSV: &str = "text/csv";

/// Returns the media type of `offered` that the client prefers. If it prefers none, the first one.
///
/// # Errors
/// 406 if the client accepts none of them.
pub(crate) fn negotiate(
    headers: &HeaderMap,
    offered: &[&'static str],
) -> Result<&'static str, Problem> {
    let accepted: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let accepted = accepted.join(",");

    let mut best: Option<(&'static str, f32)> = None;
    for media_type in offered {
        let quality = if accepted.trim().is_empty() {
            1.0
        } else {
            quality(&accepted, media_type)
        };
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((media_type, quality));
        }
    }

    best.map(|(media_type, _)| media_type).ok_or_else(|| {
        let detail = format!("This resource is available as {}.", offered.join(" and "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
    })
}

/// Returns the quality of the most specific media range that contains `media_type`, or 0 if none
/// does.
fn quality(accepted: &str, media_type: &str) -> f32 {
    let kind = media_type.split('/').next().unwrap_or_default();
    let mut most_specific = (0_u8, 0.0);

    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specificity = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(media_type) => 3,
            Some((range, "*")) if range.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight =
            parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));

        if specificity > most_specific.0 {
            most_specific = (specificity, weight);
        }
    }
    most_specific.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn negotiated(accept: &str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        negotiate(&headers, &[JSON, CSV]).ok()
    }

    #[test]
    fn preferred_media_type_is_chosen() {
        for (accept, expected) in [
            ("", Some(JSON)),
            ("*/*", Some(JSON)),
            ("text/csv", Some(CSV)),
            ("text/*", Some(CSV)),
            ("text/csv;q=0.5, application/json;q=0.4", Some(CSV)),
            ("application/json;q=0, */*", Some(CSV)),
            ("TEXT/CSV; charset=utf-8", Some(CSV)),
            ("image/png", None),
            ("*/*;q=0", None),
        ] {
            assert_eq!(negotiated(accept), expected, "{accept}");
        }

        assert_eq!(negotiate(&HeaderMap::new(), &[JSON, CSV]).ok(), Some(JSON));
    }
}
