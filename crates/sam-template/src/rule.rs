//! A rule: assertions on parameters, which CloudFormation checks before a deployment.

use super::{Fields, Node, TemplateError};

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) condition: Option<Node>,
    pub(super) assertions: Vec<Assertion>,
}

#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) expression: Node,
    pub(super) description: String,
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
