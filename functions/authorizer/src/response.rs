//! The response to API Gateway: allowed or not, with the context that mappings and logs read.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use limits::{Caller, Decision, Plan, RouteLimit, Verdict};
use outcome::Reason;
use policy::Rule;
use policy::header_value::header_value;
use serde::Serialize;
use serde_json::Value;
use telemetry::{RequestScope, milliseconds, on_current_span};

use crate::Failure;
use crate::config::{LogDecisions, OnBadCredentials, OnThrottle, ResponseSettings};
use crate::context::{Context, NOTHING, set};
use crate::event::{Format, Request};
use crate::iam_policy;
use crate::identity::Identity;
use crate::rejection::{Rejection, RejectionKind};
use crate::request_outcome::RequestOutcome;
use crate::shadow::ShadowRefusal;

/// Collects facts about a request while it is checked, for its response and its log line.
#[derive(Debug, Default)]
pub(crate) struct ResponseBuilder<'e> {
    context: Box<Context>,
    format: Format<'e>,
    shadow: Option<ShadowRefusal>,
    /// The names of the limits that refuse the request, joined by commas.
    violated: Option<String>,
    /// The name of the token's issuer in the policy.
    issuer_name: Option<Arc<str>>,
    /// The API key as it was sent, for the usage plan of a REST API. It is never logged.
    usage_identifier_key: Option<&'e str>,
}

/// The response to API Gateway, in the format that the event asks for.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Response(ResponseFormat);

#[derive(Serialize)]
#[serde(untagged)]
enum ResponseFormat {
    /// Format 2.0.
    #[serde(rename_all = "camelCase")]
    Simple {
        is_authorized: bool,
        context: Box<Context>,
    },
    Policy(Value),
}

/// Omits the content, which may include an API key and names a user.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Response").finish_non_exhaustive()
    }
}

/// The cause in a log line.
#[derive(Default)]
struct LogCause<'c> {
    /// The cause of a fault. It sets off an alarm.
    problem: Option<&'c str>,
    /// The cause of anything else.
    detail: Option<&'c str>,
}

impl<'e> ResponseBuilder<'e> {
    pub(crate) fn set_request(&mut self, request: &Request<'e>) {
        let id = request.id.as_deref().unwrap_or_default();
        set(&mut self.context.request_id, id);
        self.context.trace_id = RequestScope::current_trace_id();
        self.format = request.format.clone();
    }

    /// Sets the address of the client that the front names.
    pub(crate) fn set_client_address(&mut self, address: IpAddr) {
        set(&mut self.context.client_ip, address.to_string());
    }

    pub(crate) fn set_rule(&mut self, rule: &Rule) {
        set(&mut self.context.route, &*rule.route);
    }

    pub(crate) fn set_plan_route(&mut self, route: Option<&RouteLimit>) {
        if let Some(route) = route {
            set(&mut self.context.route, &*route.route);
        }
    }

    pub(crate) fn set_identity(&mut self, identity: &Identity) {
        self.context.set_identity(identity);
        self.issuer_name = identity
            .bearer
            .as_ref()
            .map(|bearer| Arc::clone(&bearer.issuer_name));
    }

    pub(crate) fn set_usage_identifier_key(&mut self, key: Option<&'e str>) {
        self.usage_identifier_key = key;
    }

    /// Sets the name of a plan that exists. A name that only a token contains may be any string.
    pub(crate) fn set_plan(&mut self, plan: &Plan) {
        set(&mut self.context.plan, header_value(&plan.name));
    }

    /// Sets the caller whose limits are charged: a group or a plan instead of one of its callers.
    pub(crate) fn set_caller(&mut self, caller: &Caller) {
        self.context.set_caller(caller);
    }

    pub(crate) fn set_limits(&mut self, decision: &Decision) {
        self.shadow = decision.shadowed.as_ref().map(ShadowRefusal::from);
        if let Verdict::Throttled { violated, .. } = &decision.verdict {
            self.violated = Some(violated.join(", "));
        }
        self.context.set_limits(decision);
    }

    /// Writes the log line, except for a plain allowed decision unless the settings ask for it, and
    /// returns the response.
    ///
    /// # Errors
    /// [`Failure`] for a 401 or a 500.
    pub(crate) fn finish(
        &mut self,
        result: Result<RequestOutcome, Rejection>,
        settings: ResponseSettings,
        elapsed: Duration,
    ) -> Result<Response, Failure> {
        match result {
            Ok(outcome) => self.finish_outcome(outcome, settings, elapsed),
            Err(rejection) => self.finish_rejection(rejection, settings, elapsed),
        }
    }

    fn finish_outcome(
        &mut self,
        outcome: RequestOutcome,
        settings: ResponseSettings,
        elapsed: Duration,
    ) -> Result<Response, Failure> {
        self.context.decision = outcome.decision.as_str();
        self.context.retry_after = outcome.retry_after_s.map(|seconds| seconds.to_string());
        let reason = if outcome.reason == Reason::Ok && self.shadow.is_some() {
            Reason::ShadowDenied
        } else {
            outcome.reason
        };

        // The access log of the API has the context of every request, including plain allowed ones.
        if reason != Reason::Ok || settings.log_decisions == LogDecisions::All {
            let cause = LogCause {
                problem: None,
                detail: self.violated.as_deref(),
            };
            self.log(reason, elapsed, &cause);
        }
        self.describe_span(reason);

        let is_allowed =
            settings.on_throttle == OnThrottle::Mark || outcome.retry_after_s.is_none();
        Ok(self.response(is_allowed, reason, elapsed))
    }

