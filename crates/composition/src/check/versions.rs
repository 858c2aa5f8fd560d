//! Checks the shapes for client versions.
//!
//! The paths of an entry are the names before any change of this entry: fields are first dropped,
//! then moved, then renamed. A later entry sees the names that earlier entries give.

use semver::Version;

use super::METADATA_FIELD;
use super::headers::check_header;
use super::limits::{MAX_CHANGES, MAX_PATH_NAMES, MAX_VERSIONS, at_most};
use crate::document::{Object, VersionDocument};
use crate::error::{CompositionError, pointer_to};
use crate::model::{Change, Part, VersionShape};
use crate::names::{MAX_NAME_BYTES, unknown};

/// Checks the entries of `versions`.
///
/// # Errors
/// [`CompositionError`] for the first field that is invalid.
pub(super) fn check_versions(
    documents: Vec<Object<VersionDocument>>,
    parts: &[Part],
    pointer: &str,
    key_header: &str,
) -> Result<Vec<VersionShape>, CompositionError> {
    at_most(documents.len(), MAX_VERSIONS, "versions", || {
        pointer.to_owned()
    })?;

    let mut fields: Vec<String> = parts.iter().map(|part| part.field.clone()).collect();
    let mut shapes: Vec<VersionShape> = Vec::with_capacity(documents.len());
    for (index, Object(document)) in documents.into_iter().enumerate() {
        let pointer = pointer_to(pointer, index.to_string());
        let (header, from, below) = check_range(&document, &pointer, key_header)?;
        let mut shape = VersionShape {
            header,
            from,
            below,
            changes: Vec::new(),
        };
        let together = shapes.iter().filter(|other| can_both_apply(other, &shape));
        let given = together.flat_map(|other| &other.changes).collect();
        shape.changes = check_changes(&document, &fields, parts, given, &pointer)?;

        fields.extend(shape.changes.iter().filter_map(new_field));
        shapes.push(shape);
    }
    Ok(shapes)
}

/// True if a request can match both entries: they have different headers, or versions in common.
fn can_both_apply(one: &VersionShape, other: &VersionShape) -> bool {
    let begins_before_end =
        |one: &VersionShape, other: &VersionShape| match (&one.from, &other.below) {
            (Some(from), Some(below)) => from.cmp_precedence(below).is_lt(),
            _ => true,
        };
    one.header != other.header || begins_before_end(one, other) && begins_before_end(other, one)
}

type Range = (http::HeaderName, Option<Version>, Option<Version>);

fn check_range(
    document: &VersionDocument,
    pointer: &str,
    key_header: &str,
) -> Result<Range, CompositionError> {
    let refuse =
        |field: &str, problem: String| CompositionError::new(pointer_to(pointer, field), problem);
    let header =
        check_header(&document.header, key_header).map_err(|problem| refuse("header", problem))?;
    let version = |field: &str, text: Option<&str>| {
        let problem = "invalid version, expected a semantic version such as 2.0.0";
        text.map(Version::parse)
            .transpose()
            .map_err(|_| refuse(field, problem.to_owned()))
    };
    let from = version("from", document.from.as_deref())?;
    let below = version("below", document.below.as_deref())?;

    match (&from, &below) {
        (None, None) => Err(CompositionError::new(
            pointer.to_owned(),
            "missing range, expected `from`, `below` or both",
        )),
        (Some(from), Some(below)) if from.cmp_precedence(below).is_ge() => Err(refuse(
            "from",
            format!("no version is in the range, expected a version before {below}"),
        )),
        _ => Ok((header, from, below)),
    }
}

fn check_changes(
    document: &VersionDocument,
    fields: &[String],
    parts: &[Part],
    given: Vec<&Change>,
    pointer: &str,
) -> Result<Vec<Change>, CompositionError> {
    let count = document.drop.len() + document.moves.0.len() + document.rename.0.len();
    if count == 0 {
        let problem = "no change, expected `rename`, `drop` or `move`";
        return Err(CompositionError::new(pointer.to_owned(), problem));
    }
    at_most(count, MAX_CHANGES, "changes", || pointer.to_owned())?;

    let mut shape = Shape {
        fields,
        parts,
        given,
        sources: Vec::new(),
        targets: Vec::new(),
        changes: Vec::with_capacity(count),
    };
    for (index, path) in document.drop.iter().enumerate() {
        let place = pointer_to(&pointer_to(pointer, "drop"), index.to_string());
        shape
            .drop(path)
            .map_err(|problem| CompositionError::new(place, problem))?;
    }
    for (from, to) in &document.moves.0 {
        let place = pointer_to(&pointer_to(pointer, "move"), from);
        shape
            .move_field(from, to)
            .map_err(|problem| CompositionError::new(place, problem))?;
    }
    for (path, name) in &document.rename.0 {
        let place = pointer_to(&pointer_to(pointer, "rename"), path);
        shape
            .rename(path, name)
            .map_err(|problem| CompositionError::new(place, problem))?;
    }
    Ok(shape.changes)
}

