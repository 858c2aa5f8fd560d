//! The headers that pass a proxy. All others are dropped, in both directions.

use http::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION,
    RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, StatusCode};

/// The headers of a request that the admin API reads.
const REQUEST_HEADERS: [HeaderName; 6] = [
    ACCEPT,
    CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    IF_MATCH,
    IF_NONE_MATCH,
    HeaderName::from_static("x-tollgate-managed-by"),
];
/// The headers of a response that the pages read.
const RESPONSE_HEADERS: [HeaderName; 10] = [
    HeaderName::from_static("apigw-requestid"),
    CONTENT_DISPOSITION,
    CONTENT_TYPE,
    ETAG,
    HeaderName::from_static("idempotent-replayed"),
    LINK,
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("x-next-cursor"),
    HeaderName::from_static("x-request-id"),
];

/// Returns the headers of a browser's request that are sent to the target.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    selected(headers, &REQUEST_HEADERS)
}

/// Returns the headers of the target's response that the browser receives. `Location` is included
/// only if the status is 201.
pub(super) fn of_response(status: StatusCode, headers: &HeaderMap) -> HeaderMap {
    let mut selected = selected(headers, &RESPONSE_HEADERS);
    if status != StatusCode::CREATED {
        selected.remove(LOCATION);
    }
    selected
}

fn selected(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut selected = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            selected.append(name.clone(), value.clone());
        }
    }
    selected
}
