//! Changes of a JSON value for a client version, and the selection of fields.

use crate::Change;
use crate::fields::Names;
use crate::json_reader::Name;
use crate::node::{Field, Node};

/// A change that applies to each item of an array.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit<'a> {
    /// Gives the field at a path another name.
    Rename(&'a [String], &'a str),
    /// Removes the field at a path.
    Drop(&'a [String]),
    /// Keeps the selected fields.
    Select(&'a Names),
}

impl<'a> Edit<'a> {
    /// Applies the edit to a value. Returns false if the selection omits it.
    ///
    /// A selection of fields keeps `null`, and omits other scalars.
    pub(crate) fn apply(self, node: &mut Node<'a>) -> bool {
        node.expand();

        match node {
            Node::Text(text) => !matches!(self, Self::Select(_)) || *text == "null",
            Node::Array(_, edits) => {
                edits.push(self);
                true
            }
            Node::Object(fields) => {
                self.apply_to_fields(fields);
                true
            }
        }
    }

    fn apply_to_fields(self, fields: &mut Vec<Field<'a>>) {
        match self {
            Self::Rename([field], name) => rename(fields, field, name),
            Self::Drop([field]) => fields.retain(|found| !found.name.is(field)),
            Self::Rename([first, rest @ ..], name) => {
                apply_to(fields, first, Self::Rename(rest, name))
            }
            Self::Drop([first, rest @ ..]) => apply_to(fields, first, Self::Drop(rest)),
            Self::Rename([], _) | Self::Drop([]) => {}
            Self::Select(names) => fields.retain_mut(|field| select(field, names)),
        }
    }
}

/// Applies a change to the merged response, an object.
pub(crate) fn apply_change<'a>(root: &mut Node<'a>, change: &'a Change) {
    match change {
        Change::Rename { path, name } => {
            Edit::Rename(path, name).apply(root);
        }
        Change::Drop { path } => {
            Edit::Drop(path).apply(root);
        }
        Change::Move { from, to } => move_field(root, from, to),
    }
}

fn apply_to<'a>(fields: &mut [Field<'a>], name: &str, edit: Edit<'a>) {
    if let Some(field) = fields.iter_mut().find(|field| field.name.is(name)) {
        edit.apply(&mut field.value);
    }
}

/// Renames a field in its place. Another field with the new name is removed.
fn rename<'a>(fields: &mut Vec<Field<'a>>, from: &str, to: &'a str) {
    if from == to || !fields.iter().any(|field| field.name.is(from)) {
        return;
    }

    fields.retain(|field| !field.name.is(to));
    for field in fields.iter_mut().filter(|field| field.name.is(from)) {
        field.name = Name::Plain(to);
    }
}

/// True if the selection keeps the field. Its value is reduced to the selected fields.
pub(crate) fn select<'a>(field: &mut Field<'a>, names: &'a Names) -> bool {
    match field.name.decoded().and_then(|name| names.get(name)) {
        None => false,
        Some(fields) if fields.is_whole() => true,
        Some(fields) => Edit::Select(fields).apply(&mut field.value),
    }
}

/// Moves a field. Objects on the path `to` are created, and a field at its end is replaced.
///
/// Nothing is changed if `from` leads nowhere, or if `to` passes through anything but an object.
fn move_field<'a>(root: &mut Node<'a>, from: &[String], to: &'a [String]) {
    if from != to
        && accepts(root, to, from)
        && let Some(value) = take(root, from)
    {
        insert(root, to, value);
    }
}

/// True if the path `to` passes only through objects and absent fields once `from` is taken.
fn accepts(node: &mut Node<'_>, to: &[String], from: &[String]) -> bool {
    let [first, rest @ ..] = to else {
        return true;
    };
    let Some(fields) = fields_of(node) else {
        return false;
    };

    let from = match from {
        [only] if only == first => return true,
        [same, from @ ..] if same == first => from,
        _ => &[],
    };
    let found = fields.iter_mut().find(|field| field.name.is(first));
    rest.is_empty() || found.is_none_or(|field| accepts(&mut field.value, rest, from))
}

/// Removes the field at a path that passes only through objects, and returns its value.
fn take<'a>(node: &mut Node<'a>, path: &[String]) -> Option<Node<'a>> {
    let [first, rest @ ..] = path else {
        return None;
    };
    let fields = fields_of(node)?;
    let index = fields.iter().position(|field| field.name.is(first))?;

    if rest.is_empty() {
        Some(fields.remove(index).value)
    } else {
        take(&mut fields[index].value, rest)
    }
}

/// Puts a value at a path, whose objects are created if they are absent.
fn insert<'a>(node: &mut Node<'a>, path: &'a [String], value: Node<'a>) {
    let [first, rest @ ..] = path else {
        *node = value;
        return;
    };
    let Some(fields) = fields_of(node) else {
        return;
    };

    let index = fields.iter().position(|field| field.name.is(first));
    let index = index.unwrap_or_else(|| {
        let name = Name::Plain(first);
        fields.push(Field {
            name,
            value: Node::Object(Vec::new()),
        });
        fields.len() - 1
    });
    insert(&mut fields[index].value, rest, value);
}

/// Returns the fields of an object. `None` for other values.
fn fields_of<'n, 'a>(node: &'n mut Node<'a>) -> Option<&'n mut Vec<Field<'a>>> {
    node.expand();

    match node {
        Node::Object(fields) => Some(fields),
        Node::Text(_) | Node::Array(..) => None,
    }
}

#[cfg(test)]
mod tests;
