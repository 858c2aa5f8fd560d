//! `Fn::Sub`.

use super::evaluate::arguments;
use super::{Fields, Kind, Node, Position, Template, TemplateError};

/// The names that a call of `Fn::Sub` defines, with their values.
type Variables = Vec<(String, Position, Node)>;

impl Template {
    /// `Fn::Sub`. If a name cannot be resolved before a deployment, the result is a call of
    /// `Fn::Sub` in which the other names are replaced.
    pub(super) fn substitute(
        &self,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Node, TemplateError> {
        let (template, variables) = match &argument.kind {
            Kind::List(_) => {
                let [template, variables] = arguments::<2>(argument, "Sub")?;
                let variables = Fields::of(self.argument(variables, depth)?, "Sub")?;
                (template.clone(), variables.rest())
            }
            _ => (argument.clone(), Vec::new()),
        };
        let (text, text_position) = template.into_text("Sub")?;
        let parts =
            parts(&text).ok_or_else(|| TemplateError::at(text_position, "a `${` is not closed"))?;

        let mut result = Substitution::default();
        for part in parts {
            match part {
                Part::Text(text) => result.push(text),
                Part::Literal(literal) => result.literal(literal),
                Part::Name(name) => match variables.iter().find(|(known, ..)| known == name) {
                    Some(variable) => result.variable(variable)?,
                    None => result.value(&self.name(name, text_position)?, name)?,
                },
            }
        }
        Ok(result.into_node(position))
    }
}

enum Part<'t> {
    Text(&'t str),
    /// `${!Literal}`, without the exclamation mark a name.
    Literal(&'t str),
    Name(&'t str),
}

/// Splits a string at its `${…}`. `None` if one is not closed.
fn parts(text: &str) -> Option<Vec<Part<'_>>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}')?;
        parts.push(Part::Text(before));
        parts.push(match name.strip_prefix('!') {
            Some(literal) => Part::Literal(literal),
            None => Part::Name(name),
        });
        rest = tail;
    }

    parts.push(Part::Text(rest));
    Some(parts)
}

/// The result so far, both as a string and as the template of a call.
#[derive(Default)]
struct Substitution {
    text: String,
    template: String,
    variables: Variables,
    is_unresolved: bool,
}

impl Substitution {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.template.push_str(text);
    }

    fn literal(&mut self, literal: &str) {
        self.text.push_str(&format!("${{{literal}}}"));
        self.template.push_str(&format!("${{!{literal}}}"));
    }

    fn variable(
        &mut self,
        (name, position, node): &(String, Position, Node),
    ) -> Result<(), TemplateError> {
        if let Some(template) = node.as_substitution() {
            self.unresolved(&template);
        } else if node.is_call() {
            self.unresolved(&format!("${{{name}}}"));
            self.variables.push((name.clone(), *position, node.clone()));
        } else {
            self.push(&node.clone().into_text(name)?.0);
        }
        Ok(())
    }

    fn value(&mut self, node: &Node, name: &str) -> Result<(), TemplateError> {
        if node.is_call() {
            self.unresolved(&format!("${{{name}}}"));
        } else {
            self.push(&node.clone().into_text(name)?.0);
        }
        Ok(())
    }

    fn unresolved(&mut self, template: &str) {
        self.template.push_str(template);
        self.is_unresolved = true;
    }

    fn into_node(self, position: Position) -> Node {
        if !self.is_unresolved {
            return Node::text(position, self.text);
        }

        let template = Node::text(position, self.template);
        if self.variables.is_empty() {
            return Node::call(position, "Sub", template);
        }
        let variables = Node::new(position, Kind::Map(self.variables));
        let arguments = Node::new(position, Kind::List(vec![template, variables]));
        Node::call(position, "Sub", arguments)
    }
}

impl Node {
    /// The template of `Fn::Sub` with the same value as this call, if there is one without
    /// variables.
    fn as_substitution(&self) -> Option<String> {
        let Kind::Call(function, argument) = &self.kind else {
            return None;
        };
        match (function.as_str(), &argument.kind) {
            ("Ref", Kind::Text(name)) => Some(format!("${{{name}}}")),
            ("Sub", Kind::Text(template)) => Some(template.clone()),
            ("GetAtt", Kind::List(parts)) => match parts.as_slice() {
                [resource, attribute] => Some(format!(
                    "${{{}.{}}}",
                    resource.as_text()?,
                    attribute.as_text()?
                )),
                _ => None,
            },
            _ => None,
        }
    }
}
