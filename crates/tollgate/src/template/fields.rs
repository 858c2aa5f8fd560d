//! A map read member by member, in which nothing may be left over.

use super::{Kind, Node, Position, TemplateError};

/// The members of one map that have not been read yet.
#[derive(Debug)]
pub struct Fields {
    what: String,
    /// Where the map begins.
    pub position: Position,
    left: Vec<(String, Position, Node)>,
}

impl Fields {
    /// # Errors
    /// [`TemplateError`] unless `node` is a map. `what` names it in errors.
    pub fn of(node: Node, what: impl Into<String>) -> Result<Self, TemplateError> {
        let what = what.into();
        match node.kind {
            Kind::Map(left) => Ok(Self {
                what,
                position: node.position,
                left,
            }),
            _ => Err(TemplateError::at(node.position, format!("{what} is a map"))),
        }
    }

    /// A member, where it is there and not null.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let index = self.left.iter().position(|(known, ..)| known == name)?;
        let (.., node) = self.left.swap_remove(index);
        (node.kind != Kind::Null).then_some(node)
    }

    /// # Errors
    /// [`TemplateError`] where the member is not there.
    pub fn require(&mut self, name: &str) -> Result<Node, TemplateError> {
        self.take(name).ok_or_else(|| {
            TemplateError::at(self.position, format!("{} lacks `{name}`", self.what))
        })
    }

    /// # Errors
    /// [`TemplateError`] where the member is not there or no text.
    pub fn require_text(&mut self, name: &str) -> Result<(String, Position), TemplateError> {
        self.require(name)?.into_text(name)
    }

    /// # Errors
    /// [`TemplateError`] where the member is there and no text.
    pub fn text(&mut self, name: &str) -> Result<Option<(String, Position)>, TemplateError> {
        self.take(name).map(|node| node.into_text(name)).transpose()
    }

    /// Reads a text that has only one value which is understood.
    ///
    /// # Errors
    /// [`TemplateError`] where another stands there, or none.
    pub fn expect(&mut self, name: &str, value: &str) -> Result<(), TemplateError> {
        let (found, position) = self.require_text(name)?;
        if found == value {
            return Ok(());
        }
        Err(TemplateError::at(
            position,
            format!(
                "`{name}` of {} is `{found}`; only `{value}` is understood",
                self.what
            ),
        ))
    }

    /// A number.
    ///
    /// # Errors
    /// [`TemplateError`] where the member is there and does not parse.
    pub fn number<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, TemplateError> {
        self.number_if(name, |_| true)
    }

    /// A number that is acceptable.
    ///
    /// # Errors
    /// [`TemplateError`] where the member is there and does not parse, or is not acceptable.
    pub fn number_if<T: std::str::FromStr>(
        &mut self,
        name: &str,
        acceptable: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, TemplateError> {
        let Some((text, position)) = self.text(name)? else {
            return Ok(None);
        };
        match text.parse().ok().filter(acceptable) {
            Some(number) => Ok(Some(number)),
            None => Err(TemplateError::at(
                position,
                format!("`{name}` is `{text}`, which is not a number it can be"),
            )),
        }
    }

    /// Members that make no difference to a request's way.
    pub fn ignore(&mut self, names: &[&str]) {
        self.left
            .retain(|(name, ..)| !names.contains(&name.as_str()));
    }

    /// Every member that is left.
    #[must_use]
    pub fn rest(self) -> Vec<(String, Position, Node)> {
        self.left
    }

    /// # Errors
    /// [`TemplateError`] for a member that nobody has read: what is not understood is not skipped.
    pub fn finish(self) -> Result<(), TemplateError> {
        match self
            .left
            .iter()
            .min_by_key(|(_, position, _)| (position.line, position.column))
        {
            Some((name, position, _)) => Err(TemplateError::at(
                *position,
                format!(
                    "`{name}` of {} is not understood by the local gateway",
                    self.what
                ),
            )),
            None => Ok(()),
        }
    }
}

impl Node {
    /// # Errors
    /// [`TemplateError`] unless it is text.
    pub fn into_text(self, what: &str) -> Result<(String, Position), TemplateError> {
        match self.kind {
            Kind::Text(text) => Ok((text, self.position)),
            _ => Err(TemplateError::at(
                self.position,
                format!("`{what}` is a text"),
            )),
        }
    }

    /// # Errors
    /// [`TemplateError`] unless it is a list.
    pub fn into_list(self, what: &str) -> Result<Vec<Node>, TemplateError> {
        match self.kind {
            Kind::List(items) => Ok(items),
            _ => Err(TemplateError::at(
                self.position,
                format!("`{what}` is a list"),
            )),
        }
    }
}
