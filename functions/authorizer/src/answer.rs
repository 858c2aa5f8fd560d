//! The answer to API Gateway: allowed or not, with the context that mappings and logs read.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use outcome::{Decision, Reason};
use policy::Rule;
use policy::header_value::header_value;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use usage::{Plan, RouteLimit, Verdict};

use crate::Failure;
use crate::context::{Context, set};
use crate::credentials::Identity;
use crate::event::{Format, Request};
use crate::stop::Stop;

/// How a throttled request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnThrottle {
    /// Let it through marked, for a listener rule to answer.
    Mark,
    /// 403.
    Forbid,
}

/// How a request without valid credentials is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadCredentials {
    /// 401, by the error `Unauthorized`.
    Unauthorized,
    /// 403, by `isAuthorized: false` or a policy that denies.
    Forbid,
}

/// The settings that decide how a refusal looks to API Gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusals {
    pub(crate) on_throttle: OnThrottle,
    pub(crate) on_bad_credentials: OnBadCredentials,
}

/// What was decided on a request whose caller is known and may call at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    decision: Decision,
    reason: Reason,
    retry_after_s: Option<u64>,
}

impl Decided {
    /// It passes.
    #[must_use]
    pub fn allowed() -> Self {
        Self {
            decision: Decision::Allowed,
            reason: Reason::Ok,
            retry_after_s: None,
        }
    }

    /// Not now: 429.
    #[must_use]
    pub fn throttled(quota: bool, retry_after_s: u64) -> Self {
        let reason = if quota {
            Reason::QuotaExceeded
        } else {
            Reason::RateExceeded
        };
        Self {
            decision: Decision::Throttled,
            reason,
            retry_after_s: Some(retry_after_s),
        }
    }

    /// Nobody can say, and the plan lets it pass all the same.
    #[must_use]
    pub fn degraded() -> Self {
        Self {
            decision: Decision::Degraded,
            reason: Reason::StoreUnavailable,
            retry_after_s: None,
        }
    }

    /// Nobody can say: 503.
    #[must_use]
    pub fn unavailable(retry_after_s: u64) -> Self {
        Self {
            decision: Decision::Unavailable,
            reason: Reason::StoreUnavailable,
            retry_after_s: Some(retry_after_s),
        }
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
            Verdict::Throttled {
                quota: true,
                violated,
                ..
            } => (Reason::QuotaExceeded, violated.join(", ")),
            Verdict::Throttled {
                quota: false,
                violated,
                ..
            } => (Reason::RateExceeded, violated.join(", ")),
            Verdict::Impossible => (Reason::LimitImpossible, String::new()),
            Verdict::Unavailable { .. } => (Reason::StoreUnavailable, String::new()),
        };
        Self { reason, violated }
    }
}

/// The answer, filled as the request's checks go on.
#[derive(Debug, Default)]
pub(crate) struct Answer<'e> {
    context: Context,
    format: Format<'e>,
    /// What a plan in shadow mode would have refused by.
    shadowed: Option<Shadowed>,
    /// The token's issuer, by its name in the policy.
    issuer_name: Option<Arc<str>>,
    /// The key as it was sent, for a REST API's own usage plan. Never logged.
    usage_identifier_key: Option<&'e str>,
    /// Why the request is refused, for the log.
    detail: Option<Cow<'static, str>>,
}

impl<'e> Answer<'e> {
    pub(crate) fn request(&mut self, request: &Request<'e>) {
        set(
            &mut self.context.request_id,
            request.id.as_deref().unwrap_or_default(),
        );
        self.format = request.format.clone();
    }

    pub(crate) fn rule(&mut self, rule: &Rule) {
        set(&mut self.context.route, &rule.route);
    }

    pub(crate) fn plan_route(&mut self, route: Option<&RouteLimit>) {
        if let Some(route) = route {
            set(&mut self.context.route, &route.route);
        }
    }

    pub(crate) fn identity(&mut self, identity: &Identity) {
        self.context.identity(identity);
        self.issuer_name = identity
            .bearer
            .as_ref()
            .map(|bearer| Arc::clone(&bearer.issuer_name));
    }

    pub(crate) fn usage_identifier_key(&mut self, key: Option<&'e str>) {
        self.usage_identifier_key = key;
    }

    /// Only a plan that there is: what a token calls one may be anything.
    pub(crate) fn plan(&mut self, plan: &Plan) {
        set(&mut self.context.plan, &header_value(&plan.name));
    }

    pub(crate) fn limits(&mut self, decision: &usage::Decision) {
        self.shadowed = decision.shadowed.as_ref().map(Shadowed::of);
        self.context.limits(decision);
    }

