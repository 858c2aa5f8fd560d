//! Splits one level of a JSON value into the texts of its fields or items.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::decode_string;

/// The name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// A name that is the same in JSON, or that is not from JSON.
    Plain(&'a str),
    /// A JSON string with escapes, and its characters. They are absent for an unpaired surrogate.
    Escaped(&'a str, Option<Box<str>>),
}

impl<'a> Name<'a> {
    fn from_json(json: &'a str) -> Self {
        let content = json
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));

        match content {
            Some(content) if !content.contains('\\') => Self::Plain(content),
            _ => Self::Escaped(json, decode_string(json).map(|name| name.into())),
        }
    }

    /// Returns the characters of the name. `None` if it has an unpaired surrogate, which no other
    /// name equals.
    pub(crate) fn decoded(&self) -> Option<&str> {
        match self {
            Self::Plain(name) => Some(name),
            Self::Escaped(_, name) => name.as_deref(),
        }
    }

    /// True if the name has these characters.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.decoded() == Some(name)
    }
}

/// Calls `visit` with each field of an object. Other values have none.
pub(crate) fn for_each_field<'a>(json: &'a str, visit: impl FnMut(Name<'a>, &'a str)) {
    #[cfg(test)]
    count_scanned(json);

    if json.starts_with('{') {
        // Values are checked before they are merged, so that an error is impossible here.
        let _ = serde_json::Deserializer::from_str(json).deserialize_map(Fields(visit));
    }
}

/// Calls `visit` with each item of an array. Other values have none.
pub(crate) fn for_each_item<'a>(json: &'a str, visit: impl FnMut(&'a str)) {
    #[cfg(test)]
    count_scanned(json);

    if json.starts_with('[') {
        let _ = serde_json::Deserializer::from_str(json).deserialize_seq(Items(visit));
    }
}

/// A bracket or an item of an array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ArrayToken<'a> {
    /// The start of the array, or of an array in it.
    Open,
    /// Any value but an array.
    Item(&'a str),
    /// The end of an array.
    Close,
}

/// Calls `visit` with the brackets and items of an array and of the arrays in it, in their order.
///
/// The text is scanned once, however deep the arrays are. It must be valid JSON.
pub(crate) fn for_each_token<'a>(json: &'a str, mut visit: impl FnMut(ArrayToken<'a>)) {
    #[cfg(test)]
    count_scanned(json);

    let (bytes, mut place) = (json.as_bytes(), 0);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'[' => visit(ArrayToken::Open),
            b']' => visit(ArrayToken::Close),
            b',' | b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => {
                let end = end_of_value(bytes, place);
                if let Some(item) = json.get(place..end) {
                    visit(ArrayToken::Item(item));
                }
                place = end;
                continue;
            }
        }
        place += 1;
    }
}

/// Returns the end of a value that is no array. It is after `start`.
fn end_of_value(bytes: &[u8], start: usize) -> usize {
    match bytes[start] {
        b'"' => end_of_string(bytes, start),
        b'{' => end_of_object(bytes, start),
        _ => {
            let is_end = |byte: &u8| b",] \t\n\r".contains(byte);
            let length = bytes[start + 1..].iter().position(is_end);
            length.map_or(bytes.len(), |length| start + 1 + length)
        }
    }
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut place = start + 1;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'\\' => place += 2,
            b'"' => return place + 1,
            _ => place += 1,
        }
    }
    bytes.len()
}

fn end_of_object(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut place) = (0_usize, start);
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' => {
                place = end_of_string(bytes, place);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        place += 1;
        if depth == 0 {
            return place;
        }
    }
    bytes.len()
}

#[cfg(test)]
thread_local! {
    /// The bytes that the functions of this file have read in this thread.
    pub(crate) static SCANNED_BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
fn count_scanned(json: &str) {
    SCANNED_BYTES.with(|bytes| bytes.set(bytes.get() + json.len()));
}

struct Fields<F>(F);

impl<'a, F: FnMut(Name<'a>, &'a str)> Visitor<'a> for Fields<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut fields: A) -> Result<(), A::Error> {
        while let Some((name, value)) = fields.next_entry::<&RawValue, &RawValue>()? {
            self.0(Name::from_json(name.get()), value.get());
        }
        Ok(())
    }
}

struct Items<F>(F);

impl<'a, F: FnMut(&'a str)> Visitor<'a> for Items<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<&RawValue>()? {
            self.0(item.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(json: &str) -> Vec<ArrayToken<'_>> {
        let mut tokens = Vec::new();
        for_each_token(json, |token| tokens.push(token));
        tokens
    }

    #[test]
    fn arrays_in_an_array_are_opened_and_closed() {
        use ArrayToken::{Close, Item, Open};

        let json = "[ 1 ,[],[\"a,]\\\"\\\\\", {\"b\":[{\"c\":\"}]\"}]}\n], true\t,[[null]]]";
        let expected = [
            Open,
            Item("1"),
            Open,
            Close,
            Open,
            Item("\"a,]\\\"\\\\\""),
            Item("{\"b\":[{\"c\":\"}]\"}]}"),
            Close,
            Item("true"),
            Open,
            Open,
            Item("null"),
            Close,
            Close,
            Close,
        ];
        assert_eq!(tokens(json), expected);
    }

    proptest! {
        #[test]
        fn any_text_has_an_end(text in any::<String>(), json in "[\\[\\]{}\",:a1\\\\ é]{0,40}") {
            tokens(&text);
            tokens(&json);
        }
    }
}
