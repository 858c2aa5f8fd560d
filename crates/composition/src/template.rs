//! The path and query of a part, with placeholders.

mod parse;
mod placeholder;

use std::borrow::Cow;
use std::fmt::Write as _;

use outcome::ContextField;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use routes::path_ambiguity;

use crate::invalid_value::InvalidValue;
use crate::values::Values;

#[cfg(test)]
pub(crate) use parse::MAX_TEMPLATE_BYTES;
pub(crate) use parse::Scope;
pub(crate) use placeholder::is_json_pointer;

/// Every character except the unreserved ones (RFC 3986, 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The longest path and query of a part, in bytes. Load balancers accept 16 kB of request line.
pub(crate) const MAX_TARGET_BYTES: usize = 8_192;

/// The path and query of a part. Values are always encoded, and never add a segment or a pair.
#[derive(Debug)]
pub(crate) struct Template {
    text: String,
    /// The text of each segment after its slash.
    segments: Vec<Vec<Piece>>,
    /// The pairs of the query.
    pairs: Vec<Pair>,
}

/// A pair of the query.
#[derive(Debug, Default)]
struct Pair {
    /// The text before the value, encoded: the name and `=`, or only the name.
    prefix: String,
    value: Vec<Piece>,
}

/// Literal text, or a place for a value.
#[derive(Debug)]
enum Piece {
    /// Text as it is sent.
    Literal(String),
    Placeholder(Placeholder),
}

/// A place for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// A variable of the route.
    Parameter(String),
    /// A query parameter of the client.
    Query(String),
    /// A header of the client, in lower case.
    Header(String),
    /// A field of the authorizer's context.
    Context(ContextField),
    /// A value in the response of another part.
    Part {
        index: usize,
        name: String,
        /// The JSON pointer of the value.
        pointer: String,
    },
}

/// The path and query of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The decoded path, for the policy.
    pub path: String,
    /// The encoded path and query, which the service receives after the path of its URL.
    pub path_and_query: String,
}

impl Template {
    /// Fills the placeholders. A path that the gateway would refuse is refused here too, because
    /// services could read it as another one.
    ///
    /// # Errors
    /// [`InvalidValue`] if a value is absent, or cannot be part of a path.
    pub(crate) fn fill(&self, values: &dyn Values) -> Result<Target, InvalidValue> {
        let mut target = Target {
            path: String::new(),
            path_and_query: String::new(),
        };

        for segment in &self.segments {
            let text = fill_segment(segment, values)?;
            target.path.push('/');
            target.path.push_str(&text.decoded);
            target.path_and_query.push('/');
            target.path_and_query.push_str(&text.encoded);
        }

        refuse_if(path_ambiguity(&target.path).is_some(), self.placeholders())?;

        let mut separator = '?';
        for pair in &self.pairs {
            let Some(value) = fill_pair(&pair.value, values)? else {
                continue;
            };
            target.path_and_query.push(separator);
            target.path_and_query.push_str(&pair.prefix);
            target.path_and_query.push_str(&value);
            separator = '&';
        }

        let is_too_long = target.path_and_query.len() > MAX_TARGET_BYTES;
        refuse_if(is_too_long, self.placeholders())?;
        Ok(target)
    }

    /// Returns the template as the document has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the decoded path with `value` in place of each placeholder.
    pub(crate) fn sample_path(&self, value: &str) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            for piece in segment {
                path.push_str(match piece {
                    Piece::Literal(text) => text,
                    Piece::Placeholder(_) => value,
                });
            }
        }
        path
    }

    /// Returns all placeholders, in the order of the text.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        let pieces = self
            .segments
            .iter()
            .chain(self.pairs.iter().map(|pair| &pair.value));
        pieces.flat_map(|pieces| placeholders(pieces))
    }

    /// Returns the pairs whose value is one query parameter of the client: the decoded name in the
    /// query of the service, and the name in the query of the client.
    pub(crate) fn passed_parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        self.pairs.iter().filter_map(|pair| {
            let [Piece::Placeholder(Placeholder::Query(name))] = pair.value.as_slice() else {
                return None;
            };
            let own = percent_decode_str(pair.prefix.strip_suffix('=')?).decode_utf8_lossy();
            Some((own, name.as_str()))
        })
    }
}

/// The text of one segment.
#[derive(Default)]
struct SegmentText {
    decoded: String,
    encoded: String,
}

fn placeholders(pieces: &[Piece]) -> impl Iterator<Item = &Placeholder> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Literal(_) => None,
        Piece::Placeholder(placeholder) => Some(placeholder),
    })
}

/// Refuses a text that several values form. The literal text of a template was checked when it was
/// read, so a text without placeholders is valid.
///
/// # Errors
/// [`InvalidValue`] for a value of the client, if there is one.
fn refuse_if<'p>(
    is_invalid: bool,
    placeholders: impl Iterator<Item = &'p Placeholder>,
) -> Result<(), InvalidValue> {
    let placeholder = placeholders
        .filter(|_| is_invalid)
        .min_by_key(|placeholder| placeholder.source());
    placeholder.map_or(Ok(()), |placeholder| Err(placeholder.invalid()))
}

/// Returns the text of a segment.
///
/// # Errors
/// [`InvalidValue`] if a value is absent, or could change the path.
fn fill_segment(pieces: &[Piece], values: &dyn Values) -> Result<SegmentText, InvalidValue> {
    let mut text = SegmentText::default();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => {
                text.decoded.push_str(literal);
                text.encoded.push_str(literal);
            }
            Piece::Placeholder(placeholder) => {
                let value = placeholder.value(values).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| placeholder.absent())?;
                if could_change_path(&value) {
                    return Err(placeholder.invalid());
                }
                text.decoded.push_str(&value);
                push_encoded(&mut text.encoded, &value);
            }
        }
    }

    refuse_if(is_dot_segment(&text.decoded), placeholders(pieces))?;
    Ok(text)
}

/// True if a value is more than one segment, or a service could read it as more. A single dot can be
/// a piece of a segment.
fn could_change_path(value: &str) -> bool {
    value.contains('/') || (value != "." && path_ambiguity(value).is_some())
}

/// Returns the value of a pair, or `None` to omit the pair.
///
/// # Errors
/// [`InvalidValue`] if a value is absent that the client does not send.
fn fill_pair(pieces: &[Piece], values: &dyn Values) -> Result<Option<String>, InvalidValue> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Placeholder(placeholder) => match placeholder.value(values) {
                Some(value) => push_encoded(&mut text, &value),
                None if placeholder.is_optional() => return Ok(None),
                None => return Err(placeholder.absent()),
            },
        }
    }
    Ok(Some(text))
}

fn push_encoded(text: &mut String, value: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", utf8_percent_encode(value, ENCODED));
}

/// True if a service may ignore a segment, or read it as `.` or `..`. Some ignore dots and spaces at
/// the end.
fn is_dot_segment(segment: &str) -> bool {
    segment
        .chars()
        .all(|letter| letter == '.' || letter.is_whitespace())
}

#[cfg(test)]
mod tests;
