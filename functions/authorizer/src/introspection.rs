//! Opaque tokens: their authorization server says whose they are.
//!
//! Source: RFC 7662. A token that is a JWT by its form is never sent there: its issuer is trusted or it is not,
//! and showing it to a third party would help neither.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use calls::{Breaker, Deadline, HttpCall, HttpCalls, Replay};
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use regex_lite::Regex;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::bearer::{Bearer, Reading};
use crate::claims::string;
use crate::introspection_request::{Client, ClientAuth, request};
use crate::introspection_response::{NoClaims, read};
use crate::jws::decoded;
use crate::recent::Recent;
use crate::secret::Secret;
use crate::secret_reader::{SecretError, SecretReader};
use crate::single_flight::SingleFlight;
use crate::times::{Limits, Times};
use crate::{Reason, Stop};

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

/// The authorization server, as the policy trusts it.
pub(crate) struct Server {
    pub(crate) endpoint: Uri,
    pub(crate) auth: ClientAuth,
    pub(crate) client_id: String,
    /// None with [`ClientAuth::None`].
    pub(crate) client_secret: Option<Arc<Secret>>,
    pub(crate) cached_for: SignedDuration,
    /// The form of the server's tokens; others are refused without a call.
    pub(crate) token_pattern: Option<Regex>,
    /// A response's `iss` has to be this one, if it is given.
    pub(crate) issuer: Option<String>,
    /// A response's `aud` has to name one of these, if there are any.
    pub(crate) audiences: Vec<String>,
    pub(crate) reading: Reading,
    pub(crate) tolerance_s: i64,
}

/// Without the secret.
impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

type Outcome = Result<Arc<Bearer>, Stop>;

/// Asks the server, and remembers what it said. Accepted and refused tokens are remembered apart, so that made-up
/// tokens push no real one out.
#[derive(Debug)]
pub(crate) struct Introspection {
    server: Server,
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
    let header = token.split_once('.').and_then(|(header, _)| decoded(header));
    header.is_some_and(|header| header.trim_ascii_start().starts_with(b"{"))
}

impl Introspection {
    /// Introspection at this server. What protects the endpoint is taken over from `before` if it is the same.
    pub(crate) fn new(server: Server, calls: HttpCalls, secrets: Arc<SecretReader>, before: Option<&Self>) -> Self {
        let same = before.filter(|before| before.server.endpoint == server.endpoint);
        Self {
            line: same.map_or_else(|| Arc::new(Line::new()), |before| Arc::clone(&before.line)),
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
        match &self.server.client_secret {
            Some(secret) => secret.load(&self.secrets, now).await,
            None => Ok(()),
        }
    }

    /// Whose token this is, whose hash is given too, if it is valid at `now`.
    pub(crate) async fn verify(&self, token: &str, hash: [u8; 32], now: Timestamp) -> Outcome {
        if self.server.token_pattern.as_ref().is_some_and(|pattern| !pattern.is_match(token)) {
            return Err(Stop::Unauthenticated(Reason::InvalidToken));
        }
        if let Some(outcome) = self.remembered(&hash, now) {
            return outcome;
        }
        self.flights.join(hash, || Box::pin(self.decide(token, hash, now))).await
    }

    fn remembered(&self, hash: &[u8; 32], now: Timestamp) -> Option<Outcome> {
        let recent = |at: Timestamp, duration| now.duration_since(at).abs() < duration;
        if let Some(accepted) = self.accepted.get(hash).filter(|it| recent(it.at, self.server.cached_for)) {
            let checked = accepted.bearer.times.check(now, self.server.limits());
            return Some(checked.map(|()| accepted.bearer).map_err(Stop::Unauthenticated));
        }
        let refused_for = REFUSED_FOR.min(self.server.cached_for);
        let refused = self.refused.get(hash).filter(|it| recent(it.at, refused_for))?;
        Some(Err(Stop::Unauthenticated(refused.reason)))
    }

    async fn decide(&self, token: &str, hash: [u8; 32], now: Timestamp) -> Outcome {
        let judged = match self.ask(token, now).await {
            Ok(claims) => self.server.judge(&claims, now),
            Err(NoClaims::Token(text)) => {
                self.log_refusal(&text, now);
                Err(Reason::InvalidToken)
            }
            Err(NoClaims::Credentials(text)) => {
                let text = format!("introspection: the server refuses the client id or secret: {text}");
                return Err(Stop::Fault(Reason::Fault, text));
            }
            // No single response pages, since a client may have caused it; a rate of them does.
            Err(NoClaims::Unusable(text)) => {
                return Err(Stop::Unavailable(Reason::KeysUnavailable, format!("introspection: {text}")));
            }
        };

        match judged {
            Ok(bearer) => {
                let bearer = Arc::new(bearer);
                self.accepted.put(hash, Accepted { bearer: Arc::clone(&bearer), at: now });
                Ok(bearer)
            }
            Err(reason) => {
                self.refused.put(hash, Refused { reason, at: now });
                Err(Stop::Unauthenticated(reason))
            }
        }
    }

    /// Asks the server. If it refuses the credentials and the secret has changed meanwhile, it is asked again.
    async fn ask(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>, NoClaims> {
        let Ok(_place) = self.line.places.try_acquire() else {
            return Err(NoClaims::Unusable(format!("{MAX_CALLS_IN_FLIGHT} calls are in flight")));
        };
        let deadline = Deadline::after(Instant::now(), CALL_TIMEOUT);
        let secret = self.current_secret(now).await?;
        let outcome = self.call(token, secret.as_deref(), deadline).await;

        let Err(NoClaims::Credentials(_)) = outcome else { return outcome };
        let Some(changed) = self.changed_secret(secret.as_deref(), now).await else { return outcome };
        self.call(token, Some(&changed), deadline).await
    }

    async fn current_secret(&self, now: Timestamp) -> Result<Option<Arc<str>>, NoClaims> {
        let Some(secret) = &self.server.client_secret else { return Ok(None) };
        let value = secret.value(&self.secrets, now).await;
        value.map(Some).map_err(|error| NoClaims::Unusable(format!("client_secret: {error}")))
    }

    async fn changed_secret(&self, before: Option<&str>, now: Timestamp) -> Option<Arc<str>> {
        let value = self.server.client_secret.as_ref()?.reloaded(&self.secrets, now).await?;
        (Some(&*value) != before).then_some(value)
    }

    async fn call(
        &self,
        token: &str,
        secret: Option<&str>,
        deadline: Deadline,
    ) -> Result<Map<String, Value>, NoClaims> {
        let Server { endpoint, auth, client_id, .. } = &self.server;
        let client = Client { auth: *auth, id: client_id, secret: secret.unwrap_or_default() };
        let request = request(endpoint, &client, token).map_err(|error| NoClaims::Unusable(error.to_string()))?;

        let replay = Replay::OnceIfUnanswered;
        let call = HttpCall { service: "introspection", operation: "Introspect", request, replay };
        let response = self.calls.send_guarded(&self.line.breaker, call, deadline).await;
        read(response.map_err(|error| NoClaims::Unusable(error.to_string()))?)
    }

    /// A server that responds so to every token is set up wrongly, which somebody has to see.
    fn log_refusal(&self, text: &str, now: Timestamp) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|logged| now.duration_since(logged).abs() >= LOG_INTERVAL) {
            *logged = Some(now);
            tracing::warn!(response = text, "the authorization server refuses to introspect a token");
        }
    }
}

