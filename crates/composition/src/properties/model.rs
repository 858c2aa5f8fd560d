//! A plain implementation of changes and selections, and random documents.

use proptest::prelude::*;

use crate::Change;
use crate::fields::Names;
use crate::json_reader::{for_each_field, for_each_item};

/// A JSON value. Scalars are text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Edits the fields that contain the last name of a path.
type EditFields<'e> = dyn FnMut(&mut Vec<(String, Json)>, &str) + 'e;

impl Json {
    /// Reads the text that a test rendered.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        match text.as_bytes()[0] {
            b'{' => {
                let mut fields = Vec::new();
                for_each_field(text, |name, value| {
                    fields.push((name.decoded().unwrap().to_owned(), Self::parse(value)));
                });
                Self::Object(fields)
            }
            b'[' => {
                let mut items = Vec::new();
                for_each_item(text, |item| items.push(Self::parse(item)));
                Self::Array(items)
            }
            _ => Self::Scalar(text.to_owned()),
        }
    }

    /// Returns the levels of arrays and objects.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Scalar(_) => 0,
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(fields) => {
                1 + fields
                    .iter()
                    .map(|(_, value)| value.depth())
                    .max()
                    .unwrap_or(0)
            }
        }
    }

    /// Returns the value in which the last of several fields with one name is kept.
    pub(super) fn normalized(self) -> Self {
        match self {
            Self::Scalar(_) => self,
            Self::Array(items) => Self::Array(items.into_iter().map(Self::normalized).collect()),
            Self::Object(fields) => {
                let mut kept: Vec<(String, Self)> = Vec::new();
                for (name, value) in fields {
                    kept.retain(|(known, _)| *known != name);
                    kept.push((name, value.normalized()));
                }
                Self::Object(kept)
            }
        }
    }

    /// True if all values are in `other` at the same paths, in the same order.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(one), Self::Scalar(other)) => one == other,
            (Self::Array(items), Self::Array(others)) => {
                let mut others = others.iter();
                items
                    .iter()
                    .all(|item| others.any(|other| item.is_within(other)))
            }
            (Self::Object(fields), Self::Object(others)) => {
                let mut others = others.iter();
                fields.iter().all(|(name, value)| {
                    others.any(|(other, known)| name == other && value.is_within(known))
                })
            }
            _ => false,
        }
    }

    /// Returns the paths of all fields, as far as a selection can name them without loss.
    pub(super) fn everything(&self) -> Vec<String> {
        let Self::Object(fields) = self else {
            return Vec::new();
        };

        let paths = fields.iter().flat_map(|(name, value)| {
            let below = value.everything();
            if below.is_empty() {
                vec![name.clone()]
            } else {
                below
                    .into_iter()
                    .map(|path| format!("{name}.{path}"))
                    .collect()
            }
        });
        paths.collect()
    }

    pub(super) fn select(&mut self, names: &Names) -> bool {
        match self {
            Self::Scalar(text) => return text == "null",
            Self::Array(items) => items.retain_mut(|item| item.select(names)),
            Self::Object(fields) => fields.retain_mut(|(name, value)| match names.get(name) {
                None => false,
                Some(names) => names.is_whole() || value.select(names),
            }),
        }
        true
    }

    pub(super) fn change(&mut self, change: &Change) {
        match change {
            Change::Rename { path, name } => self.at(path, true, &mut |fields, last| {
                if let Some(index) = fields
                    .iter()
                    .position(|(known, _)| known == last)
                    .filter(|_| last != name)
                {
                    fields[index].0 = "(renamed)".to_owned();
                    fields.retain(|(known, _)| known != name);
                    fields
                        .iter_mut()
                        .filter(|(known, _)| known == "(renamed)")
                        .for_each(|field| field.0.clone_from(name));
                }
            }),
            Change::Drop { path } => self.at(path, true, &mut |fields, last| {
                fields.retain(|(known, _)| known != last)
            }),
            Change::Move { from, to } => self.move_field(from, to),
        }
    }

    /// Applies the move to a copy, and keeps it if both paths pass through objects only.
    fn move_field(&mut self, from: &[String], to: &[String]) {
        if from == to {
            return;
        }
        let (mut copy, mut taken) = (self.clone(), None);

        copy.at(from, false, &mut |fields, last| {
            if let Some(index) = fields.iter().position(|(known, _)| known == last) {
                taken = Some(fields.remove(index).1);
            }
        });
        let Some(value) = taken else { return };

        let mut place = &mut copy;
        for name in to {
            let Self::Object(fields) = place else { return };
            if !fields.iter().any(|(known, _)| known == name) {
                fields.push((name.clone(), Self::Object(Vec::new())));
            }
            let index = fields.iter().position(|(known, _)| known == name).unwrap();
            place = &mut fields[index].1;
        }
        *place = value;
        *self = copy;
    }

    /// Calls `edit` with the fields that contain the last name of the path, and with this name.
    fn at(&mut self, path: &[String], through_arrays: bool, edit: &mut EditFields<'_>) {
        match self {
            Self::Array(items) if through_arrays => {
                items.iter_mut().for_each(|item| item.at(path, true, edit))
            }
            Self::Object(fields) if path.len() == 1 => edit(fields, &path[0]),
            Self::Object(fields) => {
                let below = fields.iter_mut().filter(|(name, _)| *name == path[0]);
                below.for_each(|(_, value)| value.at(&path[1..], through_arrays, edit));
            }
            _ => {}
        }
    }
}

