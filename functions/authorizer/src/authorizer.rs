//! The authorizer, and the order of its checks.

mod explanation;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use aws::{Deadline, HttpCalls};
use jiff::Timestamp;
use outcome::Reason;
use policy::{Auth, FRONT_HEADER, Rule};
use serde_json::value::{RawValue, to_raw_value};
use store::Store;
use telemetry::RequestScope;

use crate::active_policy::ActivePolicy;
use crate::block_check::BlockCheck;
use crate::candidate::{Admission, DecidedRequest};
use crate::config::{Config, ResponseSettings};
use crate::credentials::CredentialCheck;
use crate::event::{NOT_AN_EVENT, Request};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::plan_check::PlanCheck;
use crate::policies::Policies;
use crate::policy_load_error::PolicyLoadError;
use crate::rejection::Rejection;
use crate::request_outcome::RequestOutcome;
use crate::response::{Response, ResponseBuilder};
use crate::sent_credentials::SentCredentials;

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// The authorizer with its settings. It serves any number of requests, one after another or
/// concurrently.
pub struct Authorizer {
    policies: Arc<Policies>,
    responses: ResponseSettings,
    store: Arc<Store>,
    clock: Clock,
}

/// A request whose path is checked.
struct Arrival<'e, 'a> {
    request: &'e Request<'e>,
    path: &'a str,
    blocks: BlockCheck,
    now: Timestamp,
    deadline: Deadline,
}

impl Authorizer {
    /// Creates an authorizer that looks up keys and plans in `store` and charges usage there.
    ///
    /// `calls` runs only if the policy makes the authorizer fetch something.
    #[must_use]
    pub fn new(
        config: Config,
        store: Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        Self::with_clock(config, store, calls, Timestamp::now)
    }

    /// Like [`Self::new`], with `clock` as the current time.
    #[must_use]
    pub fn with_clock(
        config: Config,
        store: Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let responses = config.responses();
        let policies = Arc::new(Policies::new(config.policy, &store, calls));

        Self {
            policies,
            responses,
            store,
            clock: Box::new(clock),
        }
    }

    /// Loads the policy, if it is stored in the registry, and the secrets that it refers to.
    /// Requests fail until it is loaded.
    ///
    /// # Errors
    /// [`PolicyLoadError`] if the policy does not exist, cannot be read, or is invalid.
    pub async fn load_policy(&self) -> Result<(), PolicyLoadError> {
        self.policies.load((self.clock)()).await
    }

    /// Reads the blocks and fetches the signing keys of all issuers, so that the first request does
    /// not wait for them. A failure is logged; a request that needs them reads them again.
    pub async fn preload(&self) {
        let now = (self.clock)();
        let active = self.policies.current();
        let keys = async {
            if let Some(active) = &active {
                active.tokens.preload(now).await;
            }
        };

        // A failure is logged where it occurs.
        let blocks = self.store.blocks(self.store.deadline());
        let (_, ()) = tokio::join!(blocks, keys);
    }

    /// Writes usage that the store still has in memory, and logs counts of the candidate. Call it
    /// after the last request.
    pub async fn finish(&self, deadline: Deadline) {
        let active = self.policies.current();
        if let Some(candidate) = active.as_ref().and_then(|active| active.candidate.as_ref()) {
            candidate.flush();
        }
        self.store.flush(deadline).await;
    }

    /// Returns the name of the header that carries API keys, in lower case. It must not reach a
    /// backend. `None` before the policy is loaded.
    #[must_use]
    pub fn key_header(&self) -> Option<String> {
        let active = self.policies.current()?;
        Some(active.policy.key_header.clone())
    }

