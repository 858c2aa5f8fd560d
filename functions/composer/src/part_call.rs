//! The call of a part, and its result.

use std::time::Duration;

use aws::Deadline;
use bytes::Bytes;
use composition::{Missing, Part};
use http::HeaderMap;

/// The call of a service for a part.
#[derive(Debug)]
pub(crate) struct PartCall<'c> {
    /// The index of the service.
    pub(crate) service: usize,
    /// The part, which determines the method and the timeout.
    pub(crate) part: &'c Part,
    /// The path and query, encoded.
    pub(crate) path_and_query: String,
    /// The headers. `x-request-id` and `traceparent` of the current request are added to them.
    pub(crate) headers: HeaderMap,
    /// The body, empty for a `GET`.
    pub(crate) body: Bytes,
    /// The deadline of the composition.
    pub(crate) deadline: Deadline,
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct PartReply {
    /// The JSON, or the reason why there is none.
    pub(crate) outcome: Result<PartBody, Missing>,
    /// The number of requests that were sent. Zero if the call was refused before the first one.
    pub(crate) attempts: u32,
    /// The time from the start of the call to its end, including waits.
    pub(crate) duration: Duration,
}

/// The JSON of a part.
#[derive(Debug)]
pub(crate) struct PartBody {
    /// The status, which is 200 to 205.
    pub(crate) status: u16,
    /// The JSON in UTF-8, which has been checked. `null` for a response without content.
    pub(crate) json: Bytes,
    /// The headers that the response depends on: `cache-control`, `age` and `vary`.
    pub(crate) headers: HeaderMap,
}
