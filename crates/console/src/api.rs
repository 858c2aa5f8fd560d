//! The operations of the console's own API, below `/_tollgate/console/api/`.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use limiter::Limiter;
use serde::Serialize;

use crate::CONSOLE_HEADER;
use crate::backend::Backend;
use crate::body;
use crate::check_runs::{self, CheckTarget};
use crate::documents;
use crate::overview::Range;
use crate::problem::Problem;
use crate::refusals::RefusalQuery;
use crate::response;

/// Responds to a request for an operation. `operation` is the path below `api/`.
///
/// # Errors
/// [`Problem`] if the request is invalid or the operation fails.
pub(crate) async fn respond(
    backend: &Backend,
    operation: &str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Problem> {
    // Other sites cannot send this header without a preflight request, which is never answered.
    if !request.headers().contains_key(CONSOLE_HEADER) {
        let detail = format!("The header `{CONSOLE_HEADER}` is missing.");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }

    if operation == "checks" || operation.starts_with("checks/") {
        return checks(backend, operation, &request).await;
    }
    match (request.method(), operation) {
        (&Method::GET, "target") => Ok(ok(&backend.described_target().await)),
        (&Method::GET, "overview") => {
            let range = Range::read(request.uri())?;
            Ok(ok(&backend.overview(range).await?))
        }
        (&Method::GET, "refusals") => {
            let query = RefusalQuery::read(request.uri())?;
            Ok(ok(&backend.refusals(&query).await?))
        }
        // For targets that do not publish their description.
        (&Method::GET, "openapi.json") => Ok(ok(&Limiter::openapi())),
        (&Method::GET, "policy") => Ok(ok(&backend.policy().await?)),
        (&Method::POST, "plans/check") => Ok(ok(&documents::check_plan(&body::read(&request)?))),
        (&Method::POST, "policies/check") => {
            let request = body::read(&request)?;
            Ok(ok(&documents::check_policy(backend, &request)))
        }
        (&Method::POST, "policies/explain") => {
            let request = body::read(&request)?;
            Ok(ok(&documents::explain_policy(backend, request)?))
        }
        (&Method::POST, "tokens/explain") => {
            let request = body::read(&request)?;
            Ok(ok(&documents::explain_token(backend, request).await?))
        }
        _ => Err(unknown(&request, operation)),
    }
}

/// Responds to a request for runs of checks.
async fn checks(
    backend: &Backend,
    operation: &str,
    request: &Request<Bytes>,
) -> Result<Response<Bytes>, Problem> {
    let runs = backend.check_runs();
    let id = operation.strip_prefix("checks/").unwrap_or_default();
    match (request.method(), id) {
        (&Method::GET, "") => Ok(ok(&runs.latest())),
        (&Method::POST, "") => {
            let target = CheckTarget::of(backend, request)?;
            let id = runs.start(target, body::read(request)?)?;
            Ok(response::json(StatusCode::ACCEPTED, &id))
        }
        (&Method::GET, "catalogue") => {
            let target = CheckTarget::of(backend, request)?;
            Ok(ok(&check_runs::catalogue(&target)))
        }
        (&Method::GET, id) => Ok(ok(&runs.status(id)?)),
        (&Method::DELETE, id) => {
            runs.cancel(id).await?;
            Ok(response::whole(StatusCode::NO_CONTENT, Bytes::new()))
        }
        _ => Err(unknown(request, operation)),
    }
}

fn unknown(request: &Request<Bytes>, operation: &str) -> Problem {
    let method = request.method();
    let detail = format!("The console has no operation {method} {operation}.");
    Problem::new(StatusCode::NOT_FOUND, detail)
}

fn ok(document: &impl Serialize) -> Response<Bytes> {
    response::json(StatusCode::OK, document)
}
