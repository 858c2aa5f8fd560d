//! Explains a token: makes every check of [`TokenVerifier::verify`], also after one has failed.
//!
//! The decision is that of `verify`. The checks are its own steps, so both agree.

mod issuer;

use std::sync::Arc;

use jiff::Timestamp;
use policy::{Key, decode_base64url};

use super::{TokenVerifier, admitted_algorithm, check_kid, check_type, read_times};
use crate::introspection::is_jose;
use crate::issuer_keys::{IssuerKeys, TokenSigner};
use crate::rejection::Rejection;
use crate::token::bearer::Bearer;
use crate::token::claims::Claims;
use crate::token::jws::{Jws, MAX_TOKEN_BYTES};
use crate::token::refusal::TokenRefusal;
use crate::token_explanation::text::{self, json, list};
use crate::token_explanation::{Checks, bearer, detail};
use crate::trusted_issuers::TokenIssuer;

type Decision = Result<Arc<Bearer>, Rejection>;

impl TokenVerifier {
    /// Returns the checks of a token at `now`, and the decision.
    pub(crate) async fn explain(&self, token: &str, now: Timestamp) -> (Checks, Decision) {
        let mut checks = Checks::default();
        let decision = self.verify(token, now).await;

        match self.introspection.as_ref().filter(|_| !is_jose(token)) {
            Some(introspection) if token.len() <= MAX_TOKEN_BYTES => {
                checks.passed("form", "not a JWT, so the introspection server is asked");
                introspection
                    .explain(&mut checks, token, now, &decision)
                    .await;
            }
            _ => self.explain_jwt(&mut checks, token, &decision, now).await,
        }
        (checks, decision)
    }

    async fn explain_jwt(
        &self,
        checks: &mut Checks,
        token: &str,
        decision: &Decision,
        now: Timestamp,
    ) {
        let parsed = Jws::parse(token).and_then(|jws| jws.claims().map(|claims| (jws, claims)));
        let (jws, claims) = match (parsed, decision) {
            (Ok(parsed), _) => parsed,
            (Err(_), Err(rejection)) => {
                return checks.failed("form", rejection.clone(), malformed(token, rejection));
            }
            (Err(refusal), Ok(_)) => return checks.failed("form", refusal, "not a JWT"),
        };
        checks.passed("form", format!("a signed JWT of {} bytes", token.len()));

        let Some(issuer) = self.explain_issuer(checks, &claims) else {
            return checks.skipped("other checks", "no entry of the policy is for this issuer");
        };
        explain_signature(checks, &issuer, &jws, &header(token), now).await;
        explain_claims(checks, &issuer, &claims, now);
        self.explain_revocation(checks, &issuer, decision);
    }

    /// Adds the answer of the introspection server, which is asked about valid tokens only.
    fn explain_revocation(
        &self,
        checks: &mut Checks,
        issuer: &TokenIssuer<'_>,
        decision: &Decision,
    ) {
        if !issuer.trusted.issuer.checks_revocation {
            return;
        }

        match decision {
            Ok(_) => checks.passed(
                "revocation",
                "the introspection server reports it as active",
            ),
            Err(_) if checks.have_failure() => {
                let text = "the introspection server is asked about valid tokens only";
                checks.skipped("revocation", text);
            }
            Err(rejection) => {
                let text = "the introspection server does not report it as active";
                checks.failed("revocation", rejection.clone(), text);
            }
        }
    }
}

/// Returns why a token is not a signed JWT in compact form.
fn malformed(token: &str, rejection: &Rejection) -> String {
    let detail = detail(rejection);
    let text = match detail.as_str() {
        "opaque" | "form" if token == "null" => {
            "the text `null`, which `jq` prints if the provider refused the request for a token"
        }
        "opaque" | "form" if token.starts_with('{') => "a JSON document, expected the token alone",
        "opaque" | "form" if token.contains(' ') => {
            "it contains a space, expected the token alone, without `Authorization: Bearer`"
        }
        "form" if token.split('.').count() == 5 => {
            "five parts: the token is encrypted (JWE), which is not supported"
        }
        "too_long" => "longer than 10,240 bytes, and API Gateway passes no longer headers",
        "opaque" => {
            "not a JWT, and the policy has no `introspection` for opaque tokens; with \
             `api_keys.bearer`, the authorizer looks it up as an API key"
        }
        "algorithm" => "the header has no string `alg`",
        "type" => "the header's `typ` is not a string",
        "header:kid" => "the header's `kid` is not a string of 1 to 512 bytes",
        "header:enc" => "the token is encrypted (JWE), which is not supported",
        "header:crit" | "header:b64" | "header:zip" => {
            "the header has a parameter that is not supported"
        }
        _ => {
            "expected three parts of base64url, separated by dots: two JSON objects without \
             duplicate fields, and a signature"
        }
    };
    text.to_owned()
}

