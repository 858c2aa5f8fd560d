//! Conditions, and the expressions of rules.

use super::evaluate::{MAX_DEPTH, arguments};
use super::{Kind, Node, Position, Template, TemplateError};

impl Template {
    /// The value of a condition.
    pub(super) fn condition(
        &self,
        name: &str,
        position: Position,
        depth: usize,
    ) -> Result<bool, TemplateError> {
        let node = self.conditions.get(name).ok_or_else(|| {
            TemplateError::at(position, format!("there is no condition `{name}`"))
        })?;
        self.is_true(node, depth + 1)
    }

    /// The value of the expression of a condition or a rule.
    pub(super) fn is_true(&self, node: &Node, depth: usize) -> Result<bool, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::at(
                node.position,
                "conditions are nested too deeply",
            ));
        }
        if let Kind::Map(entries) = &node.kind
            && let [(name, position, value)] = entries.as_slice()
            && name == "Condition"
        {
            return self.condition(&value.clone().into_text("Condition")?.0, *position, depth);
        }
        let unsupported =
            || TemplateError::at(node.position, "this is not supported as a condition");
        let Kind::Call(function, argument) = &node.kind else {
            return Err(unsupported());
        };

        match function.as_str() {
            "Equals" => self.are_equal(argument, depth),
            "Not" => {
                let [inner] = arguments::<1>(argument, "Not")?;
                Ok(!self.is_true(inner, depth + 1)?)
            }
            "And" => Ok(!self.operands(argument, function, depth)?.contains(&false)),
            "Or" => Ok(self.operands(argument, function, depth)?.contains(&true)),
            "Condition" => {
                let (name, position) = argument.as_ref().clone().into_text("Condition")?;
                self.condition(&name, position, depth)
            }
            "Contains" | "EachMemberEquals" | "EachMemberIn" => {
                self.is_true_of_list(function, argument, depth)
            }
            _ => Err(unsupported()),
        }
    }

    /// The functions that only rules have.
    fn is_true_of_list(
        &self,
        function: &str,
        argument: &Node,
        depth: usize,
    ) -> Result<bool, TemplateError> {
        let [list, operand] = arguments::<2>(argument, function)?;
        let list = self.texts(list, depth)?;
        if function == "EachMemberIn" {
            let allowed = self.texts(operand, depth)?;
            return Ok(list.iter().all(|item| allowed.contains(item)));
        }

        let value = self.text(operand, depth)?;
        if function == "Contains" {
            Ok(list.contains(&value))
        } else {
            Ok(list.iter().all(|item| *item == value))
        }
    }

    /// Returns the assertions of rules that are false for the values of the parameters, as `Rule:
    /// description`. [`Self::parse`] leaves rules to CloudFormation and has none.
    ///
    /// # Errors
    /// [`TemplateError`] if a rule has an unsupported expression.
    pub fn failed_rules(&self) -> Result<Vec<String>, TemplateError> {
        let mut failed = Vec::new();
        for rule in &self.rules {
            if let Some(condition) = &rule.condition
                && !self.is_true(condition, 0)?
            {
                continue;
            }
            for assertion in &rule.assertions {
                if !self.is_true(&assertion.expression, 0)? {
                    failed.push(format!("{}: {}", rule.name, assertion.description));
                }
            }
        }
        Ok(failed)
    }

    fn are_equal(&self, argument: &Node, depth: usize) -> Result<bool, TemplateError> {
        let [left, right] = arguments::<2>(argument, "Equals")?;
        Ok(self.text(left, depth)? == self.text(right, depth)?)
    }

    /// The values of all operands. An invalid operand is an error even if others decide the result.
    fn operands(
        &self,
        argument: &Node,
        function: &str,
        depth: usize,
    ) -> Result<Vec<bool>, TemplateError> {
        let operands = argument.clone().into_list(function)?;

        operands
            .iter()
            .map(|operand| self.is_true(operand, depth + 1))
            .collect()
    }

    fn text(&self, node: &Node, depth: usize) -> Result<String, TemplateError> {
        let value = self.argument(node, depth + 1)?;
        Ok(value.into_text("an operand of a condition")?.0)
    }

    fn texts(&self, node: &Node, depth: usize) -> Result<Vec<String>, TemplateError> {
        let list = self.argument(node, depth + 1)?;
        list.into_list("an operand of a condition")?
            .into_iter()
            .map(|item| Ok(item.into_text("an operand of a condition")?.0))
            .collect()
    }
}
