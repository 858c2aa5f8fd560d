//! Charge tokens, which prove that a charge was returned by this API.
//!
//! A token contains the caller, the charge and an HMAC-SHA-256 of both. The HMAC key is a random
//! item of the registry that all instances share. The store makes sure that a charge is refunded at
//! most once.

use std::sync::Arc;

use aws::Deadline;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use limits::{Caller, ChargeId};
use registry::Admin;
use store::StoreError;
use tokio::sync::OnceCell;
use tokio::time::timeout_at;

use crate::keys::secret;
use crate::problem::Problem;

/// The name of the HMAC key in the registry.
const SECRET_NAME: &str = "charges";

/// The HMAC key, which is read when it is first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChargeKey {
    key: Arc<OnceCell<Key>>,
}

impl ChargeKey {
    /// Returns the HMAC key. It is read from the registry once per instance.
    ///
    /// # Errors
    /// 503 if it cannot be read by the deadline.
    pub(crate) async fn get(&self, admin: &Admin<'_>, deadline: Deadline) -> Result<&Key, Problem> {
        let read = async {
            let secret = admin
                .shared_secret(SECRET_NAME, &secret::random()?)
                .await
                .map_err(|error| Problem::of_read(error, "secret"))?;
            Ok(Key::new(HMAC_SHA256, &secret))
        };

        let key = timeout_at(deadline.instant().into(), self.key.get_or_try_init(|| read)).await;
        key.unwrap_or_else(|_| Err(StoreError::NoAnswer("the read timed out".into()).into()))
    }
}

/// Returns the token of a charge. `None` if the caller cannot be refunded.
pub(super) fn encode(key: &Key, caller: &Caller, charge: &ChargeId) -> Option<String> {
    let caller = match caller {
        Caller::Key(id) => format!("k{}", URL_SAFE_NO_PAD.encode(id)),
        Caller::Subject(hash) => format!("s{}", URL_SAFE_NO_PAD.encode(hash)),
        _ => return None,
    };

    let signed = format!("{caller}.{charge}");
    let hmac = URL_SAFE_NO_PAD.encode(sign(key, signed.as_bytes()));
    Some(format!("{signed}.{hmac}"))
}

/// Returns the caller and the charge of a token. `None` if it was not made with this key.
pub(super) fn decode(key: &Key, token: &str) -> Option<(Caller, ChargeId)> {
    let (signed, hmac) = token.rsplit_once('.')?;
    verify(key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(hmac).ok()?).ok()?;

    let (caller, charge) = signed.split_once('.')?;
    let bytes = URL_SAFE_NO_PAD.decode(caller.get(1..)?).ok()?;
    let caller = match caller.chars().next()? {
        'k' => Caller::Key(String::from_utf8(bytes).ok()?),
        's' => Caller::Subject(bytes.try_into().ok()?),
        _ => return None,
    };
    Some((caller, charge.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use registry::Seeds;
    use std::time::{Duration, Instant};

    use aws::Deadline;
    use store::{Call, Clock, EmbeddedStore};

    fn key(byte: u8) -> Key {
        Key::new(HMAC_SHA256, &[byte; 32])
    }

    fn charge() -> (Caller, ChargeId) {
        let seeds =
            Seeds::parse(r#"{"plans":{"p":{"quotas":[{"limit":9,"period":"day"}]}}}"#).unwrap();
        let noon = Clock::new(|| 1_795_348_800_000_000_000);
        let store = EmbeddedStore::new(&seeds).unwrap().with_clock(noon);
        let caller = Caller::Key("k1".to_owned());

        let call = Call {
            caller: &caller,
            group: None,
            plan: &store.registry().plan("p").unwrap(),
            route: None,
            cost: 3,
            deadline: Deadline::after(Instant::now(), Duration::from_secs(1)),
        };
        let decision = store.charge(&call).unwrap();
        (caller, decision.charge.unwrap())
    }

    #[test]
    fn encoded_charge_is_decoded() {
        let (caller, charge) = charge();
        let token = encode(&key(1), &caller, &charge).unwrap();

        assert!(token.is_ascii() && token.len() < 200, "{token}");
        assert_eq!(decode(&key(1), &token), Some((caller, charge)));
    }

    #[test]
    fn changed_or_forged_token_is_rejected() {
        let (caller, charge) = charge();
        let token = encode(&key(1), &caller, &charge).unwrap();
        let (signed, hmac) = token.rsplit_once('.').unwrap();
        assert_eq!(decode(&key(2), &token), None);
        assert_eq!(decode(&key(1), signed), None);

        let other = encode(&key(1), &Caller::Key("k2".to_owned()), &charge).unwrap();
        let (other_signed, _) = other.rsplit_once('.').unwrap();
        assert_eq!(decode(&key(1), &format!("{other_signed}.{hmac}")), None);

        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(decode(&key(1), &changed), None, "{position}");
        }
    }

    proptest! {
        #[test]
        fn made_up_token_is_rejected(token in ".{0,100}") {
            prop_assert!(decode(&key(1), &token).is_none());
        }
    }
}
