//! `Rules`: assertions on parameters, which CloudFormation checks before a deployment.

use super::{Fields, Node, Template, TemplateError};

#[derive(Debug)]
pub(super) struct Rule {
    name: String,
    condition: Option<Node>,
    assertions: Vec<Assertion>,
}

#[derive(Debug)]
struct Assertion {
    expression: Node,
    description: String,
}

impl Rule {
    pub(super) fn read(name: String, node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, format!("rule {name}"))?;
        let condition = fields.take("RuleCondition");
        let assertions = fields.require("Assertions")?.into_list("Assertions")?;
        fields.finish()?;

        let assertions = assertions
            .into_iter()
            .map(Assertion::read)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            name,
            condition,
            assertions,
        })
    }
}

impl Assertion {
    fn read(node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, "an assertion")?;
        let expression = fields.require("Assert")?;
        let description = fields.text("AssertDescription")?;
        fields.finish()?;

        Ok(Self {
            expression,
            description: description.map(|(text, _)| text).unwrap_or_default(),
        })
    }
}

impl Template {
    /// The assertions that are false for the template's parameters, as `Rule: description`.
    pub(super) fn failed_assertions(&self) -> Result<Vec<String>, TemplateError> {
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
}
