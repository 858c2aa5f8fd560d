//! Verifies opaque tokens through the introspection endpoint of their authorization server.
//!
//! Source: RFC 7662. A token with the form of a JWT is not sent there: either its issuer is trusted
//! or it is not, and a third party should not see it. The exception is a valid JWT of an issuer with
//! [revocation] by introspection.

mod claims_check;
mod client_assertion;
mod client_credentials;
mod client_signer;
mod endpoint;
mod endpoint_guard;
mod explanation;
mod request;
mod response;
mod result_cache;
mod revocation;
mod single_flight;

use std::sync::{Arc, Mutex, PoisonError};

use aws::HttpCalls;
use jiff::{SignedDuration, Timestamp};
use outcome::Reason;
use policy::{IntrospectionServer, decode_base64url};
use serde_json::{Map, Value};

use crate::policy_load_error::PolicyLoadError;
use crate::rejection::Rejection;
use crate::secrets::SecretReader;
use crate::token::bearer::Bearer;
use crate::token::refusal::TokenRefusal;
use crate::token_verifier::TokenHash;

use self::claims_check::{bearer, limits};
use self::endpoint::Endpoint;
use self::endpoint_guard::EndpointGuard;
use self::response::IntrospectionError;
use self::result_cache::ResultCache;
use self::revocation::RevocationCheck;
use self::single_flight::SingleFlight;

/// The kind of credential in the context of a request with an opaque token.
pub(crate) const AUTH: &str = "introspection";

/// The pause between two log lines about refusals with a status other than 200.
const LOG_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// The refusal of a token that the server itself refuses.
const REFUSED_BY_SERVER: TokenRefusal = TokenRefusal::invalid_token("refused_by_server");

type TokenResult = Result<Arc<Bearer>, Rejection>;

/// Verifies tokens through one introspection server, and remembers the results.
#[derive(Debug)]
pub(crate) struct Introspection {
    server: IntrospectionServer,
    endpoint: Endpoint,
    results: ResultCache<Arc<Bearer>>,
    flights: SingleFlight<TokenHash, TokenResult>,
    /// The status of JWTs, apart from opaque tokens.
    revocation: RevocationCheck,
    /// The last log line about a refusal.
    logged_at: Mutex<Option<Timestamp>>,
}

/// True if a token has a JOSE header and so is a JWT: signed, encrypted or neither.
pub(crate) fn is_jose(token: &str) -> bool {
    let header = token
        .split_once('.')
        .and_then(|(header, _)| decode_base64url(header));
    header.is_some_and(|header| header.trim_ascii_start().starts_with(b"{"))
}

impl Introspection {
    /// Creates introspection at this server. The connections to the endpoint and its protection are
    /// kept if `previous` has the same one.
    pub(crate) fn new(
        mut server: IntrospectionServer,
        calls: HttpCalls,
        secrets: Arc<SecretReader>,
        previous: Option<&Self>,
    ) -> Self {
        let previous = previous.map(|previous| &previous.endpoint);
        let endpoint = Endpoint::take(&mut server, calls, secrets, previous);
        let ttl = SignedDuration::from_secs(server.cache_s.into());

        Self {
            results: ResultCache::new(ttl),
            revocation: RevocationCheck::new(ttl),
            server,
            endpoint,
            flights: SingleFlight::new(),
            logged_at: Mutex::default(),
        }
    }

    /// Reads the secret of the client or its private key, if it has one.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses the reference, or the key cannot be used.
    pub(crate) async fn load_secret(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        self.endpoint.load_secret(now).await
    }

    /// Returns the bearer of a token that is valid at `now`. `hash` is the hash of the token.
    pub(crate) async fn verify(&self, token: &str, hash: TokenHash, now: Timestamp) -> TokenResult {
        if !self.matches_pattern(token) {
            return Err(self.rejection(TokenRefusal::invalid_token("pattern")));
        }

        if let Some(result) = self.remembered(&hash, now) {
            return result;
        }
        self.flights
            .join(hash, || Box::pin(self.introspect(token, hash, now)))
            .await
    }

    /// True if the policy allows the server to be asked about a token of this form.
    fn matches_pattern(&self, token: &str) -> bool {
        let pattern = self.server.token_pattern.as_ref();
        pattern.is_none_or(|pattern| pattern.is_match(token))
    }

    /// Returns the result that is remembered for a token, if it can still be used.
    fn remembered(&self, hash: &TokenHash, now: Timestamp) -> Option<TokenResult> {
        let result = self.results.get(hash, now)?;
        let result = result.and_then(|bearer| {
            bearer.times.check(now, limits(&self.server))?;
            Ok(bearer)
        });
        Some(result.map_err(|refusal| self.rejection(refusal)))
    }

    fn rejection(&self, refusal: TokenRefusal) -> Rejection {
        Rejection::from(refusal).of_issuer(&self.server.mapping.name)
    }

