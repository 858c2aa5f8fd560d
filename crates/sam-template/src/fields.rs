//! A map that is read field by field. A field that is left over is an error.

use super::{Kind, Node, Position, TemplateError};

/// The fields of a map that have not been read yet.
#[derive(Debug)]
pub struct Fields {
    /// The name of the map in errors.
    what: String,
    /// The position of the map.
    pub position: Position,
    left: Vec<(String, Position, Node)>,
}

impl Fields {
    /// Reads a map. `what` names it in errors.
    ///
    /// # Errors
    /// [`TemplateError`] if the node is not a map.
    pub fn of(node: Node, what: impl Into<String>) -> Result<Self, TemplateError> {
        let what = what.into();

        match node.kind {
            Kind::Map(left) => Ok(Self {
                what,
                position: node.position,
                left,
            }),
            _ => Err(TemplateError::at(
                node.position,
                format!("{what} must be a map"),
            )),
        }
    }

    /// Takes a field. `None` if it is missing or null.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let index = self.left.iter().position(|(known, ..)| known == name)?;
        let (.., node) = self.left.swap_remove(index);
        (node.kind != Kind::Null).then_some(node)
    }

    /// Takes a required field.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is missing.
    pub fn require(&mut self, name: &str) -> Result<Node, TemplateError> {
        self.take(name).ok_or_else(|| {
            TemplateError::at(self.position, format!("{} lacks `{name}`", self.what))
        })
    }

    /// Takes a required string.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is missing or not a string.
    pub fn require_text(&mut self, name: &str) -> Result<(String, Position), TemplateError> {
        self.require(name)?.into_text(name)
    }

    /// Takes an optional string.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is not a string.
    pub fn text(&mut self, name: &str) -> Result<Option<(String, Position)>, TemplateError> {
        self.take(name).map(|node| node.into_text(name)).transpose()
    }

    /// Takes a string of which only one value is supported.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is missing or has another value.
    pub fn expect(&mut self, name: &str, value: &str) -> Result<(), TemplateError> {
        let (found, position) = self.require_text(name)?;
        if found == value {
            return Ok(());
        }

        let problem = format!(
            "`{name}` of {} is `{found}`; only `{value}` is supported",
            self.what
        );
        Err(TemplateError::at(position, problem))
    }

    /// Takes an optional number.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is not a number of this type.
    pub fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, TemplateError> {
        self.number_if(name, |_| true)
    }

    /// Takes an optional number that must be valid.
    ///
    /// # Errors
    /// [`TemplateError`] if the field is not a number of this type or not valid.
    pub fn number_if<T: std::str::FromStr>(
        &mut self,
        name: &str,
        is_valid: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, TemplateError> {
        let Some((text, position)) = self.text(name)? else {
            return Ok(None);
        };

        match text.parse().ok().filter(is_valid) {
            Some(number) => Ok(Some(number)),
            None => Err(TemplateError::at(
                position,
                format!("`{name}` is `{text}`, which is not a valid number here"),
            )),
        }
    }

    /// Drops fields that do not affect requests.
    pub fn ignore(&mut self, names: &[&str]) {
        self.left
            .retain(|(name, ..)| !names.contains(&name.as_str()));
    }

    /// Returns all fields that have not been read.
    #[must_use]
    pub fn rest(self) -> Vec<(String, Position, Node)> {
        self.left
    }

    /// Checks that all fields have been read.
    ///
    /// # Errors
    /// [`TemplateError`] for the first field that has not: the gateway does not support it, and it
    /// must not be skipped silently.
    pub fn finish(self) -> Result<(), TemplateError> {
        let first = self
            .left
            .iter()
            .min_by_key(|(_, position, _)| (position.line, position.column));

        match first {
            Some((name, position, _)) => Err(TemplateError::at(
                *position,
                format!(
                    "`{name}` of {} is not supported by the local gateway",
                    self.what
                ),
            )),
            None => Ok(()),
        }
    }
}

impl Node {
    /// Returns the string and its position. `what` names it in errors.
    ///
    /// # Errors
    /// [`TemplateError`] if the node is not a string.
    pub fn into_text(self, what: &str) -> Result<(String, Position), TemplateError> {
        match self.kind {
            Kind::Text(text) => Ok((text, self.position)),
            _ => Err(TemplateError::at(
                self.position,
                format!("`{what}` must be a string"),
            )),
        }
    }

    /// Returns the items of the list. `what` names it in errors.
    ///
    /// # Errors
    /// [`TemplateError`] if the node is not a list.
    pub fn into_list(self, what: &str) -> Result<Vec<Node>, TemplateError> {
        match self.kind {
            Kind::List(items) => Ok(items),
            _ => Err(TemplateError::at(
                self.position,
                format!("`{what}` must be a list"),
            )),
        }
    }
}