/// Returns the value as JSON. Each second name has escapes, and space depends on the text so far.
pub(super) fn printed(json: &Json) -> String {
    let mut text = String::new();
    print(json, &mut text);
    text
}

fn print(json: &Json, text: &mut String) {
    match json {
        Json::Scalar(scalar) => text.push_str(scalar),
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { " ,\n" } else { "" });
                print(item, text);
            }
            text.push_str(if text.len().is_multiple_of(2) {
                "]"
            } else {
                " ]"
            });
        }
        Json::Object(fields) => {
            text.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                let escaped: String = name
                    .encode_utf16()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect();
                let name = if text.len().is_multiple_of(2) {
                    name
                } else {
                    &escaped
                };
                text.push_str(&format!("\"{name}\":\t"));
                print(value, text);
            }
            text.push_str(if text.len().is_multiple_of(2) {
                "}"
            } else {
                "\r\n}"
            });
        }
    }
}

/// Few names, so that changes and selections often meet them.
const NAME: &str = "[a-d]|é|🦀";

fn path() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(NAME, 1..4)
}

pub(super) fn json() -> impl Strategy<Value = Json> + Clone {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"{[\\\"a\\\":\"".to_owned()),
        Just("1.50".to_owned()),
        Just("-1E+2".to_owned()),
        Just("\"\"".to_owned()),
    ];

    scalar
        .prop_map(Json::Scalar)
        .prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
                3 => proptest::collection::vec((NAME, inner), 0..5).prop_map(Json::Object),
            ]
        })
}

/// Parts with different names.
pub(super) fn parts() -> impl Strategy<Value = Vec<(String, Json)>> {
    proptest::collection::btree_map(NAME, json(), 0..4)
        .prop_map(|parts| parts.into_iter().collect())
}

pub(super) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (path(), NAME).prop_map(|(path, name)| Change::Rename { path, name }),
        path().prop_map(|path| Change::Drop { path }),
        (path(), path()).prop_map(|(from, to)| Change::Move { from, to }),
    ]
}

/// The text of a selection.
pub(super) fn selection() -> impl Strategy<Value = String> {
    let name = NAME.prop_map(|name: String| name);
    let field = name.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            (NAME, inner.clone()).prop_map(|(name, below)| format!("{name}.{below}")),
            (NAME, proptest::collection::vec(inner, 1..4))
                .prop_map(|(name, below)| format!("{name}({})", below.join(","))),
        ]
    });
    proptest::collection::vec(field, 1..4).prop_map(|fields| fields.join(","))
}
