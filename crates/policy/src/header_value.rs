//! Encodes strings that clients or issuers choose for headers and the access log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest value in bytes. An HTTP API accepts 10,240 bytes of headers in total.
pub const MAX_VALUE_BYTES: usize = 1_024;

/// Returns a header value that contains only visible ASCII. Other characters, and `%` itself, are
/// percent-encoded UTF-8. The string `-`, which means "nothing" to the backend, is encoded too.
///
/// Returns an empty value if the string is empty or too long. Different strings have different
/// values.
///
/// ```
/// use policy::header_value::header_value;
///
/// assert_eq!(header_value("J\u{fc}rgen"), "J%C3%BCrgen");
/// assert_eq!(header_value("-"), "%2D");
/// ```
#[must_use]
pub fn header_value(text: &str) -> Cow<'_, str> {
    if text == "-" {
        return Cow::Borrowed("%2D");
    }
    bounded(encoded(text, None))
}

/// Like [`header_value`], but also encodes quotes and backslashes. API Gateway writes the value
/// into a line of JSON without escaping it.
#[must_use]
pub fn access_log_value(text: &str) -> Cow<'_, str> {
    let value = header_value(text);
    if value.contains(['"', '\\']) {
        return bounded(Cow::Owned(value.replace('"', "%22").replace('\\', "%5C")));
    }
    value
}

/// Returns a list as one value, its items joined by `separator`. Returns an empty value if the list
/// is empty or too long.
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

/// Returns the string of a value that [`header_value`] or [`access_log_value`] has encoded. `None`
/// for any other value.
///
/// ```
/// use policy::header_value::decode_header_value;
///
/// assert_eq!(decode_header_value("J%C3%BCrgen").as_deref(), Some("J\u{fc}rgen"));
/// assert_eq!(decode_header_value("100%"), None);
/// ```
#[must_use]
pub fn decode_header_value(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if !value.contains('%') {
        return Some(Cow::Borrowed(value));
    }

    let mut pieces = value.split('%');
    let mut decoded = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        let is_encoded = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        if !digits.bytes().all(is_encoded) {
            return None;
        }
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        decoded.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Returns the items of a list that [`header_list`] has encoded. `None` for any other value. An
/// empty value is an empty list.
#[must_use]
pub fn decode_header_list(value: &str, separator: char) -> Option<Vec<Cow<'_, str>>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    value.split(separator).map(decode_header_value).collect()
}

fn bounded(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= MAX_VALUE_BYTES {
        value
    } else {
        Cow::Borrowed("")
    }
}

fn encoded(text: &str, separator: Option<char>) -> Cow<'_, str> {
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && byte != b'%' && separator != Some(byte.into());
    if text.bytes().all(is_plain) {
        return Cow::Borrowed(text);
    }

    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if is_plain(byte) {
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
    fn visible_ascii_is_not_encoded() {
        for text in ["alice", "auth0|123", "alice@example.com", "a-b", "--", ""] {
            assert_eq!(header_value(text), text);
        }
    }

    #[test]
    fn other_characters_are_encoded() {
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
    fn separator_in_an_item_is_encoded() {
        let items = ["admin,root".to_owned(), "a b".to_owned()];
        assert_eq!(header_list(&items, ','), "admin%2Croot,a%20b");
        assert_eq!(header_list(&["-".to_owned()], ','), "%2D");
        assert_eq!(header_list(&[], ','), "");
    }

    #[test]
    fn long_values_are_omitted() {
        assert_eq!(
            header_value(&"x".repeat(MAX_VALUE_BYTES)).len(),
            MAX_VALUE_BYTES
        );
        assert_eq!(header_value(&"x".repeat(MAX_VALUE_BYTES + 1)), "");
        assert_eq!(header_list(&vec!["role".to_owned(); 300], ','), "");
    }

    #[test]
    fn access_log_value_cannot_end_its_string() {
        for (text, expected) in [
            ("https://issuer.example", "https://issuer.example"),
            (r#"O=a\, b,CN="x""#, "O=a%5C,%20b,CN=%22x%22"),
            ("-", "%2D"),
            (&"\\".repeat(400), ""),
        ] {
            assert_eq!(access_log_value(text), expected);
        }
    }

    #[test]
    fn value_with_another_encoding_is_not_decoded() {
        for value in [
            "%",
            "a%2",
            "%zz",
            "%c3%bc",
            "%FF",
            "%+1",
            "a b",
            "J\u{fc}rgen",
            "%C3",
        ] {
            assert_eq!(decode_header_value(value), None, "{value}");
            assert_eq!(decode_header_list(value, ','), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn decoding_returns_the_encoded_string(text in "\\PC{0,40}|[%\"\\\\, -]{0,8}|.{0,40}") {
            for value in [header_value(&text), access_log_value(&text)] {
                let decoded = decode_header_value(&value);
                prop_assert_eq!(decoded.as_deref(), Some(&*text));
            }
        }

        #[test]
        fn decoding_returns_the_encoded_list(
            items in proptest::collection::vec("[a-z%, -]{0,4}|.{0,8}", 0..6),
        ) {
            for separator in [',', ' '] {
                let list = header_list(&items, separator);
                // One empty item has the value of an empty list.
                let expected = if items == [""] { &[][..] } else { &items };
                let decoded = decode_header_list(&list, separator).unwrap();
                prop_assert_eq!(decoded.as_slice(), expected);
            }
        }

        #[test]
        fn different_strings_have_different_valid_values(one in ".{0,40}", other in ".{0,40}") {
            for value in [header_value, access_log_value] {
                let (first, second) = (value(&one), value(&other));
                prop_assert!(first.bytes().all(|byte| byte.is_ascii_graphic()) && first != "-");
                prop_assert_eq!(one == other, first == second);
            }
        }
    }
}
