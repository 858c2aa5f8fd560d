//! JSON text of services: the check of a response, and the value at a JSON pointer.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use crate::Missing;
use crate::json_reader::{for_each_field, for_each_item};

/// The deepest nesting of arrays and objects in the response of a service.
pub const MAX_JSON_DEPTH: usize = 128;

/// Checks the body of a service's response, and returns its JSON without the space around it.
///
/// The value is one JSON text in UTF-8 without a byte order mark, nested at most
/// [`MAX_JSON_DEPTH`] levels deep. Numbers of any size and unpaired surrogates are valid, because
/// they are passed on and never converted.
///
/// # Errors
/// [`Missing::InvalidResponse`] for anything else, and for an empty body.
///
/// ```
/// assert_eq!(composition::check_json(b" {\"total\": 1e999}\n"), Ok("{\"total\": 1e999}"));
/// assert!(composition::check_json(b"<html>").is_err());
/// ```
pub fn check_json(body: &[u8]) -> Result<&str, Missing> {
    let text = str::from_utf8(body).map_err(|_| Missing::InvalidResponse)?;
    // Neither call recurses: serde_json keeps the open brackets of a skipped value on the heap.
    let json: &RawValue = serde_json::from_str(text).map_err(|_| Missing::InvalidResponse)?;

    if is_deeper_than(json.get(), MAX_JSON_DEPTH) {
        return Err(Missing::InvalidResponse);
    }
    Ok(json.get())
}

/// True if valid JSON is nested deeper than `levels`.
fn is_deeper_than(json: &str, levels: usize) -> bool {
    // Most values have fewer brackets than levels. Counting them needs no state, so it is fast.
    if opening_brackets(json) <= levels {
        return false;
    }

    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth -= 1,
            _ => {}
        }
        depth > levels
    })
}

/// Returns the number of opening brackets, including those in strings.
fn opening_brackets(json: &str) -> usize {
    // The sum of a chunk fits into a byte, so that the processor adds many bytes at once.
    let is_bracket = |byte: &u8| u8::from(matches!(byte, b'{' | b'['));
    let chunks = json.as_bytes().chunks(usize::from(u8::MAX));

    chunks
        .map(|chunk| usize::from(chunk.iter().map(is_bracket).sum::<u8>()))
        .sum()
}

/// Returns the string, number or boolean at a JSON pointer (RFC 6901) as text.
///
/// Numbers keep their digits. Returns `None` if the pointer leads nowhere, or to `null`, an array or
/// an object. Of several fields with one name, the last counts.
///
/// ```
/// let json = r#"{"user": {"segments": ["new", 1.50]}}"#;
///
/// assert_eq!(composition::scalar(json, "/user/segments/0").as_deref(), Some("new"));
/// assert_eq!(composition::scalar(json, "/user/segments/1").as_deref(), Some("1.50"));
/// assert_eq!(composition::scalar(json, "/user"), None);
/// ```
#[must_use]
pub fn scalar<'j>(json: &'j str, pointer: &str) -> Option<Cow<'j, str>> {
    let value = value_at(json, pointer)?;

    match value.as_bytes().first()? {
        b'"' => decode_string(value),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

/// Returns the JSON in which the string at a JSON pointer has another value, or is `null` without one.
///
/// Any other value at the pointer becomes `null`. Of several fields with one name, the last has the
/// value and the others become `null`, so that a service cannot multiply it. All other text is
/// unchanged.
pub(crate) fn replace_values<'j>(
    json: &'j str,
    pointer: &str,
    value: Option<&str>,
) -> Cow<'j, str> {
    let found = values_at(json, pointer);
    let last = found.last().map(|value| value.as_ptr());
    let places: Vec<_> = found
        .into_iter()
        .filter(|value| *value != "null")
        .filter_map(|text| {
            let has_value = text.starts_with('"') && Some(text.as_ptr()) == last;
            Some((place_of(text, json)?, has_value))
        })
        .collect();
    if places.is_empty() {
        return Cow::Borrowed(json);
    }

    let value = value.map_or(Cow::Borrowed("null"), |value| {
        Cow::Owned(encode_string(value))
    });
    let (mut replaced, mut end) = (String::with_capacity(json.len()), 0);
    for (place, has_value) in places {
        replaced.push_str(&json[end..place.start]);
        replaced.push_str(if has_value { &value } else { "null" });
        end = place.end;
    }
    replaced.push_str(&json[end..]);
    Cow::Owned(replaced)
}

/// Returns the text of the value at a JSON pointer, if there is one.
fn value_at<'j>(json: &'j str, pointer: &str) -> Option<&'j str> {
    tokens(pointer)?.try_fold(json.trim_ascii(), |value, token| {
        children(value, &token).pop()
    })
}

/// Returns the texts of all values at a JSON pointer, in their order. There are several if an object
/// has several fields with one name.
fn values_at<'j>(json: &'j str, pointer: &str) -> Vec<&'j str> {
    let Some(tokens) = tokens(pointer) else {
        return Vec::new();
    };

    tokens.fold(vec![json.trim_ascii()], |values, token| {
        values
            .into_iter()
            .flat_map(|value| children(value, &token))
            .collect()
    })
}

/// Returns the tokens of a JSON pointer. `None` if it is invalid.
fn tokens(pointer: &str) -> Option<impl Iterator<Item = Cow<'_, str>>> {
    let is_valid = pointer.is_empty() || pointer.starts_with('/');
    is_valid.then(|| pointer.split('/').skip(1).map(decode_token))
}

/// Returns a token of a JSON pointer without its escapes.
fn decode_token(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        // In this order, so that `~01` is `~1`.
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// Returns the fields with a name, or the item with an index.
fn children<'j>(json: &'j str, token: &str) -> Vec<&'j str> {
    let mut found = Vec::new();

    if json.starts_with('{') {
        for_each_field(json, |name, value| {
            if name.is(token) {
                found.push(value);
            }
        });
    } else if let Some(index) = item_index(token) {
        let mut next = 0;
        for_each_item(json, |item| {
            if next == index {
                found.push(item);
            }
            next += 1;
        });
    }

    found
}

/// Returns the index of an item, which is written without leading zeros.
fn item_index(token: &str) -> Option<usize> {
    let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = token == "0" || !token.starts_with('0');

    (is_number && is_canonical)
        .then(|| token.parse().ok())
        .flatten()
}

/// Returns the place of a piece of a text in this text.
fn place_of(piece: &str, text: &str) -> Option<Range<usize>> {
    let start = piece.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let place = start..start.checked_add(piece.len())?;

    (text.get(place.clone()) == Some(piece)).then_some(place)
}

/// Returns the characters of a JSON string. `None` if it has an unpaired surrogate.
pub(crate) fn decode_string(json: &str) -> Option<Cow<'_, str>> {
    let content = json.strip_prefix('"')?.strip_suffix('"')?;

    if content.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(content))
    }
}

/// Returns a text as a JSON string.
pub(crate) fn encode_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
