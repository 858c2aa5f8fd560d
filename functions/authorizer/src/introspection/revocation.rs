//! Asks the introspection endpoint whether a valid JWT was revoked.

use jiff::{SignedDuration, Timestamp};

use crate::rejection::Rejection;
use crate::token::refusal::TokenRefusal;
use crate::token::times::Times;
use crate::token_verifier::TokenHash;

use super::Introspection;
use super::claims_check::{active_times, limits};
use super::result_cache::ResultCache;
use super::single_flight::SingleFlight;

/// The refusal of a token that the server does not report as active.
const INACTIVE: TokenRefusal = TokenRefusal::invalid_token("inactive");

type StatusResult = Result<(), Rejection>;

/// The status of JWTs, as the server last reported it.
#[derive(Debug)]
pub(super) struct RevocationCheck {
    results: ResultCache<Times>,
    flights: SingleFlight<TokenHash, StatusResult>,
}

impl RevocationCheck {
    /// Creates a check that remembers an active token for `ttl`.
    pub(super) fn new(ttl: SignedDuration) -> Self {
        Self {
            results: ResultCache::new(ttl),
            flights: SingleFlight::new(),
        }
    }
}

impl Introspection {
    /// Checks that the server reports a JWT as active at `now`. `hash` is the hash of the token.
    ///
    /// Call it only for tokens that have passed every local check, so that made-up tokens cause no
    /// calls. Audiences and the mapping of claims of `introspection` do not apply to a JWT.
    ///
    /// # Errors
    /// 401 for a token that is not active, 500 if the server is unavailable.
    pub(crate) async fn check_active(
        &self,
        token: &str,
        hash: TokenHash,
        now: Timestamp,
    ) -> StatusResult {
        if let Some(status) = self.remembered_status(&hash, now) {
            return status;
        }

        let flights = &self.revocation.flights;
        flights
            .join(hash, || Box::pin(self.request_status(token, hash, now)))
            .await
    }

    /// Returns the status that is remembered for a token, if it can still be used.
    fn remembered_status(&self, hash: &TokenHash, now: Timestamp) -> Option<StatusResult> {
        let times = self.revocation.results.get(hash, now)?;
        let status = times.and_then(|times| times.check(now, limits(&self.server)));
        Some(status.map_err(|_| INACTIVE.into()))
    }

