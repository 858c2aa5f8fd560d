//! The introspection endpoint of an authorization server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{CallError, Deadline, HttpCall, HttpCalls, Replay};
use bytes::Bytes;
use http::{Request, Response, Uri};
use jiff::Timestamp;
use policy::IntrospectionServer;
use serde_json::{Map, Value};
use telemetry::ErrorKind;

use crate::outbound::in_private_network;
use crate::policy_load_error::PolicyLoadError;
use crate::secrets::SecretReader;

use super::client_credentials::ClientCredentials;
use super::endpoint_guard::{EndpointGuard, EndpointGuards, MAX_CALLS_IN_FLIGHT};
use super::request::request;
use super::response::{IntrospectionError, read};

/// The time for one introspection. It is well below the 10 s that API Gateway waits for an
/// authorizer.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// An endpoint, the client that calls it, and the protection against too many calls.
#[derive(Debug)]
pub(super) struct Endpoint {
    address: Uri,
    credentials: ClientCredentials,
    calls: HttpCalls,
    guards: Arc<EndpointGuards>,
}

impl Endpoint {
    /// Takes the endpoint of a server in the policy. The connections and the protection are kept if
    /// `previous` has the same address.
    pub(super) fn take(
        server: &mut IntrospectionServer,
        calls: HttpCalls,
        secrets: Arc<SecretReader>,
        previous: Option<&Self>,
    ) -> Self {
        let address = server.endpoint.clone();
        let credentials = ClientCredentials::take(server, secrets);
        if let Some(previous) = previous.filter(|previous| previous.address == address) {
            return Self {
                address,
                credentials,
                calls: previous.calls.clone(),
                guards: Arc::clone(&previous.guards),
            };
        }

        let calls = if server.is_unencrypted {
            in_private_network(&calls)
        } else {
            calls
        };
        Self {
            address,
            credentials,
            calls,
            guards: Arc::new(EndpointGuards::new()),
        }
    }

    /// True if the client signs an assertion for each request.
    pub(super) const fn has_client_key(&self) -> bool {
        self.credentials.has_key()
    }

    /// Reads the secret of the client or its private key, if it has one.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses the reference, or the key cannot be used.
    pub(super) async fn load_secret(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        self.credentials.load(now).await
    }

    /// Returns the guard of calls about opaque tokens.
    pub(super) fn opaque_guard(&self) -> &EndpointGuard {
        &self.guards.opaque
    }

    /// Returns the guard of calls about valid JWTs.
    pub(super) fn revocation_guard(&self) -> &EndpointGuard {
        &self.guards.revocation
    }

    /// Requests the claims of a token. If the server refuses the client's credentials and the
    /// secret has changed, the request is sent again with the new secret.
    pub(super) async fn claims(
        &self,
        token: &str,
        guard: &EndpointGuard,
        now: Timestamp,
    ) -> Result<Map<String, Value>, IntrospectionError> {
        let Some(_permit) = guard.try_acquire() else {
            let problem = format!("{MAX_CALLS_IN_FLIGHT} calls are in flight");
            return Err(IntrospectionError::Unusable(problem));
        };
        let deadline = Deadline::after(Instant::now(), CALL_TIMEOUT);
        let secret = self.credentials.current(now).await?;
        let attempt = Attempt {
            token,
            guard,
            now,
            deadline,
        };
        let result = self.call(&attempt, secret.as_ref()).await;

        let Err(IntrospectionError::Credentials(_)) = result else {
            return result;
        };
        match self.credentials.changed(secret.as_deref(), now).await {
            Some(changed) => self.call(&attempt, Some(&changed)).await,
            None => result,
        }
    }

    async fn call(
        &self,
        attempt: &Attempt<'_>,
        secret: Option<&Arc<str>>,
    ) -> Result<Map<String, Value>, IntrospectionError> {
        let unusable =
            |error: &dyn std::error::Error| IntrospectionError::Unusable(error.to_string());
        let signed_request = || {
            let client = self.credentials.client(secret, attempt.now)?;
            request(&self.address, &client, attempt.token).map_err(|error| unusable(&error))
        };
        let mut response = self.send(signed_request()?, attempt).await;

        // The request may have arrived, and a server may accept its assertion only once.
        if self.has_client_key() && response.as_ref().is_err_and(is_lost) {
            response = self.send(signed_request()?, attempt).await;
        }
        read(response.map_err(|error| unusable(&error))?)
    }

    async fn send(
        &self,
        request: Request<Bytes>,
        attempt: &Attempt<'_>,
    ) -> Result<Response<Bytes>, CallError> {
        let replay = if self.has_client_key() {
            Replay::Never
        } else {
            Replay::OnceIfNoResponse
        };
        let call = HttpCall {
            service: "introspection".into(),
            operation: "Introspect",
            request,
            replay,
        };

        self.calls
            .send_guarded(&attempt.guard.breaker, call, attempt.deadline)
            .await
    }
}

/// A call about one token.
struct Attempt<'a> {
    token: &'a str,
    guard: &'a EndpointGuard,
    now: Timestamp,
    deadline: Deadline,
}

/// True if the connection failed or broke, so that there is no response.
fn is_lost(error: &CallError) -> bool {
    error.kind() == ErrorKind::Network
}
