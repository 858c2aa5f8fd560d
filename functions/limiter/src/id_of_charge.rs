//! What a refund names: the charge, and whom it was taken from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use usage::{Caller, ChargeId};

/// An opaque, printable text. It is no secret and proves nothing: who may ask for decisions may refund them.
pub(crate) fn text(caller: &Caller, charge: &ChargeId) -> Option<String> {
    let caller = match caller {
        Caller::Key(id) => format!("k{}", URL_SAFE_NO_PAD.encode(id)),
        Caller::Subject(hash) => format!("s{}", URL_SAFE_NO_PAD.encode(hash)),
        _ => return None,
    };
    Some(format!("{caller}.{charge}"))
}

/// The caller and the charge that a text names.
pub(crate) fn parse(text: &str) -> Option<(Caller, ChargeId)> {
    let (caller, charge) = text.split_once('.')?;
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

    proptest! {
        #[test]
        fn no_text_is_more_than_refused(text in ".{0,100}") {
            prop_assert!(parse(&text).is_none());
        }
    }
}
