//! The secret that a key gets by a rotation.

use crate::record::hint;
use crate::{KeyError, KeyHash};

/// A new secret of a key. Only its hash and its hint are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSecret {
    /// The hash of the secret.
    pub hash: KeyHash,
    /// The last four characters of the secret, if it has been seen.
    pub hint: Option<String>,
    /// The prefix that the key gets for its secrets. `None` keeps the one that it has.
    pub prefix: Option<String>,
}

impl NewSecret {
    /// Returns a secret that is known in plain text.
    ///
    /// # Errors
    /// [`KeyError::Shape`].
    pub fn of(secret: &str) -> Result<Self, KeyError> {
        Ok(Self {
            hint: hint(secret),
            ..Self::from(KeyHash::of(secret)?)
        })
    }
}

impl From<KeyHash> for NewSecret {
    fn from(hash: KeyHash) -> Self {
        Self {
            hash,
            hint: None,
            prefix: None,
        }
    }
}
