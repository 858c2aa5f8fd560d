//! Charges a request on the caller's plan.

use std::sync::Arc;

use aws::Deadline;
use limits::{Caller, Decision, Plan, RouteLimit, Verdict};
use outcome::Reason;
use policy::{Policy, Rule};
use store::{Call, Store};

use crate::identity::Identity;
use crate::rejection::Rejection;
use crate::request_outcome::RequestOutcome;
use crate::response::ResponseBuilder;

/// The seconds after which a client may retry if the plan cannot be read.
const RETRY_AFTER_S: u64 = 1;

/// A request whose caller is identified, with everything that its charge depends on.
pub(crate) struct PlanCheck<'c> {
    pub(crate) policy: &'c Policy,
    pub(crate) rule: &'c Rule,
    pub(crate) store: &'c Store,
    pub(crate) method: &'c str,
    pub(crate) path: &'c str,
    pub(crate) is_usage_query: bool,
    pub(crate) deadline: Deadline,
}

impl PlanCheck<'_> {
    /// Looks up the caller's plan and charges the request. A caller without limits is allowed.
    ///
    /// # Errors
    /// 403 if the caller has no plan, if its plan does not exist, or if it can never allow the
    /// request.
    pub(crate) async fn run(
        &self,
        identity: &Identity,
        response: &mut ResponseBuilder<'_>,
    ) -> Result<RequestOutcome, Rejection> {
        let Some((caller, plan_name)) = identity.charged_plan()? else {
            return Ok(RequestOutcome::allowed());
        };
        let Ok(plan) = self.store.plan(plan_name, self.deadline).await else {
            return Ok(RequestOutcome::unavailable(RETRY_AFTER_S));
        };

        let plan = plan.ok_or_else(|| self.unknown_plan(plan_name, identity))?;
        response.set_plan(&plan);
        if !plan.enabled {
            let detail = format!("plan `{}` is disabled", plan.name);
            return Err(Rejection::forbidden(Reason::PlanDisabled).because(detail));
        }
        let charge = self.charge(caller, identity.group.as_ref(), &plan, response);
        let Some(decision) = charge.await? else {
            return Ok(RequestOutcome::unavailable(RETRY_AFTER_S));
        };

        response.set_limits(&decision);
        self.outcome(&decision, &plan)
    }

    /// Charges the request, and returns `None` if the store fails. A query for the caller's own
    /// usage has a limit of its own.
    async fn charge(
        &self,
        caller: &Caller,
        group: Option<&Caller>,
        plan: &Arc<Plan>,
        response: &mut ResponseBuilder<'_>,
    ) -> Result<Option<Decision>, Rejection> {
        if self.is_usage_query {
            // The limiter reports the quotas of a group, but the days of the caller itself on a plan
            // that callers share.
            let caller = group.unwrap_or(caller);
            response.set_plan_route(Some(&plan.usage_query));
            response.set_caller(caller);
            let charge = self.store.charge_usage_query(caller, plan, self.deadline);
            return Ok(charge.await.ok());
        }

        let route = self.route_limit(plan)?;
        response.set_plan_route(route);
        let call = Call {
            caller,
            group,
            plan,
            route,
            cost: self.rule.cost,
            deadline: self.deadline,
        };
        if call.charged() != caller {
            response.set_caller(call.charged());
        }
        Ok(self.store.charge(&call).await.ok())
    }

    fn outcome(&self, decision: &Decision, plan: &Plan) -> Result<RequestOutcome, Rejection> {
        match decision.verdict {
            Verdict::Allowed if decision.degraded => Ok(RequestOutcome::degraded()),
            Verdict::Allowed => Ok(RequestOutcome::allowed()),
            Verdict::Throttled {
                quota,
                retry_after_s,
                ..
            } => Ok(RequestOutcome::throttled(quota, retry_after_s)),
            Verdict::Unavailable { retry_after_s } => {
                Ok(RequestOutcome::unavailable(retry_after_s))
            }
            Verdict::Impossible => {
                let detail = format!(
                    "cost {} is above a limit of plan `{}`, or a limit is 0",
                    self.rule.cost, plan.name
                );
                Err(Rejection::forbidden(Reason::LimitImpossible).because(detail))
            }
        }
    }

    /// Returns the limit that the plan has for the route, if any. If the policy folds paths, the
    /// limit of the folded path applies.
    ///
    /// # Errors
    /// 403 if a backend may read the path as another one that has a stricter limit.
    fn route_limit<'p>(&self, plan: &'p Plan) -> Result<Option<&'p RouteLimit>, Rejection> {
        if self.policy.path_matching.folds() {
            let limit = plan.route_limit(self.method, self.path);
            return Ok(limit.map(AsRef::as_ref));
        }

        match plan.unambiguous_route_limit(self.method, self.path) {
            Ok(limit) => Ok(limit.map(AsRef::as_ref)),
            Err(ambiguity) => {
                let other = ambiguity
                    .stricter
                    .map_or("another route", |limit| limit.route.as_str());
                let detail = format!(
                    "plan `{}`: a backend may read the path as `{other}`, which has its own limit",
                    plan.name
                );
                Err(Rejection::forbidden(Reason::AmbiguousPath).because(detail))
            }
        }
    }

    /// Names the plan only if the policy or a key contains the name: a token can claim any string.
    fn unknown_plan(&self, name: &str, identity: &Identity) -> Rejection {
        let is_configured = identity.configured_plan().is_some()
            || self
                .policy
                .named_plans()
                .iter()
                .any(|named| named.plan == name);
        let detail = if is_configured {
            format!("plan `{name}` does not exist")
        } else {
            "the plan that the token names does not exist".to_owned()
        };

        Rejection::forbidden(Reason::UnknownPlan).because(detail)
    }
}
