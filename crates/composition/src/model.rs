//! Checked compositions.

use std::time::Duration;

use http::{HeaderName, StatusCode, Uri};
use routes::RouteKey;
use semver::Version;
use serde_json::value::RawValue;

use crate::template::Template;

/// A service that parts call. Its host is fixed by the configuration.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name in the document, `default` for parts that name none.
    pub name: String,
    /// The URL before the paths of parts, without a query or user info. Its path does not end in a
    /// slash, but `http` returns `/` for an empty one.
    pub url: Uri,
    /// The most calls that one process makes at the same time.
    pub max_concurrent_calls: usize,
    /// True if the service receives the secret that proves the origin of calls. A service with
    /// the secret can call others that trust it, as any caller.
    pub has_proof_of_origin: bool,
}

/// A route whose response is composed.
#[derive(Debug)]
pub struct Route {
    /// The method (`GET` or `POST`) and the path, below the prefix.
    pub key: RouteKey,
    /// The parts, in the order of the document.
    pub parts: Vec<Part>,
    /// The indexes of parts by stage. The parts of a stage depend on parts of earlier stages only.
    pub stages: Vec<Vec<usize>>,
    /// The headers of the client that templates may use, and that services receive.
    pub headers: Vec<HeaderName>,
    /// The time for all parts.
    pub timeout: Duration,
    /// The status of a response that lacks a part: 200 or 206.
    pub partial_status: StatusCode,
    /// The query parameter that selects fields, if there is one.
    pub fields_parameter: Option<String>,
    /// The shapes for client versions, in the order of the document.
    pub versions: Vec<VersionShape>,
    /// The calls that a request counts as.
    pub cost: Cost,
}

/// A part of a response.
#[derive(Debug)]
pub struct Part {
    /// The name in the document, which other parts refer to.
    pub name: String,
    /// The name in the response: the alias, or else the name.
    pub field: String,
    /// The method of the call.
    pub method: PartMethod,
    /// The path and query of the call.
    pub(crate) template: Template,
    /// The index of the service.
    pub service: usize,
    /// The indexes of the parts that must be complete before.
    pub after: Vec<usize>,
    /// The JSON that replaces a missing part.
    pub fallback: Option<Box<RawValue>>,
    /// True if the request fails without this part.
    pub is_required: bool,
    /// The time for all attempts of the call, at most that of the route.
    pub timeout: Duration,
    /// The JSON pointer of the link to the next page, if there is one.
    pub next: Option<String>,
    /// True if the call is charged as a request to its own route.
    pub is_charged: bool,
}

/// The method of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartMethod {
    /// `GET`, which is retried.
    Get,
    /// `POST` with the body of the client. It is never retried.
    Post,
}

/// The calls that a request to a composition counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// The cost of the policy's rule.
    Rule,
    /// The cost of the policy's rule, and one call more for each called part after the first.
    Parts,
}

/// The shape of the response for some client versions.
#[derive(Clone, Debug)]
pub struct VersionShape {
    /// The request header that contains the version.
    pub header: HeaderName,
    /// The lowest version, inclusive.
    pub from: Option<Version>,
    /// The lowest version to which the shape does not apply.
    pub below: Option<Version>,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// A change of the merged response. Paths are field names from the top. In arrays they apply to each
/// item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Gives a field another name in the same object.
    Rename {
        /// The path of the field.
        path: Vec<String>,
        /// The new name.
        name: String,
    },
    /// Removes a field.
    Drop {
        /// The path of the field.
        path: Vec<String>,
    },
    /// Moves a field to another object. Neither path passes through an array.
    Move {
        /// The path of the field.
        from: Vec<String>,
        /// The new path.
        to: Vec<String>,
    },
}
