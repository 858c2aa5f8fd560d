//! Names as CloudWatch takes them: printable ASCII, of bounded length, and two names never become
//! one.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// CloudWatch takes 1024 bytes; names that long are nobody's, and bytes of a request.
pub(crate) const LONGEST: usize = 256;

/// A dimension's value for `name`; `None` where it holds nothing but space.
///
/// Bytes that CloudWatch does not take, `%`, and a leading colon become `%XX`. What is as long as
/// [`LONGEST`] or longer is cut, with 64 bits of its SHA-256 at the end.
#[must_use]
pub(crate) fn dimension_value(name: &str) -> Option<Cow<'_, str>> {
    if name.bytes().all(plain) && !name.starts_with(':') && name.len() < LONGEST {
        return (!name.trim_ascii().is_empty()).then_some(Cow::Borrowed(name));
    }
    if name.trim().is_empty() {
        return None;
    }
    let mut clean = String::with_capacity(name.len() + 16);
    for (place, byte) in name.bytes().enumerate() {
        if plain(byte) && (place, byte) != (0, b':') {
            clean.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(clean, "%{byte:02X}");
        }
        if clean.len() >= LONGEST {
            return Some(Cow::Owned(cut(clean, name)));
        }
    }
    Some(Cow::Owned(clean))
}

fn plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'%'
}

fn cut(mut clean: String, name: &str) -> String {
    clean.truncate(LONGEST - 17);
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
        assert!(a.len() == LONGEST && b.len() == LONGEST && a != b);
        assert_eq!(
            dimension_value(&a.repeat(2)).map(|name| name.len()),
            Some(LONGEST)
        );
    }

    proptest! {
        #[test]
        fn whatever_the_name_cloudwatch_takes_it(name in any::<String>()) {
            if let Some(value) = dimension_value(&name) {
                prop_assert!((1..=LONGEST).contains(&value.len()));
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
