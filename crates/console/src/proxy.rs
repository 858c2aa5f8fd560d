//! The proxy of `tollgate console`: serves the console of a deployed API on loopback, and signs the
//! requests of its page.
//!
//! A program that can send requests to a signing proxy has the permissions of its operator.
//! Therefore:
//!
//! - It listens on loopback, at an origin of its own, and refuses requests of other sites
//!   (`admission`).
//! - The page gets a session for a one-time code, which is handed over in a file that only the operator
//!   can read ([`HandOver`]). Every request with data needs the session, in a header.
//! - It forwards only paths of the admin API, and only reads unless the operator allows more
//!   (`forward`).

mod admission;
mod clock;
mod connections;
mod forward;
mod hand_over;
mod headers;
mod listener;
mod secret;
mod session_api;
mod sessions;
mod target_path;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use registry::RandomError;
use tokio::sync::Notify;
use tokio::time::timeout;

pub use clock::{Clock, Moment};
pub use hand_over::{HandOver, HandOverError};
pub use listener::Listener;
pub use sessions::{CODE_LIFETIME, SESSION_IDLE_TIMEOUT};

use crate::backend::Backend;
use crate::deployed::Deployed;
use crate::problem::Problem;
use crate::{CONSOLE_PATH, Console};
use admission::OwnOrigin;
use connections::Trust;
use sessions::Sessions;

/// The path of the operation that opens a session, below [`CONSOLE_PATH`].
const SESSION_OPERATION: &str = "/api/session";
/// The time for one request, from its head to its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The limits of a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at a time. A further one ends the oldest one without a valid session.
    pub connections: usize,
    /// The time for the head of a request, also of the next one on the same connection.
    pub head_timeout: Duration,
    /// The time for the body of a request.
    pub body_timeout: Duration,
    /// The most bytes of a body.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            body_bytes: 1024 * 1024,
        }
    }
}

/// A proxy for one API.
#[derive(Debug)]
pub struct Proxy {
    api: Arc<Deployed>,
    console: Console,
    port: u16,
    origin: OwnOrigin,
    sessions: Sessions,
    opened: Notify,
    clock: Clock,
    limits: Limits,
}

impl Proxy {
    /// Creates the proxy for an API, at an origin of its own. `port` is that of its listener.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub fn new(api: Deployed, port: u16) -> Result<Self, RandomError> {
        let api = Arc::new(api);
        Ok(Self {
            console: Console::new(Backend::Deployed(Arc::clone(&api))),
            api,
            port,
            origin: OwnOrigin::generate(port)?,
            sessions: Sessions::default(),
            opened: Notify::new(),
            clock: Clock::default(),
            limits: Limits::default(),
        })
    }

    /// Sets the clock for lifetimes of codes and sessions.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the target for messages: its URL, or `stack NAME (URL)`.
    #[must_use]
    pub fn target(&self) -> &str {
        self.api.client.target()
    }

    /// Returns the port of the proxy.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address of the page, without a code.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("{}{CONSOLE_PATH}/", self.origin.as_str())
    }

    /// Returns the address of the page with a new one-time code, which is a secret. The previous
    /// code is no longer valid.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub fn new_page_url(&self) -> Result<String, RandomError> {
        let code = self.sessions.new_code(self.clock.now())?;
        Ok(format!("{}#code={}", self.page_url(), code.as_str()))
    }

    /// Makes the one-time code invalid.
    pub fn revoke_code(&self) {
        self.sessions.revoke_code();
    }

    /// Waits until a page has exchanged a code for a session.
    pub async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Serves requests. Never returns. Dropping the future ends all connections at once.
    pub async fn serve(self: Arc<Self>, listener: &Listener) {
        connections::serve(listener, self).await;
    }

    /// Ends what the console does in the background. Call it before the program ends.
    pub async fn stop(&self) {
        self.console.stop().await;
    }

    /// Responds to a request. Every failure is a response too.
    async fn respond(&self, request: Request<Incoming>, trust: &Trust) -> Response<Bytes> {
        let response = timeout(REQUEST_TIMEOUT, self.admitted(request, trust)).await;
        let problem = match response {
            Ok(Ok(response)) => return response,
            Ok(Err(problem)) => problem,
            Err(_) => {
                let detail = format!("No response within {} s.", REQUEST_TIMEOUT.as_secs());
                Problem::new(StatusCode::GATEWAY_TIMEOUT, detail)
            }
        };
        problem.into_response()
    }

    async fn admitted(
        &self,
        request: Request<Incoming>,
        trust: &Trust,
    ) -> Result<Response<Bytes>, Problem> {
        let (head, body) = request.into_parts();
        self.origin.admit(&head)?;

        let path = head.uri.path();
        let below = path.strip_prefix(CONSOLE_PATH);
        let below = below.filter(|below| below.is_empty() || below.starts_with('/'));
        let is_file = below.is_some_and(|below| !below.starts_with("/api/"));
        if is_file {
            let request = Request::from_parts(head, Bytes::new());
            return Ok(self.console_response(request).await);
        }
        if below == Some(SESSION_OPERATION) && head.method == Method::POST {
            let request = Request::from_parts(head, self.whole(body).await?);
            return self.open_session(&request);
        }

        let now = self.clock.now();
        if let Some(response) = session_api::refusal(&self.sessions, &head.headers, now) {
            return Ok(response);
        }
        trust.gain();
        match below {
            Some(SESSION_OPERATION) => {
                session_api::respond(&self.sessions, &head.method, &head.headers)
            }
            Some(_) => {
                let request = Request::from_parts(head, self.whole(body).await?);
                Ok(self.console_response(request).await)
            }
            None => {
                let request = Request::from_parts(head, self.whole(body).await?);
                forward::send(&self.api, request).boxed().await
            }
        }
    }

    /// Boxed, because the compiler reaches its recursion limit in the types of nested futures.
    fn console_response(&self, request: Request<Bytes>) -> BoxFuture<'_, Response<Bytes>> {
        self.console.respond(request).boxed()
    }

    fn open_session(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Problem> {
        let response = session_api::open(&self.sessions, request, self.clock.now())?;
        self.opened.notify_one();
        Ok(response)
    }

    /// Reads the body of a request.
    async fn whole(&self, body: Incoming) -> Result<Bytes, Problem> {
        let collected = Limited::new(body, self.limits.body_bytes).collect();
        match timeout(self.limits.body_timeout, collected).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                let detail = format!("The body has more than {} bytes.", self.limits.body_bytes);
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
            }
            Ok(Err(_)) => Err(Problem::bad_request("The body is incomplete.")),
            Err(_) => {
                let detail = format!("No body within {} s.", self.limits.body_timeout.as_secs());
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
            }
        }
    }
}
