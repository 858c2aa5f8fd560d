//! The signing keys of an issuer, and how they are refreshed.

mod fetched_keys;
mod issuer_secrets;
mod key_source;
mod key_state;

use std::sync::Arc;

use jiff::Timestamp;
use outcome::Reason;
use policy::{Algorithm, Key, KeySet};

use crate::rejection::Rejection;
use crate::token::jws::Jws;
use crate::token::refusal::TokenRefusal;
use crate::trusted_issuers::TokenIssuer;

use self::key_state::NeededKey;

pub(crate) use self::fetched_keys::FetchedKeys;
pub(crate) use self::issuer_secrets::IssuerSecrets;
#[cfg(test)]
pub(crate) use self::issuer_secrets::has_signed;
pub(crate) use self::key_source::KeySource;

/// The signing keys of an issuer.
#[derive(Debug)]
pub(crate) enum IssuerKeys {
    /// Keys that the policy contains.
    Inline(Arc<KeySet>),
    /// Keys that are fetched from the issuer. Issuers can share them.
    Fetched(Arc<FetchedKeys>),
    /// Secrets that the issuer shares with us.
    Secrets(IssuerSecrets),
}

/// The key or secret that signed a token.
pub(crate) enum TokenSigner {
    Key(Arc<Key>),
    Secret(Arc<str>),
}

impl IssuerKeys {
    /// Returns the signer of a token. `algorithm` is one that the issuer may use.
    ///
    /// # Errors
    /// 401 if the token is not signed by this issuer, 500 if its keys are unavailable.
    pub(crate) async fn verify(
        &self,
        jws: &Jws<'_>,
        algorithm: Algorithm,
        issuer: &TokenIssuer<'_>,
        now: Timestamp,
    ) -> Result<TokenSigner, Rejection> {
        if let Self::Secrets(secrets) = self {
            let secret = secrets.verify(jws, algorithm, now).await?;
            return Ok(TokenSigner::Secret(secret));
        }

        let needed = jws.kid.as_deref().map_or(NeededKey::Any, NeededKey::Named);
        let set = self.set_for(needed, now).await?;
        match signing_key(&set, jws, algorithm, issuer) {
            Ok(key) => Ok(TokenSigner::Key(key)),
            Err(refusal) if jws.kid.is_some() => Err(refusal.into()),
            // A new key may have no name either.
            Err(refusal) => {
                let newer = self.set_for(NeededKey::Other, now).await?;
                if Arc::ptr_eq(&newer, &set) {
                    return Err(refusal.into());
                }
                let key = signing_key(&newer, jws, algorithm, issuer)?;
                Ok(TokenSigner::Key(key))
            }
        }
    }

    /// True if the signer of a token is still a key or secret of the issuer.
    ///
    /// # Errors
    /// 500 if the keys of the issuer are unavailable.
    pub(crate) async fn include(
        &self,
        signer: &TokenSigner,
        now: Timestamp,
    ) -> Result<bool, Rejection> {
        match (self, signer) {
            (Self::Secrets(secrets), TokenSigner::Secret(text)) => {
                Ok(secrets.contain(text, now).await)
            }
            (Self::Inline(_) | Self::Fetched(_), TokenSigner::Key(key)) => {
                let needed = key.kid.as_deref().map_or(NeededKey::Any, NeededKey::Named);
                Ok(self.set_for(needed, now).await?.contains(key))
            }
            _ => Ok(false),
        }
    }

    /// Returns the newest available set for a token that needs this key. The set may lack it.
    async fn set_for(
        &self,
        needed: NeededKey<'_>,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Rejection> {
        let set = match self {
            Self::Inline(set) => Some(Arc::clone(set)),
            Self::Fetched(keys) => keys.set_for(needed, now).await,
            Self::Secrets(_) => None,
        };
        set.ok_or_else(|| {
            let problem = "cannot fetch the issuer's signing keys";
            Rejection::fault(Reason::KeysUnavailable, problem)
        })
    }
}

/// Returns the key that signed a token.
fn signing_key(
    set: &KeySet,
    jws: &Jws<'_>,
    algorithm: Algorithm,
    issuer: &TokenIssuer<'_>,
) -> Result<Arc<Key>, TokenRefusal> {
    let mut refusal = TokenRefusal::invalid_token("kid_unknown");

    for key in set.candidates(jws.kid.as_deref(), algorithm) {
        if !issuer.accepts_key(key) {
            refusal = TokenRefusal::invalid_token("key_issuer");
        } else if key.verifies(algorithm, jws.signed, jws.signature) {
            return Ok(Arc::clone(key));
        } else {
            refusal = TokenRefusal::new(Reason::InvalidSignature, "signature");
        }
    }
    Err(refusal)
}
