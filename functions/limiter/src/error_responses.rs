//! The error responses that the OpenAPI description lists.

use utoipa::IntoResponses;

use crate::problem::Problem;

/// The error responses of every operation.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(crate) enum Reads {
    /// A query parameter, a header or the JSON syntax of the body is invalid.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The caller lacks permission.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// The resource does not exist.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The client accepts none of the available media types.
    #[response(status = 406, content_type = "application/problem+json")]
    NotAcceptable(Problem),
    /// Tollgate failed.
    #[response(status = 500, content_type = "application/problem+json")]
    Failed(Problem),
    /// The store did not respond.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// The additional error responses of writes.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only described")]
pub(crate) enum Writes {
    /// The change conflicts with another resource or another request.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The condition in If-Match or If-None-Match is not met.
    #[response(status = 412, content_type = "application/problem+json")]
    PreconditionFailed(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body has an unsupported media type.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedType(Problem),
    /// The body is invalid. `errors` names every mistake.
    #[response(status = 422, content_type = "application/problem+json")]
    Mistakes(Problem),
}
