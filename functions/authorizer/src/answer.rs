//! The answer to API Gateway: allowed or not, with the context that mappings and logs read.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};
use usage::{Decision, Plan, RouteLimit, Verdict, rate_limit, rate_limit_policy};

use crate::credentials::Identity;
use crate::event::{Format, Request};
use crate::header_value::{header_list, header_value};
use crate::policy::Rule;
use crate::{Failure, Reason, Stop};

/// What stands for nothing in a value that request mapping reads. An empty or absent one might leave the
/// client's own header in place.
const NOTHING: &str = "-";

/// How a throttled request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnThrottle {
    /// Let it through marked, for a listener rule to answer.
    Mark,
    /// 403.
    Forbid,
}

/// What was decided on a request whose caller is known and may call at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    decision: &'static str,
    reason: Reason,
    retry_after_s: Option<u64>,
}

impl Decided {
    /// It passes.
    #[must_use]
    pub fn allowed() -> Self {
        Self { decision: "allowed", reason: Reason::Ok, retry_after_s: None }
    }

    /// Not now: 429.
    #[must_use]
    pub fn throttled(quota: bool, retry_after_s: u64) -> Self {
        let reason = if quota { Reason::QuotaExceeded } else { Reason::RateExceeded };
        Self { decision: "throttled", reason, retry_after_s: Some(retry_after_s) }
    }

    /// Nobody can say, and the plan lets it pass all the same.
    #[must_use]
    pub fn degraded() -> Self {
        Self { decision: "degraded", reason: Reason::StoreUnavailable, retry_after_s: None }
    }

    /// Nobody can say: 503.
    #[must_use]
    pub fn unavailable(retry_after_s: u64) -> Self {
        Self { decision: "unavailable", reason: Reason::StoreUnavailable, retry_after_s: Some(retry_after_s) }
    }
}

/// What a plan in shadow mode would have answered, for the log.
#[derive(Debug)]
struct Shadowed {
    reason: Reason,
    /// The names of the limits that would not have allowed it.
    violated: String,
}

impl Shadowed {
    fn of(verdict: &Verdict) -> Self {
        let (reason, violated) = match verdict {
            Verdict::Allowed => (Reason::Ok, String::new()),
            Verdict::Throttled { quota: true, violated, .. } => (Reason::QuotaExceeded, violated.join(", ")),
            Verdict::Throttled { quota: false, violated, .. } => (Reason::RateExceeded, violated.join(", ")),
            Verdict::Impossible => (Reason::LimitImpossible, String::new()),
            Verdict::Unavailable { .. } => (Reason::StoreUnavailable, String::new()),
        };
        Self { reason, violated }
    }
}

/// The context, filled as the request's checks go on.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Always all there, because request mapping reads them.
    request: Map<String, Value>,
    /// Only there where there is something, because response mapping shows them to clients.
    response: Map<String, Value>,
    format: Format,
    /// What a plan in shadow mode would have refused by.
    shadowed: Option<Shadowed>,
    /// The key as it was sent, for a REST API's own usage plan. Never logged.
    usage_identifier_key: Option<String>,
}

impl Default for Answer {
    fn default() -> Self {
        let names = [
            "decision",
            "reason",
            "user_id",
            "email",
            "roles",
            "near_limit",
            "key_id",
            "plan",
            "scopes",
            "auth",
            "route",
            "request_id",
            "authorizer_ms",
        ];
        let mut request: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), NOTHING.into())).collect();
        request.insert("near_limit".to_owned(), "false".into());
        Self { request, response: Map::new(), format: Format::Simple, shadowed: None, usage_identifier_key: None }
    }
}

impl Answer {
    fn set(&mut self, name: &str, value: &str) {
        let value = if value.is_empty() { NOTHING } else { value };
        self.request.insert(name.to_owned(), value.into());
    }

