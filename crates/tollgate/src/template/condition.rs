//! Conditions: what exists under the parameters' values.

use super::evaluate::{DEEPEST, Template, arguments};
use super::{Kind, Node, Position, TemplateError};

impl Template {
    pub(super) fn condition(
        &self,
        name: &str,
        position: Position,
        depth: usize,
    ) -> Result<bool, TemplateError> {
        let node = self.conditions.get(name).ok_or_else(|| {
            TemplateError::at(position, format!("there is no condition `{name}`"))
        })?;
        self.holds(node, depth + 1)
    }

    fn holds(&self, node: &Node, depth: usize) -> Result<bool, TemplateError> {
        if depth > DEEPEST {
            return Err(TemplateError::at(
                node.position,
                "conditions are nested too deeply",
            ));
        }
        let refuse = || TemplateError::at(node.position, "this is not understood as a condition");
        if let Kind::Map(entries) = &node.kind
            && let [(name, position, value)] = entries.as_slice()
            && name == "Condition"
        {
            return self.condition(&value.clone().into_text("Condition")?.0, *position, depth);
        }
        let Kind::Call(function, argument) = &node.kind else {
            return Err(refuse());
        };
        let members = || argument.as_ref().clone().into_list(function);
        match function.as_str() {
            "Equals" => {
                let [left, right] = arguments::<2>(argument, "Equals")?;
                Ok(self.evaluate_at(left, depth + 1)?.map(|node| node.kind)
                    == self.evaluate_at(right, depth + 1)?.map(|node| node.kind))
            }
            "Not" => arguments::<1>(argument, "Not")
                .and_then(|[inner]| self.holds(inner, depth + 1))
                .map(|holds| !holds),
            "And" => all(members()?
                .iter()
                .map(|member| self.holds(member, depth + 1))),
            "Or" => all(members()?
                .iter()
                .map(|member| self.holds(member, depth + 1).map(|holds| !holds)))
            .map(|none| !none),
            "Condition" => self.condition(
                &argument.as_ref().clone().into_text("Condition")?.0,
                argument.position,
                depth,
            ),
            _ => Err(refuse()),
        }
    }
}

fn all(
    mut results: impl Iterator<Item = Result<bool, TemplateError>>,
) -> Result<bool, TemplateError> {
    results.try_fold(true, |so_far, holds| Ok(so_far && holds?))
}
