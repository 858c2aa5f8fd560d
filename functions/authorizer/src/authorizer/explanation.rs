//! Explains a token, and whether the rules for some requests accept it.

use std::sync::Arc;

use outcome::Reason;
use policy::{Auth, Policy, Rule};

use super::Authorizer;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::rejection::Rejection;
use crate::route_explanation::rule;
use crate::token::bearer::Bearer;
use crate::token_explanation::{Checks, TokenExplanation, detail};

impl Authorizer {
    /// Explains a token under the active policy: makes every check of a request with it, also after
    /// one has failed. The plan is neither looked up nor charged.
    ///
    /// `requests` are methods and paths, whose rules the token is checked against. The explanation
    /// contains claims, so do not log it.
    ///
    /// # Errors
    /// [`Failure::Fault`] if no policy is loaded.
    pub async fn explain(
        &self,
        token: &str,
        requests: &[(String, String)],
    ) -> Result<TokenExplanation, Failure> {
        let now = (self.clock)();
        let active = self.policies.at(now).await;
        let active = active.map_err(|rejection| Failure::Fault(detail(&rejection)))?;
        let (mut checks, decision) = active.tokens.explain(token, now).await;

        if active.front.is_some() {
            let text = "requests also need the secret of the front, which is not checked here";
            checks.skipped("front", text);
        }
        for (method, path) in requests {
            let bearer = decision.as_ref().ok();
            explain_request(&mut checks, &active.policy, bearer, method, path);
        }
        Ok(TokenExplanation::new(checks, decision))
    }
}

/// Adds whether the rule for a request accepts the bearer. `None` for a token that is refused.
fn explain_request(
    checks: &mut Checks,
    policy: &Policy,
    bearer: Option<&Arc<Bearer>>,
    method: &str,
    path: &str,
) {
    let rule = match rule(policy, method, path) {
        Ok(rule) => rule,
        Err(rejection) => {
            let text = format!("{method} {path}: {}", detail(&rejection));
            return checks.failed("rule", rejection, text);
        }
    };

    let text = format!("{method} {path}: rule `{}`", rule.route);
    match (rule.auth, bearer) {
        (Auth::None, _) => checks.passed("rule", format!("{text} is public and reads no token")),
        (Auth::ApiKey | Auth::Mtls, _) => {
            let rejection = Rejection::unauthenticated(Reason::MissingCredentials);
            checks.failed("rule", rejection, format!("{text} reads no token"));
        }
        (_, None) => checks.skipped("rule", format!("{text}; the token is refused")),
        (_, Some(bearer)) => explain_rule(checks, rule, bearer, text),
    }
}

fn explain_rule(checks: &mut Checks, rule: &Rule, bearer: &Arc<Bearer>, text: String) {
    let identity = Identity {
        bearer: Some(Arc::clone(bearer)),
        ..Identity::default()
    };
    match identity.check_rule(rule) {
        Ok(()) => checks.passed("rule", format!("{text} accepts the token")),
        Err(rejection) => {
            let text = format!("{text}: {}", detail(&rejection));
            checks.failed("rule", rejection, text);
        }
    }
}
