//! The composer, and the order of its checks.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aws::Deadline;
use composition::{Compositions, Cost, Route};
use http::HeaderValue;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use limits::Decision;
use outcome::{ContextField, RateLimitHeaders};
use policy::Policy;
use serde_json::value::RawValue;
use store::Store;

use crate::active_compositions::ActiveCompositions;
use crate::arrival::Arrival;
use crate::called_parts::called_parts;
use crate::caller::VerifiedCaller;
use crate::caller_context::CallerContext;
use crate::charge::{ChargeRefusal, Charges};
use crate::decision::check_decision;
use crate::document::Document;
use crate::function_response::fault;
use crate::log::{ReplyKind, describe_span, log_request};
use crate::part_run::{CompletedRun, PartRun, places};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Request;
use crate::response_headers::add_response_headers;
use crate::routing::{Found, find};
use crate::service_headers::{allowed_headers, service_headers};
use crate::values::RequestValues;

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;
/// Receives the key of the route and the response of each request to a composition.
pub type Observer = Box<dyn Fn(&str, &Reply) + Send + Sync>;

/// The composer with its settings. It serves any number of requests, one after another or
/// concurrently.
pub struct Composer {
    pub(crate) compositions: Arc<Document<ActiveCompositions>>,
    pub(crate) policy: Arc<Document<Policy>>,
    /// `None` if no setting names a store.
    pub(crate) store: Option<Arc<Store>>,
    pub(crate) origin_secret: HeaderValue,
    pub(crate) rate_limit_headers: RateLimitHeaders,
    pub(crate) clock: Clock,
    pub(crate) observer: Option<Observer>,
}

/// A request on its way through the checks.
struct Progress<'r> {
    request: &'r Request,
    /// The key of the route, for the log.
    route: Option<String>,
    /// The decision on a charge after that of the authorizer.
    decision: Option<Decision>,
}

impl Composer {
    /// Handles one event. Writes one log line, which contains no value of the request.
    ///
    /// # Errors
    /// [`Diagnostic`] if the event is not from an HTTP API with payload format 2.0. The message
    /// contains no value of the event.
    pub async fn handle(&self, event: &RawValue) -> Result<Box<RawValue>, Diagnostic> {
        let request = Request::from_event(event).map_err(|error| {
            tracing::error!(reason = "fault", %error, "the event is invalid");
            fault(error.to_string())
        })?;
        self.compose(&request).await.to_function_response()
    }

    /// Responds to a request. Writes one log line, which contains no value of the request.
    pub async fn compose(&self, request: &Request) -> Reply {
        request
            .scope()
            .serve("composer", self.respond(request))
            .await
    }

    /// Adds an observer of responses, for metrics. It must not block.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// True if the policy allows the caller to make the request itself. In front of a deployed
    /// composer the authorizer checks this, so that [`Self::compose`] does not.
    pub async fn is_permitted(&self, request: &Request) -> bool {
        let Some(context) = &request.context else {
            return false;
        };

        let policy = self.policy.at((self.clock)()).await;
        let rule = policy.choose(&request.method, &request.path);
        rule.is_ok_and(|rule| VerifiedCaller::from_context(context).satisfies(rule, &policy))
    }

    /// Returns the compositions in force.
    #[must_use]
    pub fn compositions(&self) -> Arc<Compositions> {
        Arc::clone(&self.compositions.current().compositions)
    }

    async fn respond(&self, request: &Request) -> Reply {
        let started = Instant::now();
        let mut progress = Progress {
            request,
            route: None,
            decision: None,
        };
        let reply = self.reply(&mut progress).await;
        let mut reply =
            reply.unwrap_or_else(|problem| Reply::problem(&problem, ReplyKind::Refused));

        let decision = progress.decision.as_ref();
        add_response_headers(
            &mut reply.headers,
            request,
            decision,
            self.rate_limit_headers,
        );
        if request.method == "HEAD" {
            reply.body.clear();
        }
        let (id, route) = (request.id.as_deref(), progress.route.as_deref());
        describe_span(request, route, &reply);
        log_request(id, route, &reply, started.elapsed());
        if let (Some(observe), Some(route)) = (&self.observer, route) {
            observe(route, &reply);
        }
        reply
    }

