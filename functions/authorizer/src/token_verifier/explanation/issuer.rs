//! Explains the issuer, the tenant and the audience of a token.

use policy::Issuer;
use serde_json::Value;

use crate::rejection::Rejection;
use crate::token::claims::Claims;
use crate::token_explanation::Checks;
use crate::token_explanation::text::{audience, json, list};
use crate::token_verifier::TokenVerifier;
use crate::trusted_issuers::TokenIssuer;

impl TokenVerifier {
    /// Adds the checks of issuer, tenant and audience. Returns the entry of the policy that applies,
    /// or the first one for the issuer if the tenant or the audience is refused.
    pub(super) fn explain_issuer<'t>(
        &'t self,
        checks: &mut Checks,
        claims: &'t Claims,
    ) -> Option<TokenIssuer<'t>> {
        let (issuer, rejection) = match self.issuers.choose(claims) {
            Ok(chosen) => (Some(chosen), None),
            Err(rejection) => (self.entries(claims).next(), Some(rejection)),
        };

        match (&issuer, rejection) {
            (Some(issuer), rejection) => {
                checks.passed("issuer", entry_text(issuer));
                self.explain_choice(checks, issuer, claims, rejection);
            }
            (None, Some(rejection)) => {
                checks.failed("issuer", rejection, self.unknown_issuer(claims));
            }
            (None, None) => {}
        }
        issuer
    }

    /// Adds the checks of tenant and audience, of which one may have failed.
    fn explain_choice(
        &self,
        checks: &mut Checks,
        issuer: &TokenIssuer<'_>,
        claims: &Claims,
        rejection: Option<Rejection>,
    ) {
        let is_audience = |rejection: &Rejection| rejection.detail.as_deref() == Some("audience");
        let is_tenant_refused = rejection.as_ref().is_some_and(|it| !is_audience(it));

        if let Some(name) = issuer.tenant {
            let tid = claims.get("tid").map_or("missing".to_owned(), json);
            let text = format!("the tenant is `{name}`, `tid` is {tid}");
            let refused = rejection.clone().filter(|it| !is_audience(it));
            checks.add("tenant", refused.map_or(Ok(()), Err), text);
        }
        if is_tenant_refused {
            return checks.skipped("audience", "the tenant is refused");
        }

        match rejection {
            Some(rejection) => {
                checks.failed("audience", rejection, self.refused_audience(claims));
            }
            None => {
                let audiences = &issuer.trusted.issuer.audiences;
                checks.passed("audience", audience(audiences, claims));
            }
        }
    }

    /// Returns the entries for the issuer of a token.
    fn entries<'t>(&'t self, claims: &'t Claims) -> impl Iterator<Item = TokenIssuer<'t>> {
        let iss = claims.get("iss").and_then(Value::as_str);
        iss.into_iter().flat_map(|iss| self.issuers.candidates(iss))
    }

    /// Returns the audience of a token, and those that each entry for its issuer accepts.
    fn refused_audience(&self, claims: &Claims) -> String {
        let entries = self.entries(claims).map(|entry| {
            let issuer = &entry.trusted.issuer;
            let audience = audience(&issuer.audiences, claims);
            format!("entry `{}`: {audience}", issuer.mapping.name)
        });
        entries.collect::<Vec<_>>().join("; ")
    }

    /// Returns the issuer of a token, and the trusted ones.
    fn unknown_issuer(&self, claims: &Claims) -> String {
        let Some(iss) = claims.get("iss").and_then(Value::as_str) else {
            return "`iss` is missing or not a string".to_owned();
        };
        let trusted = || self.issuers.iter().map(|trusted| trusted.issuer.iss());
        let text = format!(
            "`iss` is {}, trusted: {}",
            json(&iss.into()),
            list(trusted())
        );

        let without_slash = |iss: &str| iss.trim_end_matches('/').to_owned();
        if trusted().any(|known| without_slash(known) == without_slash(iss)) {
            format!("{text}; only the slash at the end differs")
        } else {
            text
        }
    }
}

fn entry_text(entry: &TokenIssuer<'_>) -> String {
    let Issuer { mapping, .. } = &entry.trusted.issuer;
    let iss = json(&entry.iss.into());
    if *mapping.name == *entry.iss {
        format!("`iss` is {iss}")
    } else {
        format!("`iss` is {iss}, entry `{}`", mapping.name)
    }
}
