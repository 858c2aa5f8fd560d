//! The selection of fields by the client: `user(name,email),orders.items(id,total)`.

mod parser;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{Route, VersionShape};

/// The most bytes of a selection.
pub const MAX_FIELDS_BYTES: usize = 2_000;
/// The most names in a selection.
pub const MAX_FIELDS_NAMES: usize = 200;
/// The most names from the top of the response to a selected field.
pub const MAX_FIELDS_DEPTH: usize = 8;

/// The fields that a client selects.
///
/// `a(b,c)` and `a.b,a.c` select the same fields. `a,a(b)` selects the whole of `a`. A name has any
/// characters but `,`, `.`, parentheses, spaces and control characters.
///
/// In arrays a selection applies to each item. A selection of fields keeps `null`, and omits other
/// values that have no fields.
///
/// ```
/// use composition::FieldSelection;
///
/// let selection = FieldSelection::parse("orders.total,orders.items,user,user(name)").unwrap();
/// assert_eq!(selection.to_string(), "orders(items,total),user");
/// ```
#[derive(Clone, Debug)]
pub struct FieldSelection {
    names: Names,
    /// The position of each name at the top, counted in characters from 1.
    positions: BTreeMap<String, usize>,
}

/// The selected fields of an object. Without names, the object is selected as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<String, Names>);

/// The error for a selection that is not valid. It is the client's mistake.
///
/// The message does not repeat names of the client. The caller adds the name of the parameter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FieldsError {
    /// The text does not follow the grammar.
    #[error("position {position}: unexpected {found}, expected {expected}")]
    Syntax {
        /// The position, counted in characters from 1.
        position: usize,
        /// The character at the position.
        found: Unexpected,
        /// The expected text.
        expected: &'static str,
    },
    /// The text is longer than [`MAX_FIELDS_BYTES`].
    #[error("{0} bytes, expected at most {MAX_FIELDS_BYTES}")]
    TooLong(usize),
    /// The text has more than [`MAX_FIELDS_NAMES`] names.
    #[error("position {0}: too many names, expected at most {MAX_FIELDS_NAMES}")]
    TooManyNames(usize),
    /// A field is deeper than [`MAX_FIELDS_DEPTH`].
    #[error("position {0}: field too deep, expected at most {MAX_FIELDS_DEPTH} levels")]
    TooDeep(usize),
    /// The response has no field with this name.
    #[error("position {position}: unknown field, expected one of {}", .expected.join(", "))]
    UnknownField {
        /// The position, counted in characters from 1.
        position: usize,
        /// The names of the response.
        expected: Vec<String>,
    },
}

/// A character that the grammar does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// The end of the text.
    End,
    /// A space or a control character.
    Space,
    /// Another character.
    Character(char),
}

impl fmt::Display for Unexpected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => formatter.write_str("end"),
            Self::Space => formatter.write_str("space"),
            Self::Character(character) => write!(formatter, "`{character}`"),
        }
    }
}

impl FieldSelection {
    /// Parses a selection, whose percent-encoding is decoded. Spaces are not allowed.
    ///
    /// # Errors
    /// [`FieldsError`] for the first mistake.
    pub fn parse(text: &str) -> Result<Self, FieldsError> {
        parser::parse(text)
    }

    /// Checks that the response has the selected names at its top.
    ///
    /// `versions` are the shapes of the client's version, whose names the client sees.
    ///
    /// # Errors
    /// [`FieldsError::UnknownField`] for the first unknown name in the text.
    pub fn check_names(
        &self,
        route: &Route,
        versions: &[&VersionShape],
    ) -> Result<(), FieldsError> {
        let known = route.fields(versions);
        let unknown = self
            .positions
            .iter()
            .filter(|(name, _)| !known.contains(name.as_str()));

        let Some(position) = unknown.map(|(_, position)| *position).min() else {
            return Ok(());
        };
        let expected = known.into_iter().map(str::to_owned).collect();
        Err(FieldsError::UnknownField { position, expected })
    }

    /// True if the selection has a field at the top of the response.
    #[must_use]
    pub fn selects(&self, field: &str) -> bool {
        self.names.get(field).is_some()
    }

    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }
}

/// Selections are equal if they select the same fields.
impl PartialEq for FieldSelection {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for FieldSelection {}

/// Prints the shortest text of the selection, in alphabetical order.
impl fmt::Display for FieldSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names.fmt(formatter)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, fields)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{name}")?;

            if !fields.is_whole() {
                write!(formatter, "({fields})")?;
            }
        }
        Ok(())
    }
}

impl Names {
    /// Returns the selected fields of a field, if it is selected.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.0.get(name)
    }

    /// True if the value is selected as a whole.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