    /// Runs the checks in order, and composes the response.
    ///
    /// # Errors
    /// The problem of a request that is refused.
    async fn reply(&self, progress: &mut Progress<'_>) -> Result<Reply, Problem> {
        let request = progress.request;
        let Some(context) = &request.context else {
            tracing::error!(
                reason = "fault",
                problem = "the event has no context of the authorizer",
                "the request failed"
            );
            return Ok(Reply::problem(&Problem::fault(), ReplyKind::Fault));
        };

        let now = (self.clock)();
        let active = self.compositions.at(now).await;
        let found = find(&active.compositions, request);
        if let Ok(Found::Route(found)) = &found {
            progress.route = Some(found.key.to_string());
        }
        check_decision(context)?;
        let found = match found? {
            Found::Route(found) => found,
            Found::Preflight(reply) => return Ok(reply),
        };

        let arrival = Arrival::new(request, context, &active, &found)?;
        let policy = self.policy.at(now).await;
        self.run(arrival, &policy, progress).await
    }

    /// Charges the request, runs its parts, and merges their responses.
    ///
    /// # Errors
    /// The problem of a request that its plan does not allow.
    async fn run(
        &self,
        arrival: Arrival<'_>,
        policy: &Policy,
        progress: &mut Progress<'_>,
    ) -> Result<Reply, Problem> {
        let (request, context, route) = (arrival.request, arrival.context, arrival.route);
        let called = called_parts(route, &arrival.shapes, arrival.selection.as_ref());
        let charges = Charges {
            store: self.store.as_deref(),
            policy,
            context,
            address: client_address(request, context),
            deadline: Deadline::after(Instant::now(), route.timeout),
            last: Mutex::default(),
        };
        let caller = VerifiedCaller::from_context(context);
        let run = self.run_parts(&arrival, &called, &charges, &caller).await;
        progress.decision = charges.last_decision();
        let run = run?;

        let used_identity = caller.is_identified() || uses_context(route, &called);
        let credential_headers = [&*policy.token.header, &*policy.key_header];
        Ok(arrival.finish(run.results, run.missing, used_identity, credential_headers))
    }

    /// # Errors
    /// The problem of a request that its plan does not allow. Nothing is called then.
    async fn run_parts(
        &self,
        arrival: &Arrival<'_>,
        called: &[bool],
        charges: &Charges<'_>,
        caller: &VerifiedCaller<'_>,
    ) -> Result<CompletedRun, Problem> {
        let (request, context, route) = (arrival.request, arrival.context, arrival.route);
        let allowed = allowed_headers(route, charges.policy, &request.headers);
        let service_headers = service_headers(&allowed, context, &self.origin_secret);
        let (results, admitted) = (places(route), places(route));

        let run = PartRun {
            route,
            called,
            services: &arrival.active.services,
            caller,
            charges,
            values: RequestValues {
                parameters: arrival.parameters,
                query: &arrival.query,
                headers: &allowed,
                context,
                results: &results,
            },
            service_headers: &service_headers,
            client_headers: &request.headers,
            body: &request.body,
            admitted: &admitted,
        };
        let missing = match run.prepare() {
            Ok(()) => {
                charge_route(charges, request, route, run.waiting().len()).await?;
                run.run().await.err()
            }
            Err(missing) => Some(missing),
        };
        Ok(CompletedRun::new(results, missing))
    }
}

impl fmt::Debug for Composer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Composer")
            .field("compositions", &self.compositions())
            .finish_non_exhaustive()
    }
}

/// Returns the address that the authorizer identifies a caller without a credential by.
fn client_address(request: &Request, context: &CallerContext) -> Option<IpAddr> {
    match context.get(ContextField::ClientIp) {
        Some(address) => address.parse().ok(),
        None => request.source_address,
    }
}

/// True if the path or query of a part that is called contains a value of the context.
fn uses_context(route: &Route, called: &[bool]) -> bool {
    let parts = route.parts.iter().zip(called);
    let mut called = parts.filter(|(_, called)| **called);
    called.any(|(part, _)| part.context_fields().next().is_some())
}

/// Charges the calls after the first one, if the cost of the route follows its parts.
///
/// # Errors
/// 429, 503 or 403 if the plan does not allow them. Nothing is called then.
async fn charge_route(
    charges: &Charges<'_>,
    request: &Request,
    route: &Route,
    calls: usize,
) -> Result<(), Problem> {
    let further = u64::try_from(calls.saturating_sub(1)).unwrap_or(u64::MAX);
    if route.cost == Cost::Rule || further == 0 {
        return Ok(());
    }

    let charge = charges.charge_route(&request.method, &request.path, further);
    charge.await.map_err(ChargeRefusal::into_problem)
}