    /// The answer, and its log line.
    pub(crate) fn finish(
        mut self,
        outcome: Result<Decided, Stop>,
        refusals: Refusals,
        elapsed: Duration,
    ) -> Result<Box<RawValue>, Failure> {
        let (allowed, reason) = match outcome {
            Ok(decided) => {
                self.context.decision = decided.decision.as_str();
                self.context.retry_after = decided.retry_after_s.map(|seconds| seconds.to_string());
                let shadowed = decided.reason == Reason::Ok && self.shadowed.is_some();
                let reason = if shadowed {
                    Reason::ShadowDenied
                } else {
                    decided.reason
                };
                (
                    refusals.on_throttle == OnThrottle::Mark || decided.retry_after_s.is_none(),
                    reason,
                )
            }
            Err(Stop::Because(stop, detail)) => {
                self.detail = Some(detail);
                return self.finish(Err(*stop), refusals, elapsed);
            }
            Err(Stop::Forbidden(reason)) => (false, reason),
            Err(Stop::Unauthenticated(reason))
                if refusals.on_bad_credentials == OnBadCredentials::Forbid =>
            {
                (false, reason)
            }
            Err(Stop::Unauthenticated(reason)) => {
                return Err(self.fail(reason, elapsed, Failure::Unauthorized));
            }
            Err(Stop::Fault(reason, problem)) => {
                return Err(self.fail(reason, elapsed, Failure::Fault(problem)));
            }
            Err(Stop::Unavailable(reason, detail)) => {
                self.log(reason, elapsed, None, Some(&detail));
                return Err(Failure::Fault(detail));
            }
        };
        self.log(reason, elapsed, None, None);
        self.context.reason = reason.as_str();
        set(
            &mut self.context.authorizer_ms,
            &milliseconds(elapsed).to_string(),
        );
        let answer = match &self.format {
            Format::Simple => to_raw_value(&Simple {
                is_authorized: allowed,
                context: &self.context,
            }),
            Format::Policy { method_arn } => to_raw_value(&self.policy(allowed, method_arn)),
        };
        answer.map_err(|error| Failure::Fault(error.to_string()))
    }

    /// The method that was asked about and no other: a policy that API Gateway keeps would be asked
    /// about others too, and each has a rule of its own.
    fn policy(&self, allowed: bool, method_arn: &str) -> Value {
        let effect = if allowed { "Allow" } else { "Deny" };
        let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": shortened(method_arn)});
        let mut answer = json!({
            "principalId": self.context.principal(),
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": self.context,
        });
        if let Some(key) = self.usage_identifier_key.filter(|_| allowed) {
            answer["usageIdentifierKey"] = key.into();
        }
        answer
    }

    fn fail(&self, reason: Reason, elapsed: Duration, failure: Failure) -> Failure {
        let problem = match &failure {
            Failure::Unauthorized => None,
            Failure::Fault(problem) => Some(problem.as_str()),
        };
        self.log(reason, elapsed, problem, None);
        failure
    }

    /// Writes the log line. A `problem` sets off an alarm, a `detail` does not.
    fn log(&self, reason: Reason, elapsed: Duration, problem: Option<&str>, detail: Option<&str>) {
        let Context {
            request_id,
            decision,
            route,
            auth,
            key_id,
            plan,
            near_limit,
            ..
        } = &self.context;
        tracing::info!(
            request_id = &**request_id,
            decision,
            reason = reason.as_str(),
            route = &**route,
            auth,
            issuer = self.issuer_name.as_deref(),
            key_id = &**key_id,
            plan = &**plan,
            near_limit = *near_limit == "true",
            shadowed = self
                .shadowed
                .as_ref()
                .map(|shadowed| shadowed.reason.as_str()),
            violated = self
                .shadowed
                .as_ref()
                .map(|shadowed| shadowed.violated.as_str()),
            duration_ms = milliseconds(elapsed),
            problem,
            detail = detail.or(self.detail.as_deref()),
            "decided"
        );
    }
}

/// HTTP APIs' own form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Simple<'c> {
    is_authorized: bool,
    context: &'c Context,
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

    const REFUSALS: Refusals = Refusals {
        on_throttle: OnThrottle::Forbid,
        on_bad_credentials: OnBadCredentials::Unauthorized,
    };

    #[test]
    fn what_a_plan_in_shadow_would_have_refused_passes_and_is_told() {
        let refusal = Verdict::Throttled {
            quota: true,
            violated: vec!["day".into()],
            retry_after_s: 60,
        };
        let decision = |shadowed| usage::Decision {
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
            let found = answer
                .finish(Ok(Decided::allowed()), REFUSALS, Duration::ZERO)
                .unwrap();
            let found: Value = serde_json::from_str(found.get()).unwrap();
            assert_eq!(found["isAuthorized"], true);
            let context = |name: &str| found["context"][name].as_str().unwrap();
            assert_eq!(
                ["decision", "reason", "near_limit"].map(context),
                ["allowed", reason, "true"]
            );
        }
    }
}
