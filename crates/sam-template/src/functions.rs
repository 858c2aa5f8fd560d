//! `Fn::Join`, `Fn::Split`, `Fn::Select` and `Fn::FindInMap`.
//!
//! A call whose arguments are not all known stays a call.

use super::evaluate::arguments;
use super::{Fields, Kind, Node, Position, Template, TemplateError};

impl Template {
    pub(super) fn join(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let [separator, list] = arguments::<2>(argument, "Join")?;
        let list = self.argument(list, depth)?;
        let is_known = match &list.kind {
            Kind::List(items) => !items.iter().any(Node::is_call),
            other => !matches!(other, Kind::Call(..)),
        };
        if !is_known {
            return Ok(call(position, "Join", [separator.clone(), list]));
        }

        let (separator, _) = separator.clone().into_text("Join")?;
        let texts = list
            .into_list("Join")?
            .into_iter()
            .map(|item| item.into_text("Join").map(|(text, _)| text));
        let joined = texts.collect::<Result<Vec<_>, _>>()?.join(&separator);
        Ok(Node::text(position, joined))
    }

    pub(super) fn split(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let [separator, text] = arguments::<2>(argument, "Split")?;
        let (separator_text, at) = separator.clone().into_text("Split")?;
        if separator_text.is_empty() {
            return Err(TemplateError::at(at, "the separator of `Split` is empty"));
        }
        let text = self.argument(text, depth)?;
        if text.is_call() {
            return Ok(call(position, "Split", [separator.clone(), text]));
        }

        let (text, _) = text.into_text("Split")?;
        let parts = text
            .split(&separator_text)
            .map(|part| Node::text(position, part));
        Ok(Node::new(position, Kind::List(parts.collect())))
    }

    pub(super) fn select(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let [index, list] = arguments::<2>(argument, "Select")?;
        let (index, list) = (self.argument(index, depth)?, self.argument(list, depth)?);
        if index.is_call() || list.is_call() {
            return Ok(call(position, "Select", [index, list]));
        }

        let (index, index_position) = index.into_text("Select")?;
        let mut items = list.into_list("Select")?;
        let valid = index
            .parse::<usize>()
            .ok()
            .filter(|index| *index < items.len());
        match valid {
            Some(index) => Ok(items.swap_remove(index)),
            None => Err(TemplateError::at(
                index_position,
                format!("`Select` of `{index}` in a list of {}", items.len()),
            )),
        }
    }

    pub(super) fn find_in_map(&self, argument: &Node, depth: usize) -> Result<Node, TemplateError> {
        let mut found = self.mappings.clone();
        for name in arguments::<3>(argument, "FindInMap")? {
            let (name, position) = self.argument(name, depth)?.into_text("FindInMap")?;
            let mut entries = Fields::of(found, "a mapping")?;
            found = entries.take(&name).ok_or_else(|| {
                TemplateError::at(position, format!("there is no `{name}` in this mapping"))
            })?;
        }

        Ok(found)
    }
}

fn call(position: Position, function: &str, arguments: [Node; 2]) -> Node {
    Node::call(
        position,
        function,
        Node::new(position, Kind::List(arguments.into())),
    )
}