    fn finish_rejection(
        &mut self,
        rejection: Rejection,
        settings: ResponseSettings,
        elapsed: Duration,
    ) -> Result<Response, Failure> {
        let Rejection {
            kind,
            reason,
            detail,
            issuer_name,
        } = rejection;
        self.issuer_name = self.issuer_name.take().or(issuer_name);

        let mut cause = LogCause::default();
        match kind {
            RejectionKind::Fault => cause.problem = detail.as_deref(),
            _ => cause.detail = detail.as_deref(),
        }
        self.log(reason, elapsed, &cause);
        self.describe_span(reason);

        match kind {
            RejectionKind::Unauthenticated
                if settings.on_bad_credentials == OnBadCredentials::Unauthorized =>
            {
                Err(Failure::Unauthorized(reason))
            }
            RejectionKind::Unauthenticated | RejectionKind::Forbidden => {
                Ok(self.response(false, reason, elapsed))
            }
            RejectionKind::Fault | RejectionKind::Unavailable => {
                on_current_span(|span| span.fail(reason.as_str()));
                let problem = detail.unwrap_or(Cow::Borrowed(reason.as_str()));
                Err(Failure::Fault(problem.into_owned()))
            }
        }
    }

    fn response(&mut self, is_allowed: bool, reason: Reason, elapsed: Duration) -> Response {
        self.context.reason = reason.as_str();
        set(
            &mut self.context.authorizer_ms,
            milliseconds(elapsed).to_string(),
        );

        Response(match &self.format {
            Format::Simple => ResponseFormat::Simple {
                is_authorized: is_allowed,
                context: std::mem::take(&mut self.context),
            },
            Format::Policy { method_arn } => ResponseFormat::Policy(iam_policy::response(
                &self.context,
                is_allowed,
                method_arn,
                self.usage_identifier_key,
            )),
        })
    }

    /// Sets the attributes of the request's span. A rejection is a reason without a decision.
    fn describe_span(&self, reason: Reason) {
        on_current_span(|span| {
            span.set("tollgate.reason", reason.as_str());
            if self.context.decision != NOTHING {
                span.set("tollgate.decision", self.context.decision);
            }

            // API Gateway's id, which is also in the access log. The client may have sent another
            // one.
            let facts = [
                ("tollgate.request_id", &*self.context.request_id),
                ("http.route", path_of(&self.context.route)),
                ("tollgate.plan", &self.context.plan),
                ("tollgate.key_id", &self.context.key_id),
            ];
            for (name, value) in facts {
                if *value != *NOTHING {
                    span.set(name, value.to_owned());
                }
            }
        });
    }

    fn log(&self, reason: Reason, elapsed: Duration, cause: &LogCause<'_>) {
        let Context {
            request_id,
            decision,
            route,
            auth,
            key_id,
            caller,
            plan,
            near_limit,
            over_quota,
            client_ip,
            ..
        } = &*self.context;
        let shadow = self.shadow.as_ref();

        tracing::info!(
            request_id = &**request_id,
            decision,
            reason = reason.as_str(),
            route = &**route,
            auth,
            issuer = self.issuer_name.as_deref(),
            key_id = &**key_id,
            caller = &**caller,
            plan = &**plan,
            client_ip = Some(&**client_ip).filter(|address| *address != NOTHING),
            near_limit = *near_limit == "true",
            over_quota = *over_quota == "true",
            shadowed = shadow.map(|shadow| shadow.reason.as_str()),
            violated = shadow.map(|shadow| shadow.violated.as_str()),
            duration_ms = milliseconds(elapsed),
            problem = cause.problem,
            detail = cause.detail,
            "decided"
        );
    }
}

/// Returns the path of a route such as `GET /orders/{id}`.
fn path_of(route: &str) -> &str {
    route.split_once(' ').map_or(route, |(_, path)| path)
}

#[cfg(test)]
mod tests {
    use limits::Limits;

    use super::*;

    const SETTINGS: ResponseSettings = ResponseSettings {
        on_throttle: OnThrottle::Forbid,
        on_bad_credentials: OnBadCredentials::Unauthorized,
        log_decisions: LogDecisions::Refusals,
    };

    #[test]
    fn a_refusal_in_shadow_mode_is_allowed_and_reported() {
        let refusal = Verdict::Throttled {
            quota: true,
            violated: ["day".into()].into(),
            retry_after_s: 60,
        };
        let decision = |shadowed| Decision {
            verdict: Verdict::Allowed,
            limits: Limits::new(),
            near_limit: true,
            over_quota: false,
            thresholds: Vec::new(),
            degraded: false,
            shadowed,
            charge: None,
        };

        for (shadowed, reason) in [(Some(refusal), "shadow_denied"), (None, "ok")] {
            let mut response = ResponseBuilder::default();
            response.set_limits(&decision(shadowed));
            let found = response
                .finish(Ok(RequestOutcome::allowed()), SETTINGS, Duration::ZERO)
                .unwrap();

            let found = serde_json::to_value(found).unwrap();
            let context = |name: &str| found["context"][name].as_str().unwrap();
            assert_eq!(found["isAuthorized"], true);
            assert_eq!(
                ["decision", "reason", "near_limit"].map(context),
                ["allowed", reason, "true"]
            );
        }
    }
}
