//! Distinguished names as strings (RFC 4514).
//!
//! API Gateway sends names as strings too, but does not document its escaping. Its
//! `CN=alice,OU=admins` may be one attribute or two.

use std::fmt::Write as _;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

/// The attribute types with a name in RFC 4514, section 3. Others are written as numbers.
const SHORT_NAMES: [(ObjectIdentifier, &str); 9] = [
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"),
        "DC",
    ),
    (
        ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"),
        "UID",
    ),
];

/// Returns a name as a string, with the most specific part first. Different names have different
/// strings, apart from the string type of their values. `None` if a value cannot be encoded.
pub(crate) fn distinguished_name(name: &Name) -> Option<String> {
    let mut parts: Vec<_> = name.iter_rdn().collect();
    parts.reverse();

    let mut text = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push('+');
            }
            write_attribute(&mut text, attribute)?;
        }
    }
    Some(text)
}

fn write_attribute(text: &mut String, attribute: &AttributeTypeAndValue) -> Option<()> {
    let short_name = SHORT_NAMES
        .iter()
        .find(|(oid, _)| *oid == attribute.oid)
        .map(|(_, name)| name);
    match (short_name, string_value(attribute)) {
        (Some(name), Some(value)) => {
            text.push_str(name);
            text.push('=');
            write_escaped(text, value);
        }
        _ => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}=#", attribute.oid);
            for byte in attribute.value.to_der().ok()? {
                let _ = write!(text, "{byte:02x}");
            }
        }
    }
    Some(())
}

fn string_value(attribute: &AttributeTypeAndValue) -> Option<&str> {
    let is_string = matches!(
        attribute.value.tag(),
        Tag::PrintableString | Tag::Utf8String | Tag::Ia5String
    );
    std::str::from_utf8(attribute.value.value())
        .ok()
        .filter(|_| is_string)
}

/// Appends a value with escapes (RFC 4514, section 2.4).
fn write_escaped(text: &mut String, value: &str) {
    let last = value.char_indices().next_back().map(|(index, _)| index);
    for (index, letter) in value.char_indices() {
        let at_an_end = index == 0 || Some(index) == last;
        match letter {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            ' ' if at_an_end => text.push_str("\\ "),
            '#' if index == 0 => text.push_str("\\#"),
            _ => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        distinguished_name(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn names_are_written_as_in_rfc_4514() {
        for text in [
            "CN=alice",
            "CN=alice,OU=admins,O=Example Corp,L=Berlin,ST=BE,C=DE",
            "UID=7,DC=example,DC=org",
            "CN=alice+OU=admins,O=a",
            r"CN=alice\,OU=admins",
            r"CN=\ a b\ ,O=\#1",
            r#"O=\"a\"\+b\;\<c\>\\"#,
            "CN=J\u{fc}rgen",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }

    #[test]
    fn unknown_types_and_binary_values_are_written_as_numbers() {
        assert_eq!(
            rewritten("1.2.840.113549.1.9.1=#1603614062"),
            "1.2.840.113549.1.9.1=#1603614062"
        );
        assert_eq!(rewritten("CN=#1e020061"), "2.5.4.3=#1e020061");
        assert_eq!(rewritten("CN=#0c0161"), "CN=a");
    }

    #[test]
    fn one_attribute_differs_from_two() {
        assert_ne!(
            rewritten(r"CN=alice\,OU=admins"),
            rewritten("CN=alice,OU=admins")
        );
        assert_ne!(
            rewritten(r"CN=alice\+OU=admins"),
            rewritten("CN=alice+OU=admins")
        );
        assert_ne!(rewritten(r"CN=\#0c0161"), rewritten("CN=#0c0161"));
    }
}