/// The changes of an entry as far as they are checked.
struct Shape<'s> {
    /// The fields of the response before the entry.
    fields: &'s [String],
    parts: &'s [Part],
    /// The changes of earlier entries that can apply to the same request.
    given: Vec<&'s Change>,
    sources: Vec<Vec<String>>,
    targets: Vec<Vec<String>>,
    changes: Vec<Change>,
}

impl Shape<'_> {
    fn drop(&mut self, path: &str) -> Result<(), String> {
        let path = self.source(path)?;
        self.changes.push(Change::Drop { path });
        Ok(())
    }

    fn move_field(&mut self, from: &str, to: &str) -> Result<(), String> {
        let from = self.source(from)?;
        let to = parse_path(to)?;
        if to.starts_with(&from) {
            return Err("a field cannot move below itself, expected another path".to_owned());
        }
        self.target(&to, &from)?;
        self.changes.push(Change::Move { from, to });
        Ok(())
    }

    fn rename(&mut self, path: &str, name: &str) -> Result<(), String> {
        let path = self.source(path)?;
        if !is_field_name(name) {
            return Err(format!(
                "invalid new name, expected 1 to {MAX_NAME_BYTES} bytes without spaces and `.,()`; \
                 `move` gives a field another path"
            ));
        }

        let mut target = path.clone();
        target.pop();
        target.push(name.to_owned());
        self.target(&target, &path)?;
        let name = name.to_owned();
        self.changes.push(Change::Rename { path, name });
        Ok(())
    }

    /// Checks the path of a field to change.
    fn source(&mut self, path: &str) -> Result<Vec<String>, String> {
        let path = parse_path(path)?;
        if !self.fields.contains(&path[0]) {
            let known = self.fields.iter().map(String::as_str);
            return Err(unknown("field", &path[0], known));
        }
        let is_inside = |other: &Vec<String>| path.starts_with(other);
        if self.sources.iter().any(is_inside) {
            return Err("an earlier change of this version takes the field away".to_owned());
        }
        self.sources.push(path.clone());
        Ok(path)
    }

    /// Checks the new path of the field at `source`.
    fn target(&mut self, path: &[String], source: &[String]) -> Result<(), String> {
        let name = &path[0];
        if name == METADATA_FIELD {
            return Err(format!(
                "`{METADATA_FIELD}` is reserved, expected another name"
            ));
        }
        let is_dropped = |change: &Change| matches!(change, Change::Drop { path } if path.len() == 1 && path[0] == *name);
        let is_taken = self.parts.iter().any(|part| part.field == *name);
        if path.len() == 1 && is_taken && !self.changes.iter().any(is_dropped) {
            return Err(format!(
                "`{name}` is the name of a part, expected another name"
            ));
        }
        let overlaps = |other: &Vec<String>| other.starts_with(path) || path.starts_with(other);
        if self.targets.iter().any(overlaps) {
            return Err(
                "an earlier change of this version has this new path, expected another one"
                    .to_owned(),
            );
        }
        if self.is_given_to_another(path, source) {
            return Err(
                "an earlier entry gives another field this path, and both can match a request; \
                 expected another path, or a `drop` of it"
                    .to_owned(),
            );
        }
        self.targets.push(path.to_vec());
        Ok(())
    }

    /// True if an earlier entry moves another field to the path, or below it, and this entry does not
    /// take that field away first.
    fn is_given_to_another(&self, path: &[String], source: &[String]) -> bool {
        let is_taken_away = |target: &Vec<String>| {
            let mut sources = self.sources.iter().filter(|known| *known != source);
            sources.any(|source| target.starts_with(source))
        };
        let mut given = self.given.iter().filter_map(|change| change_paths(change));
        given.any(|(from, to)| to.starts_with(path) && from != source && !is_taken_away(&to))
    }
}

/// Returns the old and the new path of a field that a change does not remove.
fn change_paths(change: &Change) -> Option<(&[String], Vec<String>)> {
    match change {
        Change::Rename { path, name } => {
            let mut target = path.clone();
            target.pop();
            target.push(name.clone());
            Some((path, target))
        }
        Change::Move { from, to } => Some((from, to.clone())),
        Change::Drop { .. } => None,
    }
}

/// Returns the new name at the top of the response, if a change gives one.
fn new_field(change: &Change) -> Option<String> {
    match change {
        Change::Rename { path, name } if path.len() == 1 => Some(name.clone()),
        Change::Move { to, .. } => to.first().cloned(),
        Change::Rename { .. } | Change::Drop { .. } => None,
    }
}

/// Reads a path of names with dots between them.
fn parse_path(text: &str) -> Result<Vec<String>, String> {
    let path: Vec<String> = text.split('.').map(str::to_owned).collect();
    if path.len() > MAX_PATH_NAMES {
        return Err(format!(
            "{} names in a path are too many, expected at most {MAX_PATH_NAMES}",
            path.len()
        ));
    }
    if path.iter().all(|name| is_field_name(name)) {
        Ok(path)
    } else {
        Err("invalid path, expected names with dots between them, such as user.email".to_owned())
    }
}

/// True for a name that `fields` can select.
fn is_field_name(name: &str) -> bool {
    let is_special =
        |letter: char| ".,()".contains(letter) || letter.is_whitespace() || letter.is_control();
    (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.contains(is_special)
}