impl Line {
    const fn new() -> Self {
        Self { breaker: Breaker::new("introspection"), places: Semaphore::const_new(MAX_CALLS_IN_FLIGHT) }
    }
}

impl Server {
    fn limits(&self) -> Limits {
        Limits { tolerance_s: self.tolerance_s, max_lifetime_s: None }
    }

    /// RFC 7662, section 4: an answer that says `active` may still not be for us, or not hold now.
    fn judge(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Bearer, Reason> {
        if claims.get("active") != Some(&Value::Bool(true)) {
            return Err(Reason::InvalidToken);
        }
        let times = Times::read(claims)?;
        times.check(now, self.limits())?;
        if !self.is_issued_as_configured(claims)? || !self.is_for_us(claims) {
            return Err(Reason::InvalidClaims);
        }
        Bearer::read(claims, times, &self.reading, "introspection")
    }

    /// A server never speaks for another issuer than the configured one. Without one, its users are those of
    /// the endpoint, and `iss` has no meaning.
    fn is_issued_as_configured(&self, claims: &Map<String, Value>) -> Result<bool, Reason> {
        let issuer = string(claims, "iss")?;
        Ok(self.issuer.is_none() || issuer == self.issuer.as_deref())
    }

    fn is_for_us(&self, claims: &Map<String, Value>) -> bool {
        let ours =
            |audience: &Value| audience.as_str().is_some_and(|name| self.audiences.iter().any(|our| our == name));
        match claims.get("aud") {
            _ if self.audiences.is_empty() => true,
            Some(Value::Array(audiences)) => audiences.iter().all(Value::is_string) && audiences.iter().any(ours),
            Some(audience) => ours(audience),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use calls::{Reach, RecordLog};

    use super::*;
    use crate::assertions::Assertions;
    use crate::outbound::http_calls;

    #[test]
    fn a_jwt_of_any_kind_is_told_from_an_opaque_token() {
        for token in ["eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.e30.x.y.z", "e30.x", "IHt9.x"] {
            assert!(is_jose(token), "{token}");
        }
        for token in ["opaque", "a.b.c", "2YotnFZFEjr1zCsicMWpAA", "eyJhbGciOiJub25lIn0", ""] {
            assert!(!is_jose(token), "{token}");
        }
    }

    fn introspection() -> Introspection {
        let reading = Reading {
            name: "opaque".into(),
            issuer: "https://auth.example.com/introspect".into(),
            user_claim: "sub".to_owned(),
            plan_claim: None,
            default_plan: Some("free".to_owned()),
            trusts_email: false,
            assertions: Assertions::default(),
        };
        let server = Server {
            endpoint: Uri::from_static("https://auth.example.com/introspect"),
            auth: ClientAuth::None,
            client_id: String::new(),
            client_secret: None,
            cached_for: SignedDuration::from_mins(5),
            token_pattern: None,
            issuer: None,
            audiences: Vec::new(),
            reading,
            tolerance_s: 30,
        };
        let records = || RecordLog::to(std::io::sink());
        let secrets = SecretReader::new(Arc::new(|_: &str| None), records);
        Introspection::new(server, http_calls(records(), Reach::Deployed), secrets, None)
    }

    #[test]
    fn refused_tokens_push_no_accepted_one_out() {
        let (introspection, now) = (introspection(), Timestamp::from_second(1_795_348_800).unwrap());
        let claims = serde_json::json!({"active": true, "sub": "alice"});
        let bearer = introspection.server.judge(claims.as_object().unwrap(), now).map(Arc::new).ok().unwrap();
        introspection.accepted.put([0; 32], Accepted { bearer, at: now });

        for number in 1..=3 * u32::try_from(MAX_REMEMBERED).unwrap() {
            let mut hash = [1; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            introspection.refused.put(hash, Refused { reason: Reason::InvalidToken, at: now });
        }
        assert!(matches!(introspection.remembered(&[0; 32], now), Some(Ok(_))));
    }
}
