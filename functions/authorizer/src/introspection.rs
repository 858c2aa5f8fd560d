//! Opaque tokens: their authorization server says whose they are.
//!
//! Source: RFC 7662. A token that is a JWT by its form is never sent there: its issuer is trusted
//! or it is not, and showing it to a third party would help neither.

mod judgement;
mod request;
mod response;
mod secret;
mod secret_reader;
mod single_flight;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws::{Breaker, Deadline, HttpCall, HttpCalls, Replay};
use jiff::{SignedDuration, Timestamp};
use outcome::Reason;
use policy::{IntrospectionServer, decode_base64url};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::Stop;
use crate::recent::Recent;
use crate::token::bearer::Bearer;

use self::judgement::{judge, limits};
use self::request::{Client, request};
use self::response::{NoClaims, read};
use self::secret::Secret;
use self::single_flight::SingleFlight;

pub(crate) use self::secret_reader::{SecretError, SecretReader};

/// Well within the 10 s that API Gateway waits for an authorizer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How many calls an instance has in flight. More would only queue at the server.
const MAX_CALLS_IN_FLIGHT: usize = 64;
/// How long a refusal is remembered.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(10);
/// Remembered tokens, the accepted ones and the refused ones each.
const MAX_REMEMBERED: usize = 10_000;
/// Between two log lines about refusals with another status than 200.
const LOG_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

type Outcome = Result<Arc<Bearer>, Stop>;

/// Asks the server, and remembers what it said. Accepted and refused tokens are remembered apart,
/// so that made-up tokens push no real one out.
#[derive(Debug)]
pub(crate) struct Introspection {
    server: IntrospectionServer,
    /// How long a response is reused.
    cached_for: SignedDuration,
    /// The secret of the client, if it has one.
    secret: Option<Arc<Secret>>,
    calls: HttpCalls,
    secrets: Arc<SecretReader>,
    line: Arc<Line>,
    accepted: Recent<[u8; 32], Accepted>,
    refused: Recent<[u8; 32], Refused>,
    flights: SingleFlight<[u8; 32], Outcome>,
    logged: Mutex<Option<Timestamp>>,
}

/// What protects one endpoint from too many calls. It outlives a change of the policy.
#[derive(Debug)]
struct Line {
    breaker: Breaker,
    places: Semaphore,
}

#[derive(Clone)]
struct Accepted {
    bearer: Arc<Bearer>,
    at: Timestamp,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Accepted").finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    reason: Reason,
    at: Timestamp,
}

/// Returns whether a token has a JOSE header, so that it is a JWT: signed, encrypted or neither.
pub(crate) fn is_jose(token: &str) -> bool {
    let header = token
        .split_once('.')
        .and_then(|(header, _)| decode_base64url(header));
    header.is_some_and(|header| header.trim_ascii_start().starts_with(b"{"))
}

impl Introspection {
    /// Introspection at this server. What protects the endpoint is taken over from `before` if it
    /// is the same.
    pub(crate) fn new(
        mut server: IntrospectionServer,
        calls: HttpCalls,
        secrets: Arc<SecretReader>,
        before: Option<&Self>,
    ) -> Self {
        let same = before.filter(|before| before.server.endpoint == server.endpoint);
        Self {
            line: same.map_or_else(|| Arc::new(Line::new()), |before| Arc::clone(&before.line)),
            cached_for: SignedDuration::from_secs(server.cache_s.into()),
            secret: server
                .client_secret
                .take()
                .map(|reference| Arc::new(Secret::new(reference))),
            server,
            calls,
            secrets,
            accepted: Recent::new(MAX_REMEMBERED),
            refused: Recent::new(MAX_REMEMBERED),
            flights: SingleFlight::new(),
            logged: Mutex::default(),
        }
    }

    /// Reads the secret that the client authenticates with, if it has one.
    pub(crate) async fn load_secret(&self, now: Timestamp) -> Result<(), SecretError> {
        match &self.secret {
            Some(secret) => secret.load(&self.secrets, now).await,
            None => Ok(()),
        }
    }