    async fn request_status(&self, token: &str, hash: TokenHash, now: Timestamp) -> StatusResult {
        let claims = self
            .claims_of(token, self.endpoint.revocation_guard(), now)
            .await?;
        let times = claims.and_then(|claims| active_times(&self.server, &claims, now));
        let result = times.ok_or(INACTIVE);

        self.revocation.results.insert(hash, &result, now);
        result.map(drop).map_err(Rejection::from)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use outcome::Reason;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::introspection::tests::introspection_at;
    use crate::rejection::RejectionKind;

    const NOON: i64 = 1_795_348_800;
    const ISSUER: &str = "https://auth.example.com";

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOON + seconds).unwrap()
    }

    /// A server that counts requests and sends the same response to each.
    struct Server {
        introspection: Introspection,
        requests: Arc<AtomicUsize>,
        response: Arc<Mutex<(&'static str, Value)>>,
    }

    impl Server {
        async fn start(status: &'static str, body: Value) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let endpoint = format!("http://{address}/introspect").parse().unwrap();
            let server = Self {
                introspection: introspection_at(endpoint, Some(ISSUER.to_owned())),
                requests: Arc::default(),
                response: Arc::new(Mutex::new((status, body))),
            };

            let (requests, response) = (Arc::clone(&server.requests), Arc::clone(&server.response));
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let mut request = Vec::new();
                    while !request.ends_with(b"token_type_hint=access_token") {
                        request.push(stream.read_u8().await.unwrap());
                    }
                    requests.fetch_add(1, Ordering::SeqCst);

                    let (status, body) = response.lock().unwrap().clone();
                    let body = body.to_string();
                    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
                    let response = format!("{head}connection: close\r\n\r\n{body}");
                    stream.write_all(response.as_bytes()).await.unwrap();
                }
            });
            server
        }

        fn respond(&self, status: &'static str, body: Value) {
            *self.response.lock().unwrap() = (status, body);
        }

        async fn check(&self, hash: u8, seconds: i64) -> StatusResult {
            self.introspection
                .check_active("e30.e30.x", [hash; 32], after(seconds))
                .await
        }

        fn requests(&self) -> usize {
            self.requests.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn only_the_status_of_a_jwt_counts() {
        for claims in [
            json!({"active": true}),
            json!({"active": true, "iss": ISSUER, "exp": NOON + 60}),
            json!({"active": true, "aud": "another", "sub": 1, "plan": 1}),
            json!({"active": true, "iss": null}),
        ] {
            let server = Server::start("200 OK", claims.clone()).await;
            assert_eq!(server.check(1, 0).await, Ok(()), "{claims}");
        }
        for claims in [
            json!({"active": false}),
            json!({"active": false, "iss": ISSUER}),
            json!({"active": true, "iss": "https://other.example.com"}),
            json!({"active": true, "iss": 1}),
            json!({"active": true, "exp": NOON - 31}),
            json!({"active": true, "exp": "soon"}),
            json!({"active": true, "exp": null}),
            json!({"active": true, "nbf": NOON + 31}),
        ] {
            let server = Server::start("200 OK", claims.clone()).await;
            for _ in 0..2 {
                assert_eq!(server.check(1, 0).await, Err(INACTIVE.into()), "{claims}");
            }
            assert_eq!(server.requests(), 1, "{claims}");
        }
    }

    #[tokio::test]
    async fn unavailable_server_is_a_failure_and_never_a_pass() {
        let server = Server::start("200 OK", json!({"active": true})).await;
        for (status, body) in [
            ("503 Service Unavailable", json!({})),
            ("404 Not Found", json!({})),
            ("200 OK", json!({})),
            ("200 OK", json!({"active": "true"})),
        ] {
            server.respond(status, body);
            let rejection = server.check(1, 0).await.unwrap_err();
            assert_eq!(rejection.kind, RejectionKind::Unavailable, "{rejection:?}");
            assert_eq!(rejection.reason, Reason::KeysUnavailable, "{rejection:?}");
        }

        server.respond("200 OK", json!({"active": true}));
        assert_eq!(server.check(1, 0).await, Ok(()), "failures are not cached");
    }

    #[tokio::test]
    async fn active_status_is_cached_longer_than_a_refusal() {
        let server = Server::start("200 OK", json!({"active": true})).await;
        for (seconds, requests) in [(0, 1), (299, 1), (300, 2)] {
            assert_eq!(server.check(1, seconds).await, Ok(()));
            assert_eq!(server.requests(), requests, "{seconds}");
        }

        server.respond("200 OK", json!({"active": false}));
        for (seconds, requests) in [(300, 3), (309, 3), (310, 4)] {
            assert_eq!(server.check(2, seconds).await, Err(INACTIVE.into()));
            assert_eq!(server.requests(), requests, "{seconds}");
        }
    }

    #[tokio::test]
    async fn cached_status_ends_when_the_token_expires() {
        let claims = json!({"active": true, "exp": NOON + 10});
        let server = Server::start("200 OK", claims).await;
        for (seconds, expected) in [(0, Ok(())), (40, Ok(())), (41, Err(INACTIVE.into()))] {
            assert_eq!(server.check(1, seconds).await, expected, "{seconds}");
        }
        assert_eq!(server.requests(), 1);
    }

    #[tokio::test]
    async fn concurrent_checks_of_a_token_share_one_request() {
        let server = Server::start("200 OK", json!({"active": true})).await;
        let results = tokio::join!(server.check(1, 0), server.check(1, 0), server.check(1, 0));
        assert_eq!(results, (Ok(()), Ok(()), Ok(())));
        assert_eq!(server.requests(), 1);
    }

    #[tokio::test]
    async fn status_of_a_jwt_does_not_make_it_an_opaque_token() {
        let server = Server::start("200 OK", json!({"active": true})).await;
        assert_eq!(server.check(1, 0).await, Ok(()));
        let bearer = server
            .introspection
            .verify("opaque", [1; 32], after(0))
            .await;
        assert!(bearer.is_err(), "no issuer, no subject");
        assert_eq!(server.requests(), 2);
    }
}
