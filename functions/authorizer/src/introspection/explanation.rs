//! Explains an opaque token: makes the checks of its claims, also after one has failed.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::token::bearer::Bearer;
use crate::token::times::Times;
use crate::token_explanation::text::{self, json, list};
use crate::token_explanation::{Checks, bearer, detail};

use super::claims_check::{check_active, check_audience, check_issuer, limits};
use super::{Introspection, REFUSED_BY_SERVER, TokenResult};

impl Introspection {
    /// Adds the checks of an opaque token. `decision` is that of [`Self::verify`], which remembers no
    /// claims, so the server is asked for them again.
    pub(crate) async fn explain(
        &self,
        checks: &mut Checks,
        token: &str,
        now: Timestamp,
        decision: &TokenResult,
    ) {
        if let Err(rejection) = decision
            && !self.matches_pattern(token)
        {
            let text = "the token does not match `token_pattern`, so the server is not asked";
            return checks.failed("introspection", rejection.clone(), text);
        }

        match self
            .claims_of(token, self.endpoint.opaque_guard(), now)
            .await
        {
            Ok(Some(claims)) => self.explain_claims(checks, &claims, now),
            Ok(None) => {
                let text = "the server refuses the token";
                checks.failed("introspection", REFUSED_BY_SERVER, text);
            }
            Err(rejection) => {
                let text = detail(&rejection);
                checks.failed("introspection", rejection, text);
            }
        }
    }

    fn explain_claims(&self, checks: &mut Checks, claims: &Map<String, Value>, now: Timestamp) {
        let server = &self.server;
        let status = check_active(claims);
        checks.add("introspection", status.clone(), value(claims, "active"));
        // The response for a token that is not active contains no other claims.
        if status.is_err() {
            return checks.skipped("other checks", "the token is not an active access token");
        }

        let limits = limits(server);
        let times = Times::read(claims);
        let result = times.clone().and_then(|times| times.check(now, limits));
        checks.add("times", result, text::times(claims, now, limits));

        if let Some(issuer) = &server.issuer {
            let text = format!("{}, expected: `{issuer}`", value(claims, "iss"));
            checks.add("issuer", check_issuer(server, claims), text);
        }
        if !server.audiences.is_empty() {
            let accepted = list(&server.audiences);
            let text = format!("{}, accepted: {accepted}", value(claims, "aud"));
            checks.add("audience", check_audience(server, claims), text);
        }

        let Ok(times) = times else {
            return checks.skipped("user", "the times are invalid");
        };
        let (mapping, iss) = (&server.mapping, &server.mapping.issuer);
        match Bearer::read(claims, times, mapping, iss, "introspection") {
            Ok(bearer) => bearer::explain(checks, &bearer, mapping, claims),
            Err(refusal) => bearer::explain_refusal(checks, refusal, mapping, claims),
        }
    }
}

/// Returns a claim of the response with its value.
fn value(claims: &Map<String, Value>, name: &str) -> String {
    match claims.get(name) {
        Some(value) => format!("`{name}` is {}", json(value)),
        None => format!("`{name}` is missing"),
    }
}