    fn show(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.response.insert(name.to_owned(), value.into());
        }
    }

    pub(crate) fn request(&mut self, request: &Request) {
        self.set("request_id", request.id.as_deref().unwrap_or_default());
        self.format = request.format.clone();
    }

    pub(crate) fn rule(&mut self, rule: &Rule) {
        self.set("route", &rule.route);
    }

    pub(crate) fn plan_route(&mut self, route: Option<&RouteLimit>) {
        if let Some(route) = route {
            self.set("route", &route.route);
        }
    }

    pub(crate) fn identity(&mut self, identity: &Identity) {
        self.set("auth", identity.auth());
        self.set("scopes", &header_list(identity.scopes(), ' '));
        if let Some(key) = &identity.key {
            self.set("key_id", &header_value(&key.key_id));
            self.set("user_id", &header_value(key.subject.as_deref().unwrap_or_default()));
        }
        if let Some(subject) = &identity.certificate {
            self.set("user_id", &header_value(subject));
        }
        if let Some(bearer) = &identity.bearer {
            self.set("user_id", &header_value(&bearer.subject));
            self.set("email", &header_value(bearer.email.as_deref().unwrap_or_default()));
            self.set("roles", &header_list(&bearer.roles, ','));
        }
    }

    pub(crate) fn usage_identifier_key(&mut self, key: Option<&str>) {
        self.usage_identifier_key = key.map(str::to_owned);
    }

    /// Only a plan that there is: what a token calls one may be anything.
    pub(crate) fn plan(&mut self, plan: &Plan) {
        self.set("plan", &header_value(&plan.name));
    }

    pub(crate) fn limits(&mut self, decision: &Decision) {
        self.set("near_limit", if decision.near_limit { "true" } else { "false" });
        self.shadowed = decision.shadowed.as_ref().map(Shadowed::of);
        self.show("ratelimit_policy", rate_limit_policy(&decision.limits));
        self.show("ratelimit", rate_limit(&decision.limits));
        if let Some(limit) = decision.nearest() {
            self.show("limit", Some(limit.limit.to_string()));
            self.show("remaining", Some(limit.remaining.to_string()));
            self.show("reset", limit.reset_s.map(|seconds| seconds.to_string()));
        }
    }

    /// The answer, and its log line.
    pub(crate) fn finish(
        mut self,
        outcome: Result<Decided, Stop>,
        on_throttle: OnThrottle,
        elapsed: Duration,
    ) -> Result<Value, Failure> {
        let (allowed, reason) = match outcome {
            Ok(decided) => {
                self.set("decision", decided.decision);
                self.show("retry_after", decided.retry_after_s.map(|seconds| seconds.to_string()));
                let reason = if decided.reason == Reason::Ok && self.shadowed.is_some() {
                    Reason::ShadowDenied
                } else {
                    decided.reason
                };
                (on_throttle == OnThrottle::Mark || decided.retry_after_s.is_none(), reason)
            }
            Err(Stop::Forbidden(reason)) => (false, reason),
            Err(Stop::Unauthenticated(reason)) => return Err(self.fail(reason, elapsed, Failure::Unauthorized)),
            Err(Stop::Fault(reason, problem)) => return Err(self.fail(reason, elapsed, Failure::Fault(problem))),
        };
        self.log(reason, elapsed, None);
        self.set("reason", reason.as_str());
        self.set("authorizer_ms", &milliseconds(elapsed).to_string());
        self.request.append(&mut self.response);
        match &self.format {
            Format::Simple => Ok(json!({"isAuthorized": allowed, "context": self.request})),
            Format::Policy { method_arn } => Ok(self.policy(allowed, method_arn)),
        }
    }

    /// The method that was asked about and no other: a policy that API Gateway keeps would be asked about
    /// others too, and each has a rule of its own.
    fn policy(&self, allowed: bool, method_arn: &str) -> Value {
        let field = |name: &str| self.request.get(name).and_then(Value::as_str).filter(|value| *value != NOTHING);
        let principal = field("user_id").or(field("key_id")).unwrap_or("anonymous");
        let effect = if allowed { "Allow" } else { "Deny" };
        let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": shortened(method_arn)});
        let mut answer = json!({
            "principalId": principal,
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": self.request,
        });
        if let Some(key) = self.usage_identifier_key.as_deref().filter(|_| allowed) {
            answer["usageIdentifierKey"] = key.into();
        }
        answer
    }

    fn fail(&self, reason: Reason, elapsed: Duration, failure: Failure) -> Failure {
        let problem = match &failure {
            Failure::Unauthorized => None,
            Failure::Fault(problem) => Some(problem.as_str()),
        };
        self.log(reason, elapsed, problem);
        failure
    }

    fn log(&self, reason: Reason, elapsed: Duration, problem: Option<&str>) {
        let field = |name: &str| self.request.get(name).and_then(Value::as_str).unwrap_or(NOTHING);
        tracing::info!(
            request_id = field("request_id"),
            decision = field("decision"),
            reason = reason.as_str(),
            route = field("route"),
            auth = field("auth"),
            key_id = field("key_id"),
            plan = field("plan"),
            near_limit = field("near_limit") == "true",
            shadowed = self.shadowed.as_ref().map(|shadowed| shadowed.reason.as_str()),
            violated = self.shadowed.as_ref().map(|shadowed| shadowed.violated.as_str()),
            duration_ms = milliseconds(elapsed),
            problem,
            "decided"
        );
    }
}

/// A resource of a policy has at most 512 characters; a longer one is cut as late as can be.
fn shortened(method_arn: &str) -> Cow<'_, str> {
    if method_arn.chars().count() <= 512 {
        return Cow::Borrowed(method_arn);
    }
    Cow::Owned(method_arn.chars().take(511).chain(['*']).collect())
}

/// Milliseconds with three places.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_in_shadow_would_have_refused_passes_and_is_told() {
        let refusal = Verdict::Throttled { quota: true, violated: vec!["day".into()], retry_after_s: 60 };
        let decision = |shadowed| Decision {
            verdict: Verdict::Allowed,
            limits: Vec::new(),
            near_limit: true,
            degraded: false,
            shadowed,
            charge: None,
        };
        for (shadowed, reason) in [(Some(refusal), "shadow_denied"), (None, "ok")] {
            let mut answer = Answer::default();
            answer.limits(&decision(shadowed));
            let found = answer.finish(Ok(Decided::allowed()), OnThrottle::Forbid, Duration::ZERO).unwrap();
            assert_eq!(found["isAuthorized"], true);
            let context = |name: &str| found["context"][name].as_str().unwrap();
            assert_eq!(["decision", "reason", "near_limit"].map(context), ["allowed", reason, "true"]);
        }
    }
}
