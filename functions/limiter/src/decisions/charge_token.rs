//! What a refund names: the charge, whom it was taken from, and a code that nobody else can make.
//!
//! A charge says what is to be given back, so it has to be one that this API returned. HMAC-SHA-256
//! under a secret that all instances share, a random item of the registry, proves that. The store
//! sees to it that it is given back once.

use std::sync::Arc;

use aws::Deadline;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::OnceCell;
use tokio::time::timeout_at;
use usage::{Admin, Caller, ChargeId, StoreError};

use crate::keys::secret;
use crate::problem::{Problem, refused};

/// The secret's name in the registry.
const NAME: &str = "charges";

/// Signs charges, once the secret is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChargeTexts {
    key: Arc<OnceCell<Key>>,
}

impl ChargeTexts {
    /// The key, read from the registry once in an instance's life.
    ///
    /// # Errors
    /// 503 where it cannot be read by the deadline.
    pub(crate) async fn key(&self, admin: &Admin<'_>, deadline: Deadline) -> Result<&Key, Problem> {
        let read = async {
            let secret = admin.shared_secret(NAME, &secret::random()?).await;
            secret
                .map(|secret| Key::new(HMAC_SHA256, &secret))
                .map_err(|error| refused(error, "secret"))
        };
        let read = timeout_at(deadline.instant().into(), self.key.get_or_try_init(|| read)).await;
        read.unwrap_or_else(|_| Err(StoreError::NoAnswer("no answer in time".into()).into()))
    }
}

/// An opaque, printable text: caller, charge and code.
pub(crate) fn text(key: &Key, caller: &Caller, charge: &ChargeId) -> Option<String> {
    let caller = match caller {
        Caller::Key(id) => format!("k{}", URL_SAFE_NO_PAD.encode(id)),
        Caller::Subject(hash) => format!("s{}", URL_SAFE_NO_PAD.encode(hash)),
        _ => return None,
    };
    let signed = format!("{caller}.{charge}");
    let code = URL_SAFE_NO_PAD.encode(sign(key, signed.as_bytes()));
    Some(format!("{signed}.{code}"))
}

/// The caller and the charge that a text names; `None` for one that was not made with this key.
pub(crate) fn read(key: &Key, text: &str) -> Option<(Caller, ChargeId)> {
    let (signed, code) = text.rsplit_once('.')?;
    verify(key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(code).ok()?).ok()?;
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
    use usage::{EmbeddedStore, Seeds};

    fn key(byte: u8) -> Key {
        Key::new(HMAC_SHA256, &[byte; 32])
    }

    fn charged() -> (Caller, ChargeId) {
        let seeds =
            Seeds::parse(r#"{"plans":{"p":{"quotas":[{"limit":9,"period":"day"}]}}}"#).unwrap();
        let store = EmbeddedStore::new(&seeds).unwrap();
        let caller = Caller::Key("k1".to_owned());
        let noon = 1_795_348_800_000_000_000;
        let decision = store
            .charge(&caller, &store.plan("p").unwrap(), None, 3, noon)
            .unwrap();
        (caller, decision.charge.unwrap())
    }

    #[test]
    fn a_charge_is_read_as_it_was_written() {
        let (caller, charge) = charged();
        let text = text(&key(1), &caller, &charge).unwrap();
        assert!(text.is_ascii() && text.len() < 200, "{text}");
        assert_eq!(read(&key(1), &text), Some((caller, charge)));
    }

    #[test]
    fn a_charge_that_was_changed_or_made_elsewhere_is_none() {
        let (caller, charge) = charged();
        let good = text(&key(1), &caller, &charge).unwrap();
        assert_eq!(read(&key(2), &good), None);
        let (signed, code) = good.rsplit_once('.').unwrap();
        assert_eq!(read(&key(1), signed), None);
        let other = text(&key(1), &Caller::Key("k2".to_owned()), &charge).unwrap();
        let (theirs, _) = other.rsplit_once('.').unwrap();
        assert_eq!(read(&key(1), &format!("{theirs}.{code}")), None);
        for place in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                read(&key(1), &String::from_utf8(bytes).unwrap()),
                None,
                "{place}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_is_more_than_refused(text in ".{0,100}") {
            prop_assert!(read(&key(1), &text).is_none());
        }
    }
}
