//! Which form of an answer a client takes (RFC 9110, section 12.5.1).

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode, Uri};

use crate::Problem;
use crate::request::query::Query;

pub(crate) const JSON: &str = "application/json";
pub(crate) const CSV: &str = "text/csv";

/// The one of `offered` that the client likes best; of equals the first.
///
/// # Errors
/// 406 where it takes none of them.
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
    for media in offered {
        let quality = if accepted.trim().is_empty() {
            1.0
        } else {
            quality(&accepted, media)
        };
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((media, quality));
        }
    }
    best.map(|(media, _)| media).ok_or_else(|| {
        let detail = format!("This resource is there as {}.", offered.join(" and "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, detail)
    })
}

/// What routes check first that answer in JSON and take no query.
///
/// # Errors
/// As [`negotiate`]; 400 for any parameter.
pub(crate) fn json_alone(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    negotiate(headers, &[JSON])?;
    Query::of(uri, &[]).finish()
}

/// The quality of the most specific range that a type is in; 0 where it is in none.
fn quality(accepted: &str, media: &str) -> f32 {
    let kind = media.split('/').next().unwrap_or_default();
    let mut found = (0_u8, 0.0);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(media) => 3,
            Some((range, "*")) if range.eq_ignore_ascii_case(kind) => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight =
            parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if specific > found.0 {
            found = (specific, weight);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn chosen(accept: &str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        negotiate(&headers, &[JSON, CSV]).ok()
    }

    #[test]
    fn the_client_has_its_choice() {
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
            assert_eq!(chosen(accept), expected, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new(), &[JSON, CSV]).ok(), Some(JSON));
    }
}