/// Explains the header, the key and the signature.
async fn explain_signature(
    checks: &mut Checks,
    issuer: &TokenIssuer<'_>,
    jws: &Jws<'_>,
    header: &Claims,
    now: Timestamp,
) {
    let trusted = issuer.trusted;
    let requirements = &trusted.issuer;
    let algorithm = admitted_algorithm(requirements, jws);
    let mut names: Vec<_> = requirements
        .algorithms
        .iter()
        .map(|known| known.name())
        .collect();
    // `EdDSA` and `Ed25519` are the same algorithm.
    names.dedup();
    let text = format!("{}, accepted: {}", parameter(header, "alg"), list(names));
    checks.add("algorithm", algorithm.clone().map(drop), text);

    let text = format!(
        "{}, accepted: {}",
        parameter(header, "typ"),
        list(&requirements.types)
    );
    checks.add("type", check_type(requirements, jws), text);

    let kid = check_kid(trusted, jws);
    checks.add("kid", kid.clone(), parameter(header, "kid"));

    let (Ok(algorithm), Ok(())) = (algorithm, kid) else {
        return checks.skipped("signature", "the header is refused");
    };
    match trusted.keys.verify(jws, algorithm, issuer, now).await {
        Ok(signer) => {
            checks.passed("key", signer_text(&signer, &trusted.keys));
            checks.passed("signature", "made by this key");
        }
        Err(rejection) => explain_signer(checks, rejection),
    }
}

/// Explains the times, the required claims, and what the claims say about the user.
fn explain_claims(checks: &mut Checks, issuer: &TokenIssuer<'_>, claims: &Claims, now: Timestamp) {
    let requirements = &issuer.trusted.issuer;
    let limits = requirements.limits;
    let times = read_times(claims);
    let result = times.clone().and_then(|times| times.check(now, limits));
    checks.add("times", result, text::times(claims, now, limits));

    for required in &requirements.required_claims {
        let result = match required.is_met(claims) {
            true => Ok(()),
            false => Err(TokenRefusal::claim(&required.path)),
        };
        checks.add("required claim", result, text::required(required, claims));
    }

    let Ok(times) = times else {
        return checks.skipped("user", "the times are invalid");
    };
    let mapping = &requirements.mapping;
    match Bearer::read(claims, times, mapping, issuer.iss, "jwt") {
        Ok(bearer) => bearer::explain(checks, &bearer, mapping, claims),
        Err(refusal) => bearer::explain_refusal(checks, refusal, mapping, claims),
    }
}

/// Returns a parameter of the header with its value.
fn parameter(header: &Claims, name: &str) -> String {
    match header.get(name) {
        Some(value) => format!("`{name}` is {}", json(value)),
        None => format!("the header has no `{name}`"),
    }
}

/// Returns the header of a token that was parsed before.
fn header(token: &str) -> Claims {
    let header = token.split('.').next().and_then(decode_base64url);
    let header = header.and_then(|header| strict_json::object(&header));
    header.unwrap_or_default()
}

/// Adds the failed check of the key or of the signature.
fn explain_signer(checks: &mut Checks, rejection: Rejection) {
    let (check, text) = match rejection.detail.as_deref() {
        Some("signature") => (
            "signature",
            "not made by the key or secret of the issuer, or the token was changed".to_owned(),
        ),
        Some("kid_unknown") => (
            "key",
            "the key set of the issuer has no key with this `kid` and algorithm".to_owned(),
        ),
        Some("key_issuer") => ("key", "the key is for another issuer".to_owned()),
        _ => ("key", detail(&rejection)),
    };
    checks.failed(check, rejection, text);
}

fn signer_text(signer: &TokenSigner, keys: &IssuerKeys) -> String {
    let origin = match keys {
        IssuerKeys::Inline(_) => "in the policy",
        IssuerKeys::Fetched(_) => "fetched from the issuer",
        IssuerKeys::Secrets(_) => "shared with the issuer",
    };
    match signer {
        TokenSigner::Key(key) => format!("{}, {origin}", key_text(key)),
        TokenSigner::Secret(_) => format!("a secret, {origin}"),
    }
}

fn key_text(key: &Key) -> String {
    match &key.kid {
        Some(kid) => format!("key {}", json(&kid.as_str().into())),
        None => "a key without `kid`".to_owned(),
    }
}
