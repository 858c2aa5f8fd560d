//! The authorizer: who calls, on what plan, and may the call pass?
//!
//! - trigger: an API Gateway HTTP API (format 2.0 with simple responses, or 1.0), or a REST API
//!   (TOKEN or
//!   REQUEST); the event says how it is answered
//! - reads: the policy (`AUTH_POLICY`), API keys and plans, issuers' public keys, what an
//!   authorization
//!   server says of opaque tokens
//! - writes: the caller's usage, one charge a request
//! - on failure: authentication never fails open. Bad credentials are the error `Unauthorized`
//!   (401), or, with
//!   `ON_BAD_CREDENTIALS=forbid`, `isAuthorized: false` (403); what is forbidden is `isAuthorized:
//!   false` (403);
//!   our own fault is any other error (500)

mod answer;
mod certificate;
mod config;
mod context;
mod credentials;
mod event;
mod failure;
mod header_value;
mod in_force;
mod introspection;
mod issuer_keys;
mod log;
mod outbound;
mod recent;
mod stop;
mod store;
mod text;
mod token;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use aws::{Deadline, HttpCalls};
use jiff::Timestamp;
use outcome::Reason;
use policy::{Auth, Policy, Rule};
use serde_json::value::RawValue;
use telemetry::RequestScope;
use usage::{Plan, RouteLimit, Store, Verdict};

pub use answer::{Decided, OnBadCredentials, OnThrottle};
pub use config::{Config, ConfigError};
pub use failure::Failure;
pub use in_force::PolicyLoadError;
pub use log::{answer, log_to};
pub use outbound::{http_calls, local_http_calls, reach};
pub use store::open;

use answer::{Answer, Refusals};
use credentials::{Check, Identity};
use event::Request;
use in_force::{InForce, Policies};
use stop::Stop;

/// The authorizer with what it was set up with. One serves any number of requests, one after
/// another or at once.
#[derive(Debug)]
pub struct Authorizer {
    policies: Arc<Policies>,
    refusals: Refusals,
    store: Arc<Store>,
}

/// One call, as far as its charge depends on it.
struct Call<'c> {
    policy: &'c Policy,
    rule: &'c Rule,
    method: &'c str,
    path: &'c str,
    is_usage_query: bool,
    now: Timestamp,
    deadline: Deadline,
}

impl Authorizer {
    /// An authorizer that looks keys and plans up in `store` and charges there. `calls` is made
    /// only if the policy has it fetch anything.
    #[must_use]
    pub fn new(
        config: Config,
        store: Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        let policies = Arc::new(Policies::new(config.policy, &store, calls));
        let Config {
            on_throttle,
            on_bad_credentials,
            ..
        } = config;
        Self {
            policies,
            refusals: Refusals {
                on_throttle,
                on_bad_credentials,
            },
            store,
        }
    }

    /// Writes what reports need and the store does not have yet. To be called once no more requests
    /// come.
    pub async fn finish(&self, deadline: Deadline) {
        self.store
            .flush(Timestamp::now().as_nanosecond(), deadline)
            .await;
    }

    /// Reads the policy, where it is in the registry. No request is answered before.
    ///
    /// # Errors
    /// [`PolicyLoadError`] for one that is not there, cannot be read, or contradicts itself.
    pub async fn load_policy(&self) -> Result<(), PolicyLoadError> {
        self.load_policy_at(Timestamp::now()).await
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// As [`Self::load_policy`].
    pub async fn load_policy_at(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        self.policies.load(now).await
    }

    /// Reads the policy, and then fetches what the first request would have to wait for.
    ///
    /// # Errors
    /// As [`Self::load_policy`].
    pub async fn prepare(&self) -> Result<(), PolicyLoadError> {
        self.load_policy().await?;
        self.preload().await;
        Ok(())
    }

    /// Fetches what the first request would have to wait for. What cannot be had is logged, and
    /// tried again by a request that needs it.
    pub async fn preload(&self) {
        self.preload_at(Timestamp::now()).await;
    }

    /// The same at a given time.
    pub async fn preload_at(&self, now: Timestamp) {
        if let Some(in_force) = self.policies.current() {
            in_force.tokens.preload(now).await;
        }
    }

    /// The header that API keys are looked for in, in lower case. It must not reach a backend. None
    /// before the policy has been read.
    #[must_use]
    pub fn key_header(&self) -> Option<String> {
        self.policies
            .current()
            .map(|in_force| in_force.policy.key_header.clone())
    }

    /// Answers one event. Writes one log line, which names neither a credential nor a header.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] for missing or invalid credentials, unless they are to be answered
    /// with 403. [`Failure::Fault`] for an event that cannot be read, a store or an issuer's keys
    /// that are needed and cannot be had, or a clock that cannot be right.
    pub async fn handle(&self, event: &RawValue) -> Result<Box<RawValue>, Failure> {
        self.handle_at(event, Timestamp::now()).await
    }

    /// The same at a given time.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_at(
        &self,
        event: &RawValue,
        now: Timestamp,
    ) -> Result<Box<RawValue>, Failure> {
        let request = Request::parse(event).map_err(|problem| Stop::Fault(Reason::Fault, problem));
        let scope = request
            .as_ref()
            .map_or_else(|_| RequestScope::default(), Request::scope);
        scope.serve(self.answer(request, now)).await
    }

    async fn answer(
        &self,
        request: Result<Request<'_>, Stop>,
        now: Timestamp,
    ) -> Result<Box<RawValue>, Failure> {
        let started = Instant::now();
        let request = match request {
            Ok(request) => request,
            Err(stop) => {
                return Answer::default().finish(Err(stop), self.refusals, started.elapsed());
            }
        };
        let mut answer = Answer::default();
        let outcome = self.decide(&request, now, &mut answer).await;
        answer.finish(outcome, self.refusals, started.elapsed())
    }

