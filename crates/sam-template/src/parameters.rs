//! Parameters and their values: given, default or made up.

use std::collections::BTreeMap;

use super::declaration::Declaration;
use super::document::References;
use super::{Fields, Kind, Node, ParameterValues, Position, TemplateError};

/// A made-up value of a parameter without a default. It lets the gateway run without an AWS
/// account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The parameter's name.
    pub name: String,
    /// The made-up value.
    pub value: String,
}

/// The values of all parameters. Lists are strings with commas.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<String, Value>);

#[derive(Debug)]
struct Value {
    is_list: bool,
    is_number: bool,
    text: String,
    position: Position,
}

impl Values {
    /// The value of a parameter as a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.text.as_str())
    }

    /// The value of `Ref`: a list if the parameter's type is a list.
    pub(super) fn node(&self, name: &str, position: Position) -> Option<Node> {
        self.0.get(name).map(|value| value.node(position))
    }

    /// All values, by parameter name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (String, Node)> {
        let node = |(name, value): (&String, &Value)| (name.clone(), value.node(value.position));
        self.0.iter().map(node)
    }
}

impl Value {
    fn node(&self, position: Position) -> Node {
        if self.is_list {
            let items = self.text.split(',');
            let items = items.map(|item| Node::text(position, item.trim()));
            return Node::new(position, Kind::List(items.collect()));
        }

        Node {
            is_plain: self.is_number,
            ..Node::text(position, self.text.as_str())
        }
    }
}

/// Parameters that are off in the template because they are visible to the public, and on for the
/// local gateway.
const LOCAL_DEFAULTS: [(&str, &str); 1] = [("CustomersPage", "true")];

/// Returns every parameter's value, and the values that were made up. For the local gateway, some
/// parameters have other defaults.
pub(super) fn values(
    section: Option<Node>,
    given: &ParameterValues,
    references: References,
) -> Result<(Values, Vec<StandIn>), TemplateError> {
    let declared = match section {
        Some(node) => Fields::of(node, "Parameters")?.rest(),
        None => Vec::new(),
    };
    let is_declared = |name: &String| declared.iter().any(|(known, ..)| known == name);
    if let Some(name) = given.keys().find(|name| !is_declared(name)) {
        return Err(TemplateError::whole(format!(
            "there is no parameter `{name}`"
        )));
    }

    let (mut values, mut stand_ins) = (Values::default(), Vec::new());
    for (name, position, node) in declared {
        let parameter = Declaration::read(&name, position, node)?;
        let local = LOCAL_DEFAULTS
            .iter()
            .find(|(known, _)| references == References::Local && *known == name)
            .map(|(_, value)| (*value).to_owned());
        let text = match (given.get(&name), local.or(parameter.default.clone())) {
            (Some(given), _) => {
                parameter.check(given)?;
                given.clone()
            }
            (None, Some(default)) => default,
            (None, None) => {
                let value = parameter.stand_in();
                stand_ins.push(StandIn {
                    name: name.clone(),
                    value: value.clone(),
                });
                value
            }
        };
        let value = Value {
            is_list: parameter.is_list(),
            is_number: parameter.kind == "Number",
            text,
            position,
        };
        values.0.insert(name, value);
    }
    Ok((values, stand_ins))
}
