//! Charges for parts, in addition to the charge of the authorizer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws::Deadline;
use composition::Missing;
use limits::{Decision, Plan, RouteLimit, Verdict};
use outcome::Reason;
use policy::{Auth, Policy, Rule};
use store::{Call, Store};

use crate::caller_context::CallerContext;
use crate::charged_caller::ChargedCaller;
use crate::problem::Problem;

/// The seconds after which a client may retry if the plan cannot be read.
const RETRY_AFTER_S: u64 = 1;

/// Everything that the charges of one request depend on.
pub(crate) struct Charges<'r> {
    /// `None` if nothing in the compositions is charged.
    pub(crate) store: Option<&'r Store>,
    pub(crate) policy: &'r Policy,
    pub(crate) context: &'r CallerContext,
    /// The address of the client, as the authorizer determines it.
    pub(crate) address: Option<IpAddr>,
    /// The deadline of the composition.
    pub(crate) deadline: Deadline,
    /// The decision on the last charge of the caller's plan.
    pub(crate) last: Mutex<Option<Decision>>,
}

/// The reason why a charge was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChargeRefusal {
    /// The plan does not exist, is disabled, or can never allow the call.
    Forbidden(Reason),
    /// A limit is used up.
    Throttled {
        is_quota: bool,
        violated: Vec<String>,
        retry_after_s: u64,
    },
    /// The limits could not be checked.
    Unavailable { retry_after_s: u64 },
}

/// A call to charge.
struct Charge<'c> {
    store: &'c Store,
    caller: &'c ChargedCaller,
    plan: &'c Arc<Plan>,
    route: Option<&'c RouteLimit>,
    cost: u64,
    deadline: Deadline,
}

impl Charges<'_> {
    /// Returns the decision on the last charge of the caller's plan, if there was one.
    pub(crate) fn last_decision(&self) -> Option<Decision> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// Charges further calls of the composition's own route, unless the caller has no limits.
    ///
    /// # Errors
    /// [`ChargeRefusal`]. Nothing is charged then.
    pub(crate) async fn charge_route(
        &self,
        method: &str,
        path: &str,
        cost: u64,
    ) -> Result<(), ChargeRefusal> {
        self.charge_caller(method, path, cost).await
    }

    /// Charges the call of a part as a request of the caller to the part's own route.
    ///
    /// # Errors
    /// [`ChargeRefusal`]. Nothing is charged then.
    pub(crate) async fn charge_part(
        &self,
        rule: &Rule,
        method: &str,
        path: &str,
    ) -> Result<(), ChargeRefusal> {
        match (rule.auth, &rule.address_plan) {
            // A public route charges the address, also of an identified caller.
            (Auth::None, None) => Ok(()),
            (Auth::None, Some(plan)) => {
                let address = self.address.ok_or_else(unavailable)?;
                let caller = ChargedCaller::from_address(address, plan);
                self.charge(&caller, method, path, rule.cost).await?;
                Ok(())
            }
            _ => self.charge_caller(method, path, rule.cost).await,
        }
    }

    /// Charges the caller of the request, unless it has no limits.
    async fn charge_caller(
        &self,
        method: &str,
        path: &str,
        cost: u64,
    ) -> Result<(), ChargeRefusal> {
        let Some(caller) = self.caller()? else {
            return Ok(());
        };
        let decision = self.charge(&caller, method, path, cost).await?;

        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some(decision);
        Ok(())
    }

    fn caller(&self) -> Result<Option<ChargedCaller>, ChargeRefusal> {
        ChargedCaller::from_context(self.context, self.address).map_err(|_| unavailable())
    }

    async fn charge(
        &self,
        caller: &ChargedCaller,
        method: &str,
        path: &str,
        cost: u64,
    ) -> Result<Decision, ChargeRefusal> {
        let store = self.store.ok_or_else(unavailable)?;
        let deadline = self.deadline.min(store.deadline());
        let plan = store
            .plan(&caller.plan, deadline)
            .await
            .map_err(|_| unavailable())?;
        let plan = plan.ok_or(ChargeRefusal::Forbidden(Reason::UnknownPlan))?;
        if !plan.enabled {
            return Err(ChargeRefusal::Forbidden(Reason::PlanDisabled));
        }

        let charge = Charge {
            store,
            caller,
            plan: &plan,
            route: self.route_limit(&plan, method, path)?,
            cost,
            deadline,
        };
        charge.make().await
    }

    /// Returns the limit that the plan has for a route, if any, as the authorizer chooses it.
    ///
    /// # Errors
    /// [`ChargeRefusal`] if a service may read the path as another one that has a stricter limit.
    fn route_limit<'p>(
        &self,
        plan: &'p Plan,
        method: &str,
        path: &str,
    ) -> Result<Option<&'p RouteLimit>, ChargeRefusal> {
        if self.policy.path_matching.folds() {
            return Ok(plan.route_limit(method, path).map(AsRef::as_ref));
        }
        let limit = plan.unambiguous_route_limit(method, path);
        let limit = limit.map_err(|_| ChargeRefusal::Forbidden(Reason::AmbiguousPath))?;
        Ok(limit.map(AsRef::as_ref))
    }
}

impl Charge<'_> {
    /// # Errors
    /// [`ChargeRefusal`] if the decision is not to allow the call.
    async fn make(&self) -> Result<Decision, ChargeRefusal> {
        let group = self.caller.group_on(self.plan).map_err(|_| unavailable())?;
        let call = Call {
            caller: &self.caller.caller,
            group,
            plan: self.plan,
            route: self.route,
            cost: self.cost,
            deadline: self.deadline,
        };

        let decision = self.store.charge(&call).await.map_err(|_| unavailable())?;
        match decision.verdict {
            Verdict::Allowed => Ok(decision),
            Verdict::Throttled {
                quota,
                violated,
                retry_after_s,
            } => Err(ChargeRefusal::Throttled {
                is_quota: quota,
                violated: violated.iter().map(ToString::to_string).collect(),
                retry_after_s,
            }),
            Verdict::Unavailable { retry_after_s } => {
                Err(ChargeRefusal::Unavailable { retry_after_s })
            }
            Verdict::Impossible => Err(ChargeRefusal::Forbidden(Reason::LimitImpossible)),
        }
    }
}

fn unavailable() -> ChargeRefusal {
    ChargeRefusal::Unavailable {
        retry_after_s: RETRY_AFTER_S,
    }
}

impl ChargeRefusal {
    /// Returns the reason why a part is missing.
    pub(crate) const fn missing(&self) -> Missing {
        match self {
            Self::Forbidden(_) => Missing::Forbidden,
            Self::Throttled { .. } => Missing::Throttled,
            Self::Unavailable { .. } => Missing::Unavailable,
        }
    }

    /// Returns the seconds after which the caller may retry, if that can help.
    pub(crate) const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Forbidden(_) => None,
            Self::Throttled { retry_after_s, .. } | Self::Unavailable { retry_after_s } => {
                Some(*retry_after_s)
            }
        }
    }

    /// Returns the response to a request whose route could not be charged.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Forbidden(reason) => {
                Problem::forbidden(reason, "The plan does not allow this composition.")
            }
            Self::Throttled {
                is_quota,
                violated,
                retry_after_s,
            } => {
                let reason = if is_quota {
                    Reason::QuotaExceeded
                } else {
                    Reason::RateExceeded
                };
                Problem::throttled(reason, violated, retry_after_s)
            }
            Self::Unavailable { retry_after_s } => Problem::unavailable(retry_after_s),
        }
    }
}
