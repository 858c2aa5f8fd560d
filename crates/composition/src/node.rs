//! A JSON value that is parsed only where an edit applies.

use std::collections::HashSet;

use crate::edit::Edit;
use crate::json_reader::{ArrayToken, Name, for_each_field, for_each_token};

/// The most fields of an object whose names are compared with each other instead of hashed.
const MAX_COMPARED_FIELDS: usize = 24;

/// A JSON value. Text that no edit reaches is written as it was read.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// JSON text.
    Text(&'a str),
    /// The fields of an object, whose names differ.
    Object(Vec<Field<'a>>),
    /// The text of an array, and the edits of its items. Items are edited when they are written, so
    /// that one item at a time is in memory.
    Array(&'a str, Vec<Edit<'a>>),
}

/// A field of an object.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) value: Node<'a>,
}

impl<'a> Node<'a> {
    /// Parses one level of the text. Scalars are not changed.
    ///
    /// If several fields have the same name, the last one is kept.
    pub(crate) fn expand(&mut self) {
        let Self::Text(text) = *self else { return };
        let text = text.trim_ascii();

        match text.as_bytes().first() {
            Some(b'{') => *self = Self::Object(distinct_fields(text)),
            Some(b'[') => *self = Self::Array(text, Vec::new()),
            _ => {}
        }
    }

    /// Writes the value as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Object(fields) => {
                out.push(b'{');
                write_fields(fields, out);
                out.push(b'}');
            }
            Self::Array(text, edits) => write_array(text, edits, out),
        }
    }
}

/// Returns the fields of an object. Of several with one name, the last is kept.
fn distinct_fields(text: &str) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    for_each_field(text, |name, value| {
        let value = Node::Text(value);
        fields.push(Field { name, value });
    });

    if let Some(repeated) = repeated_names(&fields) {
        let mut repeated = repeated.into_iter();
        fields.retain(|_| !repeated.next().unwrap_or_default());
    }
    fields
}

/// Returns for each field whether a later field has its name. `None` if all names differ.
fn repeated_names(fields: &[Field<'_>]) -> Option<Vec<bool>> {
    let names: Vec<_> = fields.iter().map(|field| field.name.decoded()).collect();
    let is_repeated =
        |index: usize| names[index].is_some() && names[index + 1..].contains(&names[index]);

    if names.len() <= MAX_COMPARED_FIELDS && !(0..names.len()).any(is_repeated) {
        return None;
    }

    let mut later = HashSet::new();
    let mut repeated: Vec<_> = (names.iter().rev())
        .map(|name| name.is_some_and(|name| !later.insert(name)))
        .collect();
    repeated.reverse();
    Some(repeated)
}

/// Writes fields and the commas between them.
pub(crate) fn write_fields(fields: &[Field<'_>], out: &mut Vec<u8>) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_name(&field.name, out);
        out.push(b':');
        field.value.write(out);
    }
}

fn write_name(name: &Name<'_>, out: &mut Vec<u8>) {
    match name {
        // Writing to memory cannot fail.
        Name::Plain(name) => {
            let _ = serde_json::to_writer(out, name);
        }
        Name::Escaped(json, _) => out.extend_from_slice(json.as_bytes()),
    }
}

/// Writes an array with its edited items. Arrays in it are written in the same pass, because their
/// items have the same edits.
fn write_array<'a>(text: &'a str, edits: &[Edit<'a>], out: &mut Vec<u8>) {
    // Each open array, and whether it has an item.
    let mut open = Vec::new();

    for_each_token(text, |token| match token {
        ArrayToken::Open => {
            write_comma(&mut open, out);
            open.push(false);
            out.push(b'[');
        }
        ArrayToken::Close => {
            open.pop();
            out.push(b']');
        }
        ArrayToken::Item(item) => {
            let mut item = Node::Text(item);
            if edits.iter().all(|edit| edit.apply(&mut item)) {
                write_comma(&mut open, out);
                item.write(out);
            }
        }
    });
}

/// Writes the comma before an item of the innermost array, unless it is the first.
fn write_comma(open: &mut [bool], out: &mut Vec<u8>) {
    if let Some(has_item) = open.last_mut()
        && std::mem::replace(has_item, true)
    {
        out.push(b',');
    }
}
