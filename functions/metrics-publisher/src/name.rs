//! Turns names into dimension values that CloudWatch accepts. Different names stay different.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Shorter than the 1024 bytes that CloudWatch accepts, to keep requests small.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// Returns the dimension value for a name, or `None` for a blank name.
///
/// Bytes that CloudWatch does not accept, `%`, and a leading colon become `%XX`. A value of
/// [`MAX_NAME_BYTES`] or more is truncated, and ends with 64 bits of the name's SHA-256.
#[must_use]
pub(crate) fn dimension_value(name: &str) -> Option<Cow<'_, str>> {
    if name.bytes().all(is_plain) && !name.starts_with(':') && name.len() < MAX_NAME_BYTES {
        return (!name.trim_ascii().is_empty()).then_some(Cow::Borrowed(name));
    }
    if name.trim().is_empty() {
        return None;
    }
    let mut clean = String::with_capacity(name.len() + 16);
    for (place, byte) in name.bytes().enumerate() {
        if is_plain(byte) && (place, byte) != (0, b':') {
            clean.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(clean, "%{byte:02X}");
        }
        if clean.len() >= MAX_NAME_BYTES {
            return Some(Cow::Owned(shortened(clean, name)));
        }
    }
    Some(Cow::Owned(clean))
}

fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'%'
}

fn shortened(mut clean: String, name: &str) -> String {
    clean.truncate(MAX_NAME_BYTES - 17);
    clean.push('~');
    let digest: [u8; 32] = Sha256::digest(name).into();
    for byte in &digest[..8] {
        let _ = write!(clean, "{byte:02x}");
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plain_name_stays_as_it_is_without_a_copy() {
        for name in ["dynamodb", "GET /orders/{id}", "$default", "ANY /{proxy+}"] {
            assert!(matches!(dimension_value(name), Some(Cow::Borrowed(same)) if same == name));
        }
    }

    #[test]
    fn unicode_and_control_characters_are_written_as_their_bytes() {
        assert_eq!(dimension_value("café").as_deref(), Some("caf%C3%A9"));
        assert_eq!(dimension_value("a\nb").as_deref(), Some("a%0Ab"));
        assert_eq!(dimension_value(":a:").as_deref(), Some("%3Aa:"));
        assert_ne!(dimension_value("café-注文"), dimension_value("café-注"));
        assert_ne!(dimension_value("caf%C3%A9"), dimension_value("café"));
    }

    #[test]
    fn a_name_of_space_alone_is_none() {
        for name in ["", " ", "\t\n", "\u{a0}", "\u{3000} "] {
            assert_eq!(dimension_value(name), None, "{name:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (a, b) = ("x".repeat(5_000) + "a", "x".repeat(5_000) + "b");
        let (a, b) = (dimension_value(&a).unwrap(), dimension_value(&b).unwrap());
        assert!(a.len() == MAX_NAME_BYTES && b.len() == MAX_NAME_BYTES && a != b);
        assert_eq!(
            dimension_value(&a.repeat(2)).map(|name| name.len()),
            Some(MAX_NAME_BYTES)
        );
    }

    proptest! {
        #[test]
        fn whatever_the_name_cloudwatch_takes_it(name in any::<String>()) {
            if let Some(value) = dimension_value(&name) {
                prop_assert!((1..=MAX_NAME_BYTES).contains(&value.len()));
                prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert!(value.bytes().any(|byte| byte != b' ') && !value.starts_with(':'));
            }
        }

        #[test]
        fn two_names_never_become_one(
            a in "[a%0-9A-F:é\u{7f}~ ]{1,8}(x{230,260})?", b in "[a%0-9A-F:é\u{7f}~ ]{1,8}(x{230,260})?",
        ) {
            prop_assume!(a != b && dimension_value(&a).is_some());
            prop_assert_ne!(dimension_value(&a), dimension_value(&b));
        }
    }
}
