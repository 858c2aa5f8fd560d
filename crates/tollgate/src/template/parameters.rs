//! Parameters: given, by default, or with a stand-in.

use super::{Fields, Kind, Node, ParameterValues, Position, TemplateError};

/// A value made up for a parameter without a default, so that the gateway can run without an
/// account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Every parameter's value, lists joined with commas, and which of them are stand-ins.
pub(super) fn values(
    section: Option<Node>,
    given: &ParameterValues,
) -> Result<(ParameterValues, Vec<StandIn>), TemplateError> {
    let declared = section.map_or_else(
        || Ok(Vec::new()),
        |node| Fields::of(node, "Parameters").map(Fields::rest),
    )?;
    if let Some(name) = given
        .keys()
        .find(|name| !declared.iter().any(|(known, ..)| known == *name))
    {
        return Err(TemplateError::whole(format!(
            "there is no parameter `{name}`"
        )));
    }
    let (mut values, mut stand_ins) = (ParameterValues::new(), Vec::new());
    for (name, position, node) in declared {
        let parameter = Parameter::read(&name, position, node)?;
        let value = match given.get(&name) {
            Some(value) => parameter.checked(value.clone())?,
            None => parameter.default.clone().unwrap_or_else(|| {
                let value = parameter.stand_in();
                stand_ins.push(StandIn {
                    name: name.clone(),
                    value: value.clone(),
                });
                value
            }),
        };
        values.insert(name, value);
    }
    Ok((values, stand_ins))
}

struct Parameter {
    name: String,
    position: Position,
    kind: String,
    default: Option<String>,
    allowed: Vec<String>,
    least: Option<f64>,
    most: Option<f64>,
}

impl Parameter {
    fn read(name: &str, position: Position, node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, format!("parameter {name}"))?;
        let (kind, _) = fields.require_text("Type")?;
        // An empty default is a value too.
        let default = fields.text("Default")?.map(|(text, _)| text);
        let allowed = fields
            .take("AllowedValues")
            .map(|node| texts(node, "AllowedValues"))
            .transpose()?
            .unwrap_or_default();
        let (least, most) = (fields.number("MinValue")?, fields.number("MaxValue")?);
        // Patterns and lengths are for CloudFormation to judge: a stand-in cannot meet them all.
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
            least,
            most,
        })
    }

    fn checked(&self, value: String) -> Result<String, TemplateError> {
        let refuse = |problem: String| {
            Err(TemplateError::at(
                self.position,
                format!("parameter {}: `{value}` {problem}", self.name),
            ))
        };
        if !self.allowed.is_empty() && !self.allowed.contains(&value) {
            return refuse(format!("is none of {}", self.allowed.join(", ")));
        }
        if self.kind == "Number" {
            let Ok(number) = value.parse::<f64>() else {
                return refuse("is not a number".to_owned());
            };
            if self.least.is_some_and(|least| number < least)
                || self.most.is_some_and(|most| number > most)
            {
                return refuse("is out of range".to_owned());
            }
        }
        Ok(value)
    }

    fn stand_in(&self) -> String {
        if let Some(first) = self.allowed.first() {
            return first.clone();
        }
        let of_type = |kind: &str| match kind {
            "Number" => self.least.unwrap_or(1.0).to_string(),
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

/// What `Ref` of a parameter is: a list for the types that are lists.
pub(super) fn referenced(kind: &str, value: &str, position: Position) -> Node {
    let text = |part: &str| Node {
        position,
        kind: Kind::Text(part.to_owned()),
    };
    if kind.starts_with("List<") || kind == "CommaDelimitedList" {
        return Node {
            position,
            kind: Kind::List(value.split(',').map(|part| text(part.trim())).collect()),
        };
    }
    text(value)
}
