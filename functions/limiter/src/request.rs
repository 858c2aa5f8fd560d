//! Requests: the checks that all routes share, and one extractor that makes them.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod cursor;
pub(crate) mod document;
pub(crate) mod force;
pub(crate) mod managed_by;
pub(crate) mod precondition;
pub(crate) mod query;

use aws::Deadline;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use registry::Admin;

use crate::Shared;
use crate::audit::{Action, Administrator, PendingChange};
use crate::problem::Problem;

use accept::{JSON, negotiate};
use query::{NoParameters, QueryParameters};

/// A request from `C`, with the query parameters `Q`.
///
/// Extraction checks, in this order, the caller, the `Accept` header and the query. The first check
/// that fails is the response.
pub(crate) struct ApiRequest<C, Q> {
    pub(crate) caller: C,
    pub(crate) query: Q,
    /// The media type of the response, one of [`QueryParameters::MEDIA_TYPES`].
    pub(crate) media_type: &'static str,
    /// The time at which the request arrived.
    pub(crate) now: Timestamp,
    pub(crate) headers: HeaderMap,
    pub(crate) shared: Shared,
}

/// A request from an administrator.
pub(crate) type AdminRequest<Q = NoParameters> = ApiRequest<Administrator, Q>;

impl<C, Q> FromRequestParts<Shared> for ApiRequest<C, Q>
where
    C: FromRequestParts<Shared, Rejection = Problem> + Send,
    Q: QueryParameters,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let caller = C::from_request_parts(parts, shared).await?;

        // The response to a DELETE has no body.
        let media_type = if parts.method == Method::DELETE {
            JSON
        } else {
            negotiate(&parts.headers, Q::MEDIA_TYPES)?
        };
        let query = query::read(&parts.uri)?;

        Ok(Self {
            caller,
            query,
            media_type,
            now: shared.now(),
            headers: parts.headers.clone(),
            shared: shared.clone(),
        })
    }
}

impl<C, Q> ApiRequest<C, Q> {
    /// The registry of plans, keys and policies.
    pub(crate) fn admin(&self) -> Admin<'_> {
        self.shared.admin()
    }

    /// The time by which the usage store has to respond.
    pub(crate) fn deadline(&self) -> Deadline {
        self.shared.store.deadline()
    }
}

impl<Q> AdminRequest<Q> {
    /// Begins a change that is recorded in the audit log.
    pub(crate) fn begin(&self, action: Action, target: impl Into<String>) -> PendingChange<'_> {
        self.caller.begin(action, target, self.now)
    }
}
