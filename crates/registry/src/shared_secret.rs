//! Secrets that all instances share: random bytes that the first instance writes to the registry.

use serde::{Deserialize, Serialize};

use crate::api_key::{from_hex, hex};

use crate::item::{CommitOutcome, Guard, Item, ItemKey, Write};
use crate::plans::{ATTEMPTS, item_error};
use crate::{Admin, AdminError, Refusal};

/// The length of a secret in bytes, equal to that of a SHA-256.
pub const SECRET_BYTES: usize = 32;

/// The document of a secret.
#[derive(Serialize, Deserialize)]
struct StoredSecret {
    /// 64 hexadecimal digits.
    secret: String,
}

impl Admin<'_> {
    /// Returns the secret called `name`, which is the same for every instance while its item
    /// exists. If there is none, `random` becomes the secret, unless another instance is first.
    /// Everyone who can read the table can read it.
    ///
    /// # Errors
    /// [`AdminError::Registry`], also for an invalid item.
    pub async fn shared_secret(
        &self,
        name: &str,
        random: &[u8; SECRET_BYTES],
    ) -> Result<[u8; SECRET_BYTES], AdminError> {
        let key = ItemKey::of_secret(name);
        for _ in 0..ATTEMPTS {
            if let Some(stored) = self.table.get(&key).await? {
                return Ok(read(&stored.document).map_err(|error| item_error("secret", &error))?);
            }
            let document = serde_json::to_string(&StoredSecret {
                secret: hex(random),
            });
            let document = document.map_err(|error| item_error("secret", &error))?;
            let put = Write::Put(Item::new(key.clone(), document), Guard::Absent);
            if self.table.commit(vec![put]).await? == CommitOutcome::Yes {
                return Ok(*random);
            }
        }
        Err(Refusal::Busy.into())
    }
}

fn read(document: &str) -> Result<[u8; SECRET_BYTES], serde_json::Error> {
    let kept: StoredSecret = serde_json::from_str(document)?;
    from_hex(&kept.secret)
        .ok_or_else(|| serde::de::Error::custom("it is not 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddedRegistry;
    use crate::Seeds;

    #[tokio::test]
    async fn whoever_is_first_decides_and_all_others_have_the_same() {
        let registry = EmbeddedRegistry::new(&Seeds::default()).unwrap();
        let admin = Admin::embedded(&registry);
        assert_eq!(admin.shared_secret("a", &[1; 32]).await.unwrap(), [1; 32]);
        assert_eq!(admin.shared_secret("a", &[2; 32]).await.unwrap(), [1; 32]);
        assert_eq!(admin.shared_secret("b", &[2; 32]).await.unwrap(), [2; 32]);
    }

    #[test]
    fn what_is_no_secret_is_an_error_that_does_not_repeat_it() {
        for document in [r#"{"secret":"hush"}"#, "{}", "hush"] {
            let error = read(document).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
