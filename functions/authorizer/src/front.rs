//! Requires the secret of the proxy in front of the API, and reads the client's address from it.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use outcome::Reason;
use policy::{FRONT_HEADER, Front, SecretReference};

use crate::event::Request;
use crate::policy_load_error::PolicyLoadError;
use crate::rejection::Rejection;
use crate::secrets::{Secret, SecretError, SecretReader};

/// The front of a policy, with its secrets.
pub(crate) struct FrontCheck {
    front: Front,
    /// The values of `front.secrets`, in the same order.
    secrets: Vec<Arc<Secret>>,
    reader: Arc<SecretReader>,
}

/// The secrets that can be compared with the one that a request has sent.
#[derive(Default)]
struct Comparison {
    is_equal: bool,
    /// The reason why a secret is unknown.
    failure: Option<SecretError>,
    /// True if a secret is not read yet.
    is_incomplete: bool,
}

impl FrontCheck {
    /// Creates the check for `front`. Values that `previous` has for the same references are kept.
    pub(crate) fn new(front: Front, previous: Option<&Self>, reader: &Arc<SecretReader>) -> Self {
        let known = |reference: &SecretReference| {
            let previous = previous?;
            let mut secrets = previous.front.secrets.iter().zip(&previous.secrets);
            let (_, secret) = secrets.find(|(known, _)| *known == reference)?;
            Some(Arc::clone(secret))
        };
        let secrets = front
            .secrets
            .iter()
            .map(|it| known(it).unwrap_or_else(|| Arc::new(Secret::new(it.clone()))));

        Self {
            secrets: secrets.collect(),
            reader: Arc::clone(reader),
            front,
        }
    }

    /// Reads the secrets while their policy is loaded.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses a reference, or a secret cannot be used.
    pub(crate) async fn load(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        for (reference, secret) in self.front.secrets.iter().zip(&self.secrets) {
            let refuse = |problem: String| {
                PolicyLoadError::Secret(format!("secret of the front: {problem}"))
            };
            let text = secret.load(&self.reader, now).await;
            let Some(text) = text.map_err(|error| refuse(error.to_string()))? else {
                continue;
            };
            Front::check_secret(&text)
                .map_err(|problem| refuse(format!("{} {problem}", place(reference))))?;
        }
        Ok(())
    }

    /// Checks that a request came through the front, and returns the address of the client. `None`
    /// if the front does not name it.
    ///
    /// A wrong secret never makes the authorizer read the secret again, so clients that bypass the
    /// front cause no calls.
    ///
    /// # Errors
    /// 403 without the secret. A fault if a secret cannot be read and the others are different, or
    /// if the front sends no valid address: the address of the front never counts as the client's.
    pub(crate) async fn check(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Result<Option<IpAddr>, Rejection> {
        let sent = sent_secret(request)?;
        let mut comparison = Comparison::default();
        for secret in &self.secrets {
            comparison.add(sent, secret.value(&self.reader, now).await);
        }

        match comparison.failure {
            _ if comparison.is_equal => self.client_address(request),
            Some(error) => Err(Rejection::fault(Reason::KeysUnavailable, error.to_string())),
            None => Err(refused("secret_wrong")),
        }
    }

    /// Checks a request like [`Self::check`], without waiting for a secret. `None` if that depends on
    /// a secret that is not read yet; it is then read in the background.
    pub(crate) fn check_known(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> Option<Result<Option<IpAddr>, Rejection>> {
        let sent = match sent_secret(request) {
            Ok(sent) => sent,
            Err(rejection) => return Some(Err(rejection)),
        };

        let mut comparison = Comparison::default();
        for secret in &self.secrets {
            match secret.known_value(&self.reader, now) {
                Some(value) => comparison.add(sent, Ok(value)),
                None => comparison.is_incomplete = true,
            }
        }
        match comparison.is_incomplete {
            _ if comparison.is_equal => Some(self.client_address(request)),
            true => None,
            false => Some(Err(refused("secret_wrong"))),
        }
    }

    fn client_address(&self, request: &Request<'_>) -> Result<Option<IpAddr>, Rejection> {
        let Some(header) = self.front.client_address else {
            return Ok(None);
        };
        let value = request.header(header.as_str());
        match value.and_then(|value| header.address(value)) {
            Some(address) => Ok(Some(address)),
            None => {
                let problem = format!(
                    "the front sent its secret, but `{}` is missing or has no valid address and port",
                    header.as_str()
                );
                Err(Rejection::fault(Reason::Fault, problem))
            }
        }
    }
}

impl Comparison {
    /// Compares the secret that was sent with one that is expected.
    fn add(&mut self, sent: &str, expected: Result<Arc<str>, SecretError>) {
        match expected {
            Ok(secret) => self.is_equal |= Front::is_secret(sent, &secret),
            Err(error) => self.failure = Some(error),
        }
    }
}

/// Returns the secret that a request has sent. The values of a repeated header are joined by commas,
/// which no secret contains.
fn sent_secret<'r>(request: &'r Request<'_>) -> Result<&'r str, Rejection> {
    request
        .header(FRONT_HEADER)
        .ok_or_else(|| refused("secret_missing"))
}

fn refused(detail: &'static str) -> Rejection {
    Rejection::forbidden(Reason::NotFromFront).because(detail)
}

fn place(reference: &SecretReference) -> String {
    match reference {
        SecretReference::Stored(place) => place.to_string(),
        SecretReference::Known(_) => "a secret of the environment".to_owned(),
    }
}

/// Omits the secrets.
impl std::fmt::Debug for FrontCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FrontCheck")
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}
