//! The merged response.

use serde::Serialize;

use crate::absent_parts::AbsentParts;
use crate::edit::{Edit, apply_change, select};
use crate::fields::FieldSelection;
use crate::json_reader::Name;
use crate::node::{Field, Node, write_fields};
use crate::{Missing, MissingPart, VersionShape};

/// The bytes of `_metadata` for one missing part without its name, at most.
const MISSING_PART_BYTES: usize = 80;

/// The parts of a response.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The name of each part in the response and its JSON, in the order of the document.
    ///
    /// The JSON is from [`check_json`](crate::check_json), or is the fallback of the part.
    pub parts: Vec<(&'a str, &'a str)>,
    /// The missing parts, with and without a fallback.
    pub missing: Vec<MissingPart<'a>>,
}

/// Returns the response as JSON.
///
/// A move into a part that is missing without a fallback changes nothing.
///
/// The parts are merged. Then the shapes apply in order, and then the selection. `_metadata`, which
/// names the missing parts, is the last field, and neither changes it. Text that no change reaches
/// is written as it was read. Of several fields with one name in an object that a change reaches,
/// the last is kept.
///
/// ```
/// use composition::{Answer, FieldSelection, render};
///
/// let answer = Answer {
///     parts: vec![("user", r#"{"name": "Ada", "age": 36}"#), ("orders", "[]")],
///     missing: Vec::new(),
/// };
/// let selection = FieldSelection::parse("user(name)").unwrap();
///
/// let body = render(&answer, &[], Some(&selection));
/// assert_eq!(body, br#"{"user":{"name":"Ada"}}"#);
/// ```
#[must_use]
pub fn render(
    answer: &Answer<'_>,
    shapes: &[&VersionShape],
    selection: Option<&FieldSelection>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(size(answer));
    if let Some(selection) = selection
        && shapes.iter().all(|shape| shape.changes.is_empty())
    {
        write_selected(answer, selection, &mut out);
        return out;
    }

    let mut root = Node::Object(answer.parts.iter().map(field).collect());
    let mut absent = AbsentParts::new(&answer.missing);
    for change in shapes.iter().flat_map(|shape| &shape.changes) {
        if absent.admit(change) {
            apply_change(&mut root, change);
        }
    }
    if let Some(selection) = selection {
        Edit::Select(selection.names()).apply(&mut root);
    }

    write(&root, &answer.missing, &mut out);
    out
}

/// Writes the selected fields of one part after another, so that only the fields of one part are in
/// memory. Each takes several times the memory of its text.
fn write_selected(answer: &Answer<'_>, selection: &FieldSelection, out: &mut Vec<u8>) {
    let mut is_empty = true;
    out.push(b'{');

    for part in &answer.parts {
        let mut field = field(part);
        if select(&mut field, selection.names()) {
            if !is_empty {
                out.push(b',');
            }
            is_empty = false;
            write_fields(&[field], out);
        }
    }

    end(is_empty, &answer.missing, out);
}

fn field<'a>(&(name, json): &(&'a str, &'a str)) -> Field<'a> {
    let name = Name::Plain(name);
    Field {
        name,
        value: Node::Text(json),
    }
}

/// Returns the bytes of the response without changes, or a few more.
fn size(answer: &Answer<'_>) -> usize {
    let parts = answer
        .parts
        .iter()
        .map(|(name, json)| name.len() + json.len() + 4);
    let missing = answer
        .missing
        .iter()
        .map(|part| part.name.len() + MISSING_PART_BYTES);

    2 + parts.sum::<usize>() + missing.sum::<usize>()
}

fn write(root: &Node<'_>, missing: &[MissingPart<'_>], out: &mut Vec<u8>) {
    let Node::Object(fields) = root else { return };

    out.push(b'{');
    write_fields(fields, out);
    end(fields.is_empty(), missing, out);
}

/// Writes the end of the response. `is_empty` is true if it has no fields yet.
fn end(is_empty: bool, missing: &[MissingPart<'_>], out: &mut Vec<u8>) {
    if !missing.is_empty() {
        if !is_empty {
            out.push(b',');
        }
        write_metadata(missing, out);
    }
    out.push(b'}');
}

#[derive(Serialize)]
struct Metadata<'a> {
    missing: Vec<MissingEntry<'a>>,
}

#[derive(Serialize)]
struct MissingEntry<'a> {
    part: &'a str,
    reason: &'static str,
    fallback: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

fn write_metadata(missing: &[MissingPart<'_>], out: &mut Vec<u8>) {
    let missing = missing.iter().map(entry).collect();

    out.extend_from_slice(b"\"_metadata\":");
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &Metadata { missing });
}

fn entry<'a>(part: &MissingPart<'a>) -> MissingEntry<'a> {
    let status = match part.missing {
        Missing::Status(status) => Some(status),
        _ => None,
    };

    MissingEntry {
        part: part.name,
        reason: part.missing.as_str(),
        fallback: part.has_fallback,
        status,
    }
}

#[cfg(test)]
mod tests;
