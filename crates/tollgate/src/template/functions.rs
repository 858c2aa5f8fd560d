//! Functions that look things up, and the names that SAM makes.

use super::evaluate::{Template, arguments, attribute_of};
use super::{Fields, Kind, Node, Position, TemplateError};

impl Template {
    /// `Fn::Join`.
    pub(super) fn join(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let [separator, list] = arguments::<2>(argument, "Join")?;
        let (separator, _) = separator.clone().into_text("Join")?;
        let list = self.argument(list, depth)?.into_list("Join")?;
        let texts = list
            .into_iter()
            .map(|item| item.into_text("Join").map(|(text, _)| text));
        let joined = texts.collect::<Result<Vec<_>, _>>()?.join(&separator);
        Ok(Node {
            position,
            kind: Kind::Text(joined),
        })
    }

    /// `Fn::Split`.
    pub(super) fn split(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let [separator, text] = arguments::<2>(argument, "Split")?;
        let (separator, at) = separator.clone().into_text("Split")?;
        if separator.is_empty() {
            return Err(TemplateError::at(
                at,
                "`Split` needs something between its parts",
            ));
        }
        let (text, _) = self.argument(text, depth)?.into_text("Split")?;
        let parts = text.split(&separator).map(|part| Node {
            position,
            kind: Kind::Text(part.to_owned()),
        });
        Ok(Node {
            position,
            kind: Kind::List(parts.collect()),
        })
    }

    /// `Fn::Select`.
    pub(super) fn select(&self, argument: &Node, depth: usize) -> Result<Node, TemplateError> {
        let [index, list] = arguments::<2>(argument, "Select")?;
        let (index, position) = self.argument(index, depth)?.into_text("Select")?;
        let mut items = self.argument(list, depth)?.into_list("Select")?;
        match index
            .parse::<usize>()
            .ok()
            .filter(|index| *index < items.len())
        {
            Some(index) => Ok(items.swap_remove(index)),
            None => Err(TemplateError::at(
                position,
                format!("`Select` of `{index}` in a list of {}", items.len()),
            )),
        }
    }

    fn argument(&self, node: &Node, depth: usize) -> Result<Node, TemplateError> {
        Ok(self.evaluate_at(node, depth)?.unwrap_or(Node {
            position: node.position,
            kind: Kind::Null,
        }))
    }

    /// `Fn::FindInMap`.
    pub(super) fn find_in_map(&self, argument: &Node, depth: usize) -> Result<Node, TemplateError> {
        let mut found = self.mappings.clone();
        for key in arguments::<3>(argument, "FindInMap")? {
            let position = key.position;
            let (key, _) = self.argument(key, depth)?.into_text("FindInMap")?;
            let mut members = Fields::of(found, "a mapping")?;
            found = members.take(&key).ok_or_else(|| {
                TemplateError::at(position, format!("there is no `{key}` in this mapping"))
            })?;
        }
        Ok(found)
    }

    /// The ARN of an alias that SAM makes, where a name is one: the function's id, `Alias`, and the
    /// alias's own name.
    pub(super) fn alias(&self, name: &str) -> Result<Option<String>, TemplateError> {
        for function in self
            .resources
            .iter()
            .filter(|resource| resource.kind == "AWS::Serverless::Function")
        {
            let alias = name
                .strip_prefix(function.id.as_str())
                .and_then(|rest| rest.strip_prefix("Alias"));
            if alias.is_some()
                && alias == function.text("AutoPublishAlias")
                && self.exists(function)?
            {
                return Ok(alias.map(|alias| format!("{}:{alias}", attribute_of(function, "Arn"))));
            }
        }
        Ok(None)
    }
}