    /// Returns the name of the header that carries the secret of the front, in lower case. It must
    /// not reach a backend. `None` before the policy is loaded, or if it has no front.
    #[must_use]
    pub fn front_header(&self) -> Option<&'static str> {
        let active = self.policies.current()?;
        active.front.as_ref().map(|_| FRONT_HEADER)
    }

    /// Handles one event. Writes one log line, which contains neither credentials nor headers.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] for missing or invalid credentials, unless the settings turn these
    /// into a 403. [`Failure::Fault`] if the event is invalid, a required store or signing key is
    /// unavailable, or the clock is wrong.
    pub async fn handle(&self, event: &RawValue) -> Result<Box<RawValue>, Failure> {
        let response = self.respond_to(event.get().as_bytes()).await?;

        to_raw_value(&response).map_err(|error| Failure::Fault(error.to_string()))
    }

    /// Handles one event like [`Self::handle`], from its bytes to a response that is serialized
    /// once.
    ///
    /// # Errors
    /// The errors of [`Self::handle`].
    pub async fn respond_to(&self, event: &[u8]) -> Result<Response, Failure> {
        let now = (self.clock)();
        let request = std::str::from_utf8(event)
            .map_err(|_| NOT_AN_EVENT.to_owned())
            .and_then(Request::parse)
            .map_err(|problem| Rejection::fault(Reason::Fault, problem));
        let scope = match &request {
            Ok(request) => request.scope(),
            Err(_) => RequestScope::default(),
        };

        // Boxed, because this future is large and would otherwise be moved several times.
        let respond = Box::pin(self.respond(request, now));
        scope.serve("authorizer", respond).await
    }

    async fn respond(
        &self,
        request: Result<Request<'_>, Rejection>,
        now: Timestamp,
    ) -> Result<Response, Failure> {
        let started = Instant::now();
        let request = match request {
            Ok(request) => request,
            Err(rejection) => {
                return ResponseBuilder::default().finish(
                    Err(rejection),
                    self.responses,
                    started.elapsed(),
                );
            }
        };

        let mut response = ResponseBuilder::default();
        let outcome = self.decide(&request, now, &mut response).await;

        response.finish(outcome, self.responses, started.elapsed())
    }

    /// Runs the checks in order. Facts that they establish go into the context of the response.
    async fn decide<'e>(
        &self,
        request: &'e Request<'e>,
        now: Timestamp,
        response: &mut ResponseBuilder<'e>,
    ) -> Result<RequestOutcome, Rejection> {
        response.set_request(request);
        if now < Timestamp::UNIX_EPOCH {
            let problem = "the system clock is before 1970-01-01";
            return Err(Rejection::fault(Reason::Fault, problem));
        }

        let active = self.policies.at(now).await?;
        let path = request.checked_path()?;
        let deadline = self.store.deadline();
        let arrival = Arrival {
            request,
            path: &path,
            blocks: BlockCheck::read(&self.store, now, deadline).await?,
            now,
            deadline,
        };

        let mut admission = Admission::default();
        let admitted = self
            .admit(&arrival, &active, &mut admission, response)
            .await;
        // Blocks are not part of a policy.
        let is_blocked = matches!(&admitted, Err(rejection) if rejection.reason == Reason::Blocked);
        if let Some(candidate) = active.candidate.as_ref().filter(|_| !is_blocked) {
            candidate.compare(&DecidedRequest {
                request,
                path: &path,
                now,
                active: &active,
                admission: &admission,
                rejection: admitted.as_ref().err(),
            });
        }

        let plan_check = PlanCheck {
            policy: &active.policy,
            rule: admitted?,
            store: &self.store,
            method: &request.method,
            path: &path,
            is_usage_query: request.is_usage_query(),
            deadline,
        };
        plan_check.run(&admission.identity, response).await
    }

    /// Chooses the rule, identifies the caller, and checks it against the rule. `admission` has
    /// what is established, also after a rejection.
    async fn admit<'e, 'p>(
        &self,
        arrival: &Arrival<'e, '_>,
        active: &'p ActivePolicy,
        admission: &mut Admission<'e, 'p>,
        response: &mut ResponseBuilder<'e>,
    ) -> Result<&'p Rule, Rejection> {
        let (policy, request) = (&*active.policy, arrival.request);
        admission.address = client_address(arrival, active, response).await?;

        let rule = policy.choose(&request.method, arrival.path)?;
        admission.rule = Some(rule);
        response.set_rule(rule);
        arrival.blocks.check_address(request, admission.address)?;

        if rule.auth != Auth::None && request.is_preflight(policy) {
            response.set_identity(&admission.identity);
            return Ok(rule);
        }

        let sent = SentCredentials::read(request, policy, rule.auth)?;
        admission.sent = sent;
        let credentials = CredentialCheck {
            policy,
            tokens: &active.tokens,
            store: &self.store,
            request,
            address: admission.address,
            sent,
            now: arrival.now,
            deadline: arrival.deadline,
        };
        let identity = &mut admission.identity;
        identify(&credentials, rule, identity, response).await?;
        // The caller may be identified by another credential.
        response.set_usage_identifier_key(identity.key.as_ref().and(sent.key));
        arrival.blocks.check_identity(identity)?;
        identity.check_rule(rule)?;
        identity.charged_plan()?;
        Ok(rule)
    }
}

impl std::fmt::Debug for Authorizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authorizer")
            .field("policies", &self.policies)
            .field("responses", &self.responses)
            .finish_non_exhaustive()
    }
}

/// Returns the address of the client, if the request came through the front of the policy.
async fn client_address(
    arrival: &Arrival<'_, '_>,
    active: &ActivePolicy,
    response: &mut ResponseBuilder<'_>,
) -> Result<Option<IpAddr>, Rejection> {
    let Some(front) = &active.front else {
        return Ok(arrival.request.source);
    };

    let named = front.check(arrival.request, arrival.now).await?;
    if let Some(address) = named {
        response.set_client_address(address);
    }
    Ok(named.or(arrival.request.source))
}

/// Identifies the caller. The log line of a refusal also has what is known about the caller.
async fn identify(
    credentials: &CredentialCheck<'_>,
    rule: &Rule,
    identity: &mut Identity,
    response: &mut ResponseBuilder<'_>,
) -> Result<(), Rejection> {
    let result = credentials.identify(rule, identity).await;

    if result.is_ok() || identity.is_known() {
        response.set_identity(identity);
    }
    result
}
