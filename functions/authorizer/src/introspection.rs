//! Opaque tokens: their authorization server says who bears them.
//!
//! Source: RFC 7662. A token that is a JWT by its form is never sent there: whoever issued it is trusted or
//! not, and showing it to a third party would help neither.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use calls::{Deadline, HttpCall, HttpCalls, Replay};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::bearer::{Bearer, Reading};
use crate::jws::decoded;
use crate::recent::Recent;
use crate::times::{Limits, Times};
use crate::{Reason, Stop, strict_json};

/// With all attempts, well within the 10 s that API Gateway waits.
const LONGEST: Duration = Duration::from_secs(5);
/// Whoever tries the same wrong token again learns nothing new for as long.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(10);
const MOST: usize = 10_000;

/// The authorization server, as the policy trusts it.
pub(crate) struct Server {
    pub(crate) endpoint: Uri,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) cached_for: SignedDuration,
    /// An answer's `iss` has to be this one, where it is given.
    pub(crate) issuer: Option<String>,
    /// An answer's `aud` has to name one of these, where there are any.
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

/// Asks the server, and remembers its answers.
#[derive(Debug)]
pub(crate) struct Introspection {
    server: Server,
    calls: HttpCalls,
    answers: Recent<[u8; 32], Remembered>,
}

/// An answer, for as long as it holds.
#[derive(Clone)]
struct Remembered {
    outcome: Result<Arc<Bearer>, Reason>,
    at: Timestamp,
    holds_for: SignedDuration,
}

impl std::fmt::Debug for Remembered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Remembered").finish_non_exhaustive()
    }
}

/// Whether a token has a JOSE header, so that it is a JWT: signed, encrypted or neither.
pub(crate) fn is_jose(token: &str) -> bool {
    let header = token.split_once('.').and_then(|(header, _)| decoded(header));
    header.is_some_and(|header| header.trim_ascii_start().starts_with(b"{"))
}

impl Introspection {
    pub(crate) fn new(server: Server, calls: HttpCalls) -> Self {
        Self { server, calls, answers: Recent::new(MOST) }
    }

    /// Who bears this token, whose hash is given too, if it holds at `now`.
    pub(crate) async fn verify(&self, token: &str, hash: [u8; 32], now: Timestamp) -> Result<Arc<Bearer>, Stop> {
        let remembered = self.answers.get(&hash);
        if let Some(answer) = remembered.filter(|answer| now.duration_since(answer.at).abs() < answer.holds_for) {
            let bearer = answer.outcome.map_err(Stop::Unauthenticated)?;
            bearer.times.check(now, self.server.limits()).map_err(Stop::Unauthenticated)?;
            return Ok(bearer);
        }
        let claims = Box::pin(self.ask(token)).await?;
        let outcome = self.server.judge(&claims, now).map(Arc::new);
        let holds_for = if outcome.is_ok() { self.server.cached_for } else { REFUSED_FOR.min(self.server.cached_for) };
        self.answers.put(hash, Remembered { outcome: outcome.clone(), at: now, holds_for });
        outcome.map_err(Stop::Unauthenticated)
    }

    /// A server that cannot say is our failure and not the client's.
    async fn ask(&self, token: &str) -> Result<Map<String, Value>, Stop> {
        let problem = |problem: String| Stop::Fault(Reason::Fault, format!("introspection: {problem}"));
        let request = self.server.request(token).map_err(|error| problem(error.to_string()))?;
        let call = HttpCall { service: "introspection", operation: "Introspect", request, replay: Replay::Safe };
        let deadline = Deadline::after(Instant::now(), LONGEST);
        let answer = self.calls.send(call, deadline).await.map_err(|error| problem(error.to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(problem(format!("the answer's status is {}", answer.status().as_u16())));
        }
        let claims =
            strict_json::object(answer.body()).filter(|claims| claims.get("active").is_some_and(Value::is_boolean));
        claims.ok_or_else(|| problem("the answer does not say whether the token is active".to_owned()))
    }
}

impl Server {
    fn limits(&self) -> Limits {
        Limits { tolerance_s: self.tolerance_s, max_lifetime_s: None }
    }

    /// RFC 7662, section 2.1, with the client's authentication of RFC 6749, section 2.3.1.
    fn request(&self, token: &str) -> Result<Request<Bytes>, http::Error> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let credentials = STANDARD.encode(format!("{}:{}", encoded(&self.client_id), encoded(&self.client_secret)));
        Request::post(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, format!("Basic {credentials}"))
            .body(Bytes::from(format!("token={}&token_type_hint=access_token", encoded(token))))
    }

    /// RFC 7662, section 4: an answer that says `active` may still not be for us, or not hold now.
    fn judge(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Bearer, Reason> {
        if claims.get("active") != Some(&Value::Bool(true)) {
            return Err(Reason::InvalidToken);
        }
        let times = Times::read(claims)?;
        times.check(now, self.limits())?;
        let issuer = claims.get("iss").map(|issuer| issuer.as_str().ok_or(Reason::InvalidClaims)).transpose()?;
        let theirs = self.issuer.is_none() || issuer == self.issuer.as_deref();
        if !theirs || !self.is_for_us(claims) {
            return Err(Reason::InvalidClaims);
        }
        let endpoint = self.endpoint.to_string();
        Bearer::read(claims, issuer.unwrap_or(&endpoint), times, &self.reading, "introspection")
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
    use super::*;

    #[test]
    fn a_jwt_of_any_kind_is_told_from_an_opaque_token() {
        for token in ["eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.e30.x.y.z", "e30.x", "IHt9.x"] {
            assert!(is_jose(token), "{token}");
        }
        for token in ["opaque", "a.b.c", "2YotnFZFEjr1zCsicMWpAA", "eyJhbGciOiJub25lIn0", ""] {
            assert!(!is_jose(token), "{token}");
        }
    }
}
