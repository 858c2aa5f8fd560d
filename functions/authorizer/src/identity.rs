//! The identity of a caller.

use std::sync::Arc;

use limits::Caller;
use outcome::Reason;
use policy::{CallerFacts, Rule, UnmetRequirement};
use registry::ApiKey;

use crate::certificate::Holder;
use crate::rejection::Rejection;
use crate::token::bearer::{Bearer, TokenPlan};

/// The identity of a caller, by each of its credentials. A public route needs none.
#[derive(Default)]
pub(crate) struct Identity {
    pub(crate) bearer: Option<Arc<Bearer>>,
    pub(crate) key: Option<Arc<ApiKey>>,
    /// The holder of the client certificate that is the credential.
    pub(crate) certificate: Option<Holder>,
    /// The caller that usage is charged to.
    pub(crate) caller: Option<Caller>,
    /// The group of the key, which is charged instead of the key.
    pub(crate) group: Option<Caller>,
    /// The plan of a caller without a token or key.
    pub(crate) plan: Option<String>,
}

impl Identity {
    /// Returns the kind of credential for the context. A token takes precedence over a key.
    pub(crate) fn auth(&self) -> &'static str {
        match self {
            Self {
                bearer: Some(bearer),
                ..
            } => bearer.auth,
            Self { key: Some(_), .. } => "api_key",
            Self {
                certificate: Some(_),
                ..
            } => "mtls",
            _ => "none",
        }
    }

    /// Sets the caller of a request with a key or a token, and its group. A key takes precedence.
    pub(crate) fn set_caller(&mut self) {
        self.group = self.key.as_ref().and_then(|key| key.group_caller());
        self.caller = match (&self.key, &self.bearer) {
            (Some(key), _) => Some(Caller::Key(key.key_id.clone())),
            (None, Some(bearer)) => Some(bearer.caller.clone()),
            (None, None) => None,
        };
    }

    /// Returns the values of a token that the backend receives.
    pub(crate) fn forwarded(&self) -> Option<[&str; 5]> {
        let bearer = self.bearer.as_ref()?;
        Some([
            &bearer.issuer,
            &bearer.subject,
            &bearer.email,
            &bearer.role_list,
            &bearer.scope_list,
        ])
    }

    /// Returns the caller that is charged and its plan. `None` for a caller without limits.
    ///
    /// # Errors
    /// 403 if the caller has no plan.
    pub(crate) fn charged_plan(&self) -> Result<Option<(&Caller, &str)>, Rejection> {
        let Some((caller, plan)) = self.caller_and_plan() else {
            return Ok(None);
        };
        let plan = plan.ok_or_else(|| {
            Rejection::forbidden(Reason::NoPlan)
                .because("the token names no plan, and the policy has no default plan")
        })?;
        Ok(Some((caller, plan)))
    }

    /// Returns the caller that usage is charged to, and its plan. A key takes precedence over a
    /// token. A token may name no plan.
    pub(crate) fn caller_and_plan(&self) -> Option<(&Caller, Option<&str>)> {
        let plan = match self {
            Self { key: Some(key), .. } => Some(key.plan.as_str()),
            Self {
                bearer: Some(bearer),
                ..
            } => bearer.plan.name(),
            _ => self.plan.as_deref(),
        };

        Some((self.caller.as_ref()?, plan))
    }

    /// True if a credential belongs to a known caller, even if it is refused.
    pub(crate) fn is_known(&self) -> bool {
        self.bearer.is_some() || self.key.is_some() || self.certificate.is_some()
    }

    /// Returns the plan if the registry or the policy contains its name. A name that only a token
    /// contains may be any string.
    pub(crate) fn configured_plan(&self) -> Option<&str> {
        match self {
            Self { key: Some(key), .. } => Some(&key.plan),
            Self {
                bearer: Some(bearer),
                ..
            } => match &bearer.plan {
                TokenPlan::Configured(plan) => Some(plan),
                _ => None,
            },
            _ => self.plan.as_deref(),
        }
    }

    /// Checks the caller against the requirements of the rule.
    ///
    /// # Errors
    /// 403 for the first requirement that is not met.
    pub(crate) fn check_rule(&self, rule: &Rule) -> Result<(), Rejection> {
        let issuer_name = self.bearer.as_ref().map(|bearer| [&*bearer.issuer_name]);
        let facts = CallerFacts {
            issuer_names: issuer_name.as_ref().map(|name| &name[..]),
            scopes: self.scopes(),
            roles: self.roles(),
        };
        rule.check(&facts).map_err(rejection)?;

        self.check_token_plan()
    }

    /// Checks the plan of the token, if the token is charged.
    fn check_token_plan(&self) -> Result<(), Rejection> {
        let charged = self.bearer.as_ref().filter(|_| self.key.is_none());
        match charged.map(|bearer| &bearer.plan) {
            Some(TokenPlan::NotAllowed) => {
                let detail =
                    "the token names a plan that is not among the issuer's `allowed_plans`";
                Err(Rejection::forbidden(Reason::PlanNotAllowed).because(detail))
            }
            Some(TokenPlan::Several) => {
                let detail = "the issuer's `plans` map the token to different plans";
                Err(Rejection::forbidden(Reason::NoPlan).because(detail))
            }
            _ => Ok(()),
        }
    }

    /// Returns the scopes of the caller. With a token and a key, those of the token.
    pub(crate) fn scopes(&self) -> &[String] {
        match self {
            Self {
                bearer: Some(bearer),
                ..
            } => &bearer.scopes,
            Self { key: Some(key), .. } => &key.scopes,
            _ => &[],
        }
    }

    /// Returns the roles of the caller. Only tokens have roles.
    fn roles(&self) -> &[String] {
        self.bearer.as_ref().map_or(&[], |bearer| &bearer.roles)
    }
}

/// Returns the rejection of a caller that does not meet a requirement of the rule.
fn rejection(unmet: UnmetRequirement<'_>) -> Rejection {
    match unmet {
        UnmetRequirement::Issuer => Rejection::forbidden(Reason::IssuerNotAccepted)
            .because("the rule does not accept tokens of this issuer"),
        UnmetRequirement::Scope(scope) => Rejection::forbidden(Reason::InsufficientScope)
            .because(format!("scope `{scope}` is missing")),
        UnmetRequirement::Roles(roles) => Rejection::forbidden(Reason::MissingRole)
            .because(format!("none of the roles `{}`", roles.join("`, `"))),
    }
}
