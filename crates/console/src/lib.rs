//! The web console: shows operators who calls, what each caller has left, and why calls were refused.
//!
//! - **Purpose**: the files of the console, and the data of its pages that the admin API does not
//!   have: figures of the last minutes, recent refusals, checks of documents and of the deployment.
//! - **Trigger**: requests below [`CONSOLE_PATH`], of a browser on the same machine. The local gateway
//!   and the proxy of `tollgate console` admit them.
//! - **Reads**: the memory of the local gateway, or CloudWatch metrics and logs of a deployed stack.
//! - **Writes**: nothing. Pages change plans and keys by the admin API.
//! - **On failure**: each error is a problem document (RFC 9457). Data that is only partly available
//!   names what is missing.

mod api;
mod assets;
mod backend;
mod body;
mod check_runs;
mod decision_line;
mod deployed;
mod documents;
mod local;
mod missing;
mod overview;
mod policy_text;
mod problem;
pub mod proxy;
mod query;
mod refusals;
mod response;
mod target;

pub use assets::CONTENT_SECURITY_POLICY;
pub use backend::Backend;
pub use deployed::Deployed;
pub use local::Local;
pub use target::{OverviewSource, PolicyOrigin, RefusalSource, Target, TargetKind};

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use problem::Problem;

/// The path of the console, without a `/` at its end.
pub const CONSOLE_PATH: &str = "/_tollgate/console";
/// The header that only the pages of the console send. Its value is the session, or `local`.
pub const CONSOLE_HEADER: &str = "x-tollgate-console";

/// The console of one target. The caller checks that a request comes from this machine.
#[derive(Debug)]
pub struct Console {
    backend: Backend,
}

impl Console {
    /// Creates the console of a target.
    #[must_use]
    pub const fn new(backend: Backend) -> Self {
        Self { backend }
    }

    /// Ends what the console does in the background. Call it before the program ends, while the API
    /// still responds: a run of checks deletes its temporary plan and key.
    pub async fn stop(&self) {
        self.backend.check_runs().stop().await;
    }

    /// Responds to a request for [`CONSOLE_PATH`] or a path below it.
    pub async fn respond(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let Some(rest) = path.strip_prefix(CONSOLE_PATH) else {
            return not_found().into_response();
        };
        if let Some(operation) = rest.strip_prefix("/api/") {
            let operation = operation.to_owned();
            return match api::respond(&self.backend, &operation, request).await {
                Ok(response) => response,
                Err(problem) => problem.into_response(),
            };
        }

        let is_read = [Method::GET, Method::HEAD].contains(request.method());
        match rest {
            _ if !is_read => method_not_allowed(),
            // Relative addresses in the page need the slash.
            "" => response::redirect(&format!("{CONSOLE_PATH}/")),
            _ => assets::find(rest.strip_prefix('/').unwrap_or(rest)).map_or_else(
                || not_found().into_response(),
                |asset| assets::respond(asset, &request),
            ),
        }
    }
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "The console has no such page.")
}

fn method_not_allowed() -> Response<Bytes> {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "The pages of the console are only read.",
    );
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}
