//! Strings that others choose, as values of headers and of the access log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Longer values are left out: an HTTP API admits 10,240 bytes of headers in all.
pub const MAX_BYTES: usize = 1_024;

/// Visible ASCII as it is; anything else, and `%` itself, percent-encoded UTF-8. A lone `-`, which
/// stands for nothing at the backend, is encoded too. Empty where there is nothing, or too much to
/// send.
#[must_use]
pub fn header_value(text: &str) -> Cow<'_, str> {
    if text == "-" {
        return Cow::Borrowed("%2D");
    }
    bounded(encoded(text, None))
}

/// As [`header_value`], without quotes and backslashes: API Gateway writes the value into a line of
/// JSON as it is.
#[must_use]
pub fn access_log_value(text: &str) -> Cow<'_, str> {
    let value = header_value(text);
    if value.contains(['"', '\\']) {
        return bounded(Cow::Owned(value.replace('"', "%22").replace('\\', "%5C")));
    }
    value
}

/// A list in one value, its items separated by `separator` and nothing else. Empty if it is too
/// long, as [`header_value`].
#[must_use]
pub fn header_list(items: &[String], separator: char) -> Cow<'_, str> {
    match items {
        [] => Cow::Borrowed(""),
        [one] if one == "-" => Cow::Borrowed("%2D"),
        [one] => bounded(encoded(one, Some(separator))),
        [first, rest @ ..] => {
            let mut list = encoded(first, Some(separator)).into_owned();
            for item in rest {
                list.push(separator);
                list.push_str(&encoded(item, Some(separator)));
            }
            bounded(Cow::Owned(list))
        }
    }
}

fn bounded(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= MAX_BYTES {
        value
    } else {
        Cow::Borrowed("")
    }
}

fn encoded(text: &str, separator: Option<char>) -> Cow<'_, str> {
    let plain =
        |byte: u8| byte.is_ascii_graphic() && byte != b'%' && separator != Some(byte.into());
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_header_can_hold_is_left_as_it_is() {
        for text in ["alice", "auth0|123", "alice@example.com", "a-b", "--", ""] {
            assert_eq!(header_value(text), text);
        }
    }

    #[test]
    fn anything_else_is_encoded() {
        for (text, expected) in [
            ("-", "%2D"),
            ("%2D", "%252D"),
            ("J\u{fc}rgen", "J%C3%BCrgen"),
            ("a b", "a%20b"),
            ("a\r\nx-tollgate-plan: pro", "a%0D%0Ax-tollgate-plan:%20pro"),
            ("\u{7f}", "%7F"),
        ] {
            assert_eq!(header_value(text), expected);
        }
    }

    #[test]
    fn an_item_cannot_pretend_to_be_two() {
        let items = ["admin,root".to_owned(), "a b".to_owned()];
        assert_eq!(header_list(&items, ','), "admin%2Croot,a%20b");
        assert_eq!(header_list(&["-".to_owned()], ','), "%2D");
        assert_eq!(header_list(&[], ','), "");
    }

    #[test]
    fn what_is_too_long_is_left_out_whole() {
        assert_eq!(header_value(&"x".repeat(MAX_BYTES)).len(), MAX_BYTES);
        assert_eq!(header_value(&"x".repeat(MAX_BYTES + 1)), "");
        assert_eq!(header_list(&vec!["role".to_owned(); 300], ','), "");
    }

    #[test]
    fn a_value_of_the_access_log_cannot_end_its_string() {
        for (text, expected) in [
            ("https://issuer.example", "https://issuer.example"),
            (r#"O=a\, b,CN="x""#, "O=a%5C,%20b,CN=%22x%22"),
            ("-", "%2D"),
            (&"\\".repeat(400), ""),
        ] {
            assert_eq!(access_log_value(text), expected);
        }
    }

    proptest! {
        #[test]
        fn different_texts_have_different_values_that_a_header_can_hold(one in ".{0,40}", other in ".{0,40}") {
            for value in [header_value, access_log_value] {
                let (first, second) = (value(&one), value(&other));
                prop_assert!(first.bytes().all(|byte| byte.is_ascii_graphic()) && first != "-");
                prop_assert_eq!(one == other, first == second);
            }
        }
    }
}