    /// The checks, from top to bottom. What is learnt on the way goes into the answer's context.
    async fn decide<'e>(
        &self,
        request: &'e Request<'e>,
        now: Timestamp,
        answer: &mut Answer<'e>,
    ) -> Result<Decided, Stop> {
        answer.request(request);
        if now < Timestamp::UNIX_EPOCH {
            return Err(Stop::Fault(
                Reason::Fault,
                "the clock stands before 1970".to_owned(),
            ));
        }
        let InForce { policy, tokens } = &*self.policies.at(now).await?;
        let path = readable_path(request)?;
        let rule = policy.choose(&request.method, &path)?;
        answer.rule(rule);
        if rule.auth != Auth::None && request.is_preflight(&policy.key_header) {
            answer.identity(&Identity::default());
            return Ok(Decided::allowed());
        }
        let deadline = self.store.deadline();
        let check = Check {
            policy,
            tokens,
            store: &self.store,
            request,
            now,
            deadline,
        };
        let mut identity = Identity::default();
        let identified = check.identify(rule, &mut identity).await;
        // A refusal too is logged with what is known of the caller.
        if identified.is_ok() || identity.is_known() {
            answer.identity(&identity);
        }
        identified?;

        answer.usage_identifier_key(
            identity
                .key
                .as_ref()
                .and(request.header(&policy.key_header)),
        );
        identity.meets(rule)?;
        let is_usage_query = request.is_usage_query();
        let call = Call {
            policy,
            rule,
            method: &request.method,
            path: &path,
            is_usage_query,
            now,
            deadline,
        };
        self.charge(&identity, &call, answer).await
    }

    async fn charge(
        &self,
        identity: &Identity,
        call: &Call<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Decided, Stop> {
        let Some((caller, plan_name)) = identity.charged() else {
            return Ok(Decided::allowed());
        };
        let plan_name = plan_name.ok_or_else(|| {
            Stop::Forbidden(Reason::NoPlan)
                .because("the token names no plan, and the policy no default plan")
        })?;
        let Ok(plan) = self.store.plan(plan_name, call.deadline).await else {
            return Ok(Decided::unavailable(1));
        };
        let plan = plan.ok_or_else(|| unknown_plan(plan_name, identity, call.policy))?;
        answer.plan(&plan);

        let now = call.now.as_nanosecond();
        let charged = if call.is_usage_query {
            answer.plan_route(Some(&plan.usage_query));
            self.store
                .charge_usage_query(caller, &plan, now, call.deadline)
                .await
        } else {
            let route = route_limit(&plan, call)?;
            answer.plan_route(route);
            self.store
                .charge(caller, &plan, route, call.rule.cost, now, call.deadline)
                .await
        };
        let Ok(decision) = charged else {
            return Ok(Decided::unavailable(1));
        };
        answer.limits(&decision);

        match decision.verdict {
            Verdict::Allowed if decision.degraded => Ok(Decided::degraded()),
            Verdict::Allowed => Ok(Decided::allowed()),
            Verdict::Throttled {
                quota,
                retry_after_s,
                ..
            } => Ok(Decided::throttled(quota, retry_after_s)),
            Verdict::Unavailable { retry_after_s } => Ok(Decided::unavailable(retry_after_s)),
            Verdict::Impossible => {
                let detail = format!(
                    "cost {} is above a limit of plan `{}`, or a limit is 0",
                    call.rule.cost, plan.name
                );
                Err(Stop::Forbidden(Reason::LimitImpossible).because(detail))
            }
        }
    }
}

/// The path of a request that no backend reads as another request than the rules do.
fn readable_path(request: &Request<'_>) -> Result<String, Stop> {
    if request.impersonates() {
        let detail = "a header reads like x-tollgate-*, which only the gateway may set";
        return Err(Stop::Forbidden(Reason::ForbiddenHeader).because(detail));
    }
    if !request.has_usual_method() {
        let detail =
            "the method is not GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS in upper case";
        return Err(Stop::Forbidden(Reason::UnusualMethod).because(detail));
    }
    request
        .path()
        .map_err(|problem| Stop::Forbidden(Reason::MalformedPath).because(problem))
}

/// Names the plan only if the policy or a key does: a token can claim any text.
fn unknown_plan(name: &str, identity: &Identity, policy: &Policy) -> Stop {
    let known = identity.configured_plan().is_some()
        || policy.named_plans().iter().any(|named| named.plan == name);
    let detail = if known {
        format!("plan `{name}` does not exist")
    } else {
        "the plan that the token names does not exist".to_owned()
    };
    Stop::Forbidden(Reason::UnknownPlan).because(detail)
}

/// The limit of its own that the plan has for the route. If the policy says that paths are folded,
/// a path is charged on the limit of the path that it folds to.
fn route_limit<'p>(plan: &'p Plan, call: &Call<'_>) -> Result<Option<&'p RouteLimit>, Stop> {
    if call.policy.path_matching.folds() {
        return Ok(plan.route_limit(call.method, call.path).map(AsRef::as_ref));
    }
    let limit = plan.unambiguous_route_limit(call.method, call.path);
    limit
        .map(|limit| limit.map(AsRef::as_ref))
        .map_err(|ambiguity| {
            let other = ambiguity
                .stricter
                .map_or("another route", |limit| limit.route.as_str());
            let detail = format!(
                "plan `{}`: a backend may read the path as `{other}`, which has its own limit",
                plan.name
            );
            Stop::Forbidden(Reason::AmbiguousPath).because(detail)
        })
}