    /// Asks the server about a token and remembers the result.
    async fn introspect(&self, token: &str, hash: TokenHash, now: Timestamp) -> TokenResult {
        let result = match self
            .claims_of(token, self.endpoint.opaque_guard(), now)
            .await?
        {
            Some(claims) => bearer(&self.server, &claims, now).map(Arc::new),
            None => Err(REFUSED_BY_SERVER),
        };

        self.results.insert(hash, &result, now);
        result.map_err(|refusal| self.rejection(refusal))
    }

    /// Returns the claims of a token, or `None` if the server refuses the token itself.
    ///
    /// # Errors
    /// 500 if the server is unavailable or refuses the client.
    async fn claims_of(
        &self,
        token: &str,
        guard: &EndpointGuard,
        now: Timestamp,
    ) -> Result<Option<Map<String, Value>>, Rejection> {
        match self.endpoint.claims(token, guard, now).await {
            Ok(claims) => Ok(Some(claims)),
            Err(IntrospectionError::Token(text)) => {
                self.log_refusal(&text, now);
                Ok(None)
            }
            Err(IntrospectionError::Credentials(text)) => {
                let problem = if self.endpoint.has_client_key() {
                    format!("introspection: the server refuses the client id or key: {text}")
                } else {
                    format!("introspection: the server refuses the client id or secret: {text}")
                };
                Err(Rejection::fault(Reason::Fault, problem))
            }
            Err(IntrospectionError::ClientKey(text)) => {
                let problem = format!("introspection: client_key: {text}");
                Err(Rejection::fault(Reason::Fault, problem))
            }
            // A client may have caused a single response like this. Only a high rate is an alarm.
            Err(IntrospectionError::Unusable(text)) => {
                let problem = format!("introspection: {text}");
                Err(Rejection::unavailable(Reason::KeysUnavailable, problem))
            }
        }
    }

    /// Logs a refusal, at most once per interval. A server that refuses every token is
    /// misconfigured.
    fn log_refusal(&self, text: &str, now: Timestamp) {
        let mut logged_at = self
            .logged_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_due = logged_at.is_none_or(|at| now.duration_since(at).abs() >= LOG_INTERVAL);
        if is_due {
            *logged_at = Some(now);
            tracing::warn!(
                response = text,
                "the authorization server refuses to introspect a token"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::Reach;
    use http::Uri;
    use policy::{Assertions, ClaimMapping, ClaimReference, ClientAuth, PlanMapping};
    use telemetry::RecordLog;

    use super::*;
    use crate::outbound::http_calls;

    #[test]
    fn jwt_is_distinguished_from_an_opaque_token() {
        for token in [
            "eyJhbGciOiJub25lIn0.e30.",
            "eyJhbGciOiJub25lIn0.e30.x.y.z",
            "e30.x",
            "IHt9.x",
        ] {
            assert!(is_jose(token), "{token}");
        }
        for token in [
            "opaque",
            "a.b.c",
            "2YotnFZFEjr1zCsicMWpAA",
            "eyJhbGciOiJub25lIn0",
            "",
        ] {
            assert!(!is_jose(token), "{token}");
        }
    }

    fn introspection() -> Introspection {
        introspection_at(
            Uri::from_static("https://auth.example.com/introspect"),
            None,
        )
    }

    /// Returns introspection at this endpoint, without client authentication.
    pub(super) fn introspection_at(endpoint: Uri, issuer: Option<String>) -> Introspection {
        let mapping = ClaimMapping {
            name: "opaque".into(),
            issuer: "https://auth.example.com/introspect".into(),
            user: ClaimReference::to_names(&["sub"]),
            scopes: ClaimReference::to_names(&["scope"]),
            roles: ClaimReference::to_names(&["roles"]),
            plan: PlanMapping::claimed_in("plan", Some("free")),
            trusts_email: false,
            assertions: Assertions::default(),
        };
        let server = IntrospectionServer {
            endpoint,
            is_unencrypted: false,
            auth: ClientAuth::None,
            client_id: String::new(),
            client_secret: None,
            client_key: None,
            cache_s: 300,
            token_pattern: None,
            issuer,
            audiences: Vec::new(),
            mapping,
            tolerance_s: 30,
        };
        let records = || RecordLog::to(std::io::sink());
        let secrets = SecretReader::new(Arc::new(|_: &str| None), records);
        Introspection::new(server, http_calls(records(), Reach::Local), secrets, None)
    }

    #[test]
    fn refused_tokens_do_not_evict_accepted_ones() {
        let introspection = introspection();
        let now = Timestamp::from_second(1_795_348_800).unwrap();
        let claims = serde_json::json!({"active": true, "sub": "alice"});
        let bearer = bearer(&introspection.server, claims.as_object().unwrap(), now).map(Arc::new);
        introspection.results.insert([0; 32], &bearer, now);

        for number in 1..=30_000_u32 {
            let mut hash = [1; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            introspection
                .results
                .insert(hash, &Err(TokenRefusal::invalid_token("inactive")), now);
        }

        assert!(matches!(
            introspection.remembered(&[0; 32], now),
            Some(Ok(_))
        ));
    }
}
