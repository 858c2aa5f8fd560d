//! The credentials of the authorizer at an introspection endpoint: a secret, a private key, or none.

use std::sync::Arc;

use jiff::Timestamp;
use policy::{ClientAuth, IntrospectionServer};

use crate::policy_load_error::PolicyLoadError;
use crate::secrets::{Secret, SecretReader};

use super::client_signer::ClientSigner;
use super::request::Client;
use super::response::IntrospectionError;

/// The credentials of a client, as the policy refers to them.
#[derive(Debug)]
pub(super) struct ClientCredentials {
    auth: ClientAuth,
    id: String,
    /// The secret or the private key, if the client has one.
    secret: Option<Arc<Secret>>,
    /// Signs with the private key, if the client has one.
    signer: Option<ClientSigner>,
    reader: Arc<SecretReader>,
}

impl ClientCredentials {
    /// Takes the credentials of a server in the policy. Nothing is read yet.
    pub(super) fn take(server: &mut IntrospectionServer, reader: Arc<SecretReader>) -> Self {
        let signer = server.client_key.as_ref().map(ClientSigner::new);
        let key = server.client_key.take().map(|key| key.reference);
        let secret = server.client_secret.take().or(key);

        Self {
            auth: server.auth,
            id: std::mem::take(&mut server.client_id),
            secret: secret.map(|reference| Arc::new(Secret::new(reference))),
            signer,
            reader,
        }
    }

    /// True if the client signs an assertion for each request.
    pub(super) const fn has_key(&self) -> bool {
        self.signer.is_some()
    }

    /// Reads the secret or the private key while the policy is loaded.
    ///
    /// # Errors
    /// [`PolicyLoadError::Secret`] if AWS refuses the reference, or the key cannot be used.
    pub(super) async fn load(&self, now: Timestamp) -> Result<(), PolicyLoadError> {
        let Some(secret) = &self.secret else {
            return Ok(());
        };
        let field = self.field();
        let refuse =
            |problem: String| PolicyLoadError::Secret(format!("introspection.{field}: {problem}"));

        let value = secret.load(&self.reader, now).await;
        let value = value.map_err(|error| refuse(error.to_string()))?;
        if let Some((signer, pem)) = self.signer.as_ref().zip(value) {
            signer
                .key(&pem)
                .map_err(|error| refuse(error.to_string()))?;
        }
        Ok(())
    }

    /// Returns the secret or the private key to use at `now`, or `None` for a client without one.
    pub(super) async fn current(
        &self,
        now: Timestamp,
    ) -> Result<Option<Arc<str>>, IntrospectionError> {
        let Some(secret) = &self.secret else {
            return Ok(None);
        };
        let value = secret.value(&self.reader, now).await;
        value
            .map(Some)
            .map_err(|error| IntrospectionError::Unusable(format!("{}: {error}", self.field())))
    }

    /// Reads a secret or key that the server refused again. Returns `None` if it has not changed.
    pub(super) async fn changed(&self, refused: Option<&str>, now: Timestamp) -> Option<Arc<str>> {
        let value = self.secret.as_ref()?.reload(&self.reader, now).await?;
        (Some(&*value) != refused).then_some(value)
    }

    /// Returns the client with this secret, or with an assertion that is signed with this key.
    ///
    /// # Errors
    /// [`IntrospectionError::ClientKey`] if the key cannot be used.
    pub(super) fn client(
        &self,
        secret: Option<&Arc<str>>,
        now: Timestamp,
    ) -> Result<Client<'_>, IntrospectionError> {
        let secret = match (&self.signer, secret) {
            (Some(signer), Some(pem)) => signer
                .assertion(pem, &self.id, now)
                .map_err(IntrospectionError::ClientKey)?,
            (_, Some(secret)) => secret.to_string(),
            (_, None) => String::new(),
        };
        Ok(Client {
            auth: self.auth,
            id: &self.id,
            secret,
        })
    }

    /// Returns the field of the policy that refers to the secret or key.
    const fn field(&self) -> &'static str {
        if self.has_key() {
            "client_key"
        } else {
            "client_secret"
        }
    }
}