    /// Whose token this is, whose hash is given too, if it is valid at `now`.
    pub(crate) async fn verify(&self, token: &str, hash: [u8; 32], now: Timestamp) -> Outcome {
        if self
            .server
            .token_pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.is_match(token))
        {
            return Err(Stop::Unauthenticated(Reason::InvalidToken));
        }
        if let Some(outcome) = self.remembered(&hash, now) {
            return outcome;
        }
        self.flights
            .join(hash, || Box::pin(self.decide(token, hash, now)))
            .await
    }

    fn remembered(&self, hash: &[u8; 32], now: Timestamp) -> Option<Outcome> {
        let recent = |at: Timestamp, duration| now.duration_since(at).abs() < duration;
        if let Some(accepted) = self
            .accepted
            .get(hash)
            .filter(|it| recent(it.at, self.cached_for))
        {
            let checked = accepted.bearer.times.check(now, limits(&self.server));
            return Some(
                checked
                    .map(|()| accepted.bearer)
                    .map_err(Stop::Unauthenticated),
            );
        }
        let refused_for = REFUSED_FOR.min(self.cached_for);
        let refused = self
            .refused
            .get(hash)
            .filter(|it| recent(it.at, refused_for))?;
        Some(Err(Stop::Unauthenticated(refused.reason)))
    }

    async fn decide(&self, token: &str, hash: [u8; 32], now: Timestamp) -> Outcome {
        let judged = match self.ask(token, now).await {
            Ok(claims) => judge(&self.server, &claims, now),
            Err(NoClaims::Token(text)) => {
                self.log_refusal(&text, now);
                Err(Reason::InvalidToken)
            }
            Err(NoClaims::Credentials(text)) => {
                let text =
                    format!("introspection: the server refuses the client id or secret: {text}");
                return Err(Stop::Fault(Reason::Fault, text));
            }
            // No single response pages, since a client may have caused it; a rate of them does.
            Err(NoClaims::Unusable(text)) => {
                return Err(Stop::Unavailable(
                    Reason::KeysUnavailable,
                    format!("introspection: {text}"),
                ));
            }
        };

        match judged {
            Ok(bearer) => {
                let bearer = Arc::new(bearer);
                self.accepted.put(
                    hash,
                    Accepted {
                        bearer: Arc::clone(&bearer),
                        at: now,
                    },
                );
                Ok(bearer)
            }
            Err(reason) => {
                self.refused.put(hash, Refused { reason, at: now });
                Err(Stop::Unauthenticated(reason))
            }
        }
    }

    /// Asks the server. If it refuses the credentials and the secret has changed meanwhile, it is
    /// asked again.
    async fn ask(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>, NoClaims> {
        let Ok(_place) = self.line.places.try_acquire() else {
            return Err(NoClaims::Unusable(format!(
                "{MAX_CALLS_IN_FLIGHT} calls are in flight"
            )));
        };
        let deadline = Deadline::after(Instant::now(), CALL_TIMEOUT);
        let secret = self.current_secret(now).await?;
        let outcome = self.call(token, secret.as_deref(), deadline).await;

        let Err(NoClaims::Credentials(_)) = outcome else {
            return outcome;
        };
        let Some(changed) = self.changed_secret(secret.as_deref(), now).await else {
            return outcome;
        };
        self.call(token, Some(&changed), deadline).await
    }

    async fn current_secret(&self, now: Timestamp) -> Result<Option<Arc<str>>, NoClaims> {
        let Some(secret) = &self.secret else {
            return Ok(None);
        };
        let value = secret.value(&self.secrets, now).await;
        value
            .map(Some)
            .map_err(|error| NoClaims::Unusable(format!("client_secret: {error}")))
    }

    async fn changed_secret(&self, before: Option<&str>, now: Timestamp) -> Option<Arc<str>> {
        let value = self.secret.as_ref()?.reloaded(&self.secrets, now).await?;
        (Some(&*value) != before).then_some(value)
    }

    async fn call(
        &self,
        token: &str,
        secret: Option<&str>,
        deadline: Deadline,
    ) -> Result<Map<String, Value>, NoClaims> {
        let IntrospectionServer {
            endpoint,
            auth,
            client_id,
            ..
        } = &self.server;
        let client = Client {
            auth: *auth,
            id: client_id,
            secret: secret.unwrap_or_default(),
        };
        let request = request(endpoint, &client, token)
            .map_err(|error| NoClaims::Unusable(error.to_string()))?;

        let replay = Replay::OnceIfUnanswered;
        let call = HttpCall {
            service: "introspection",
            operation: "Introspect",
            request,
            replay,
        };
        let response = self
            .calls
            .send_guarded(&self.line.breaker, call, deadline)
            .await;
        read(response.map_err(|error| NoClaims::Unusable(error.to_string()))?)
    }

    /// A server that responds so to every token is set up wrongly, which somebody has to see.
    fn log_refusal(&self, text: &str, now: Timestamp) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| now.duration_since(logged).abs() >= LOG_INTERVAL) {
            *logged = Some(now);
            tracing::warn!(
                response = text,
                "the authorization server refuses to introspect a token"
            );
        }
    }
}

impl Line {
    const fn new() -> Self {
        Self {
            breaker: Breaker::new("introspection"),
            places: Semaphore::const_new(MAX_CALLS_IN_FLIGHT),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::Reach;
    use http::Uri;
    use policy::{Assertions, ClaimMapping, ClientAuth};
    use telemetry::RecordLog;

    use super::*;
    use crate::outbound::http_calls;

    #[test]
    fn a_jwt_of_any_kind_is_told_from_an_opaque_token() {
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
        let mapping = ClaimMapping {
            name: "opaque".into(),
            issuer: "https://auth.example.com/introspect".into(),
            user_claim: "sub".to_owned(),
            plan_claim: None,
            default_plan: Some("free".to_owned()),
            trusts_email: false,
            assertions: Assertions::default(),
        };
        let server = IntrospectionServer {
            endpoint: Uri::from_static("https://auth.example.com/introspect"),
            auth: ClientAuth::None,
            client_id: String::new(),
            client_secret: None,
            cache_s: 300,
            token_pattern: None,
            issuer: None,
            audiences: Vec::new(),
            mapping,
            tolerance_s: 30,
        };
        let records = || RecordLog::to(std::io::sink());
        let secrets = SecretReader::new(Arc::new(|_: &str| None), records);
        Introspection::new(
            server,
            http_calls(records(), Reach::Deployed),
            secrets,
            None,
        )
    }

    #[test]
    fn refused_tokens_push_no_accepted_one_out() {
        let (introspection, now) = (
            introspection(),
            Timestamp::from_second(1_795_348_800).unwrap(),
        );
        let claims = serde_json::json!({"active": true, "sub": "alice"});
        let bearer = judge(&introspection.server, claims.as_object().unwrap(), now)
            .map(Arc::new)
            .ok()
            .unwrap();
        introspection
            .accepted
            .put([0; 32], Accepted { bearer, at: now });

        for number in 1..=3 * u32::try_from(MAX_REMEMBERED).unwrap() {
            let mut hash = [1; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            introspection.refused.put(
                hash,
                Refused {
                    reason: Reason::InvalidToken,
                    at: now,
                },
            );
        }
        assert!(matches!(
            introspection.remembered(&[0; 32], now),
            Some(Ok(_))
        ));
    }
}
