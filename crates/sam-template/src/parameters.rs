//! Parameters and their values: given, default or made up.

use std::collections::BTreeMap;

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
    kind: String,
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
        if self.kind.starts_with("List<") || self.kind == "CommaDelimitedList" {
            let items = self.text.split(',');
            let items = items.map(|item| Node::text(position, item.trim()));
            return Node::new(position, Kind::List(items.collect()));
        }

        Node {
            is_plain: self.kind == "Number",
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
        let parameter = Parameter::read(&name, position, node)?;
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
            kind: parameter.kind,
            text,
            position,
        };
        values.0.insert(name, value);
    }
    Ok((values, stand_ins))
}

struct Parameter {
    name: String,
    position: Position,
    kind: String,
    default: Option<String>,
    allowed: Vec<String>,
    min: Option<f64>,
    max: Option<f64>,
}

impl Parameter {
    fn read(name: &str, position: Position, node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, format!("parameter {name}"))?;
        let (kind, _) = fields.require_text("Type")?;
        let default = fields.text("Default")?.map(|(text, _)| text);
        let allowed = fields
            .take("AllowedValues")
            .map(|node| texts(node, "AllowedValues"))
            .transpose()?
            .unwrap_or_default();
        let (min, max) = (fields.number("MinValue")?, fields.number("MaxValue")?);

        // CloudFormation checks patterns and lengths. A made-up value cannot match every pattern.
        fields.ignore(&[
            "Description",
            "AllowedPattern",
            "ConstraintDescription",
            "NoEcho",
            "MinLength",
            "MaxLength",
        ]);
        fields.finish()?;

        Ok(Self {
            name: name.to_owned(),
            position,
            kind,
            default,
            allowed,
            min,
            max,
        })
    }

    fn check(&self, value: &str) -> Result<(), TemplateError> {
        let refuse = |problem: String| {
            let problem = format!("parameter {}: `{value}` {problem}", self.name);
            Err(TemplateError::at(self.position, problem))
        };

        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return refuse(format!(
                "is not allowed, expected one of {}",
                self.allowed.join(", ")
            ));
        }
        if self.kind != "Number" {
            return Ok(());
        }
        let Ok(number) = value.parse::<f64>() else {
            return refuse("is not a number".to_owned());
        };
        let is_below = self.min.is_some_and(|min| number < min);
        let is_above = self.max.is_some_and(|max| number > max);
        if is_below || is_above {
            return refuse("is out of range".to_owned());
        }
        Ok(())
    }

    fn stand_in(&self) -> String {
        if let Some(first) = self.allowed.first() {
            return first.clone();
        }

        let of_type = |kind: &str| match kind {
            "Number" => self.min.unwrap_or(1.0).to_string(),
            "AWS::EC2::VPC::Id" => "vpc-00000000000000000".to_owned(),
            "AWS::EC2::Subnet::Id" => "subnet-00000000000000000".to_owned(),
            "AWS::EC2::SecurityGroup::Id" => "sg-00000000000000000".to_owned(),
            _ => format!("stand-in-for-{}", self.name),
        };

        match self
            .kind
            .strip_prefix("List<")
            .and_then(|rest| rest.strip_suffix('>'))
        {
            Some(kind) => format!("{0},{0}", of_type(kind)),
            None => of_type(&self.kind),
        }
    }
}

fn texts(node: Node, what: &str) -> Result<Vec<String>, TemplateError> {
    node.into_list(what)?
        .into_iter()
        .map(|item| item.into_text(what).map(|(text, _)| text))
        .collect()
}
