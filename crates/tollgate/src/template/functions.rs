//! Functions that look things up, and the names that SAM makes.

use super::evaluate::{Template, arguments, attribute_of};
use super::{Fields, Kind, Node, Position, TemplateError};

impl Template {
    /// `Fn::Join`.
    pub(super) fn join(&self, argument: &Node, position: Position, depth: usize) -> Result<Node, TemplateError> {
        let [separator, list] = arguments::<2>(argument, "Join")?;
        let (separator, _) = separator.clone().into_text("Join")?;
        let list = self.evaluate_at(list, depth)?.unwrap_or(Node { position: list.position, kind: Kind::Null });
        let texts = list.into_list("Join")?.into_iter().map(|item| item.into_text("Join").map(|(text, _)| text));
        let joined = texts.collect::<Result<Vec<_>, _>>()?.join(&separator);
        Ok(Node { position, kind: Kind::Text(joined) })
    }

    /// `Fn::FindInMap`.
    pub(super) fn find_in_map(&self, argument: &Node, depth: usize) -> Result<Node, TemplateError> {
        let mut found = self.mappings.clone();
        for key in arguments::<3>(argument, "FindInMap")? {
            let position = key.position;
            let key = self.evaluate_at(key, depth)?.unwrap_or(Node { position, kind: Kind::Null });
            let (key, _) = key.into_text("FindInMap")?;
            let mut members = Fields::of(found, "a mapping")?;
            found = members
                .take(&key)
                .ok_or_else(|| TemplateError::at(position, format!("there is no `{key}` in this mapping")))?;
        }
        Ok(found)
    }

    /// The ARN of an alias that SAM makes, where a name is one: the function's id, `Alias`, and the alias's own name.
    pub(super) fn alias(&self, name: &str) -> Result<Option<String>, TemplateError> {
        for function in self.resources.iter().filter(|resource| resource.kind == "AWS::Serverless::Function") {
            let alias = name.strip_prefix(function.id.as_str()).and_then(|rest| rest.strip_prefix("Alias"));
            if alias.is_some() && alias == function.text("AutoPublishAlias") && self.exists(function)? {
                return Ok(alias.map(|alias| format!("{}:{alias}", attribute_of(function, "Arn"))));
            }
        }
        Ok(None)
    }
}
