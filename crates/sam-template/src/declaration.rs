//! The declaration of a parameter: its type, its default and its constraints.

use super::{Fields, Node, Position, TemplateError};

/// A parameter, as a template declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The name.
    pub name: String,
    /// The position of the name.
    pub position: Position,
    /// The type, such as `CommaDelimitedList`.
    pub kind: String,
    /// The default.
    pub default: Option<String>,
    /// The allowed values. Empty if there is no such list.
    pub allowed: Vec<String>,
    /// The regular expression that the whole value, or each item of a list, must match.
    pub pattern: Option<String>,
    /// The description of valid values, as the end of a sentence that begins with the parameter.
    pub constraint: Option<String>,
    /// The least number of characters.
    pub min_length: Option<usize>,
    /// The greatest number of characters.
    pub max_length: Option<usize>,
    /// The least number.
    pub min: Option<f64>,
    /// The greatest number.
    pub max: Option<f64>,
    /// True if CloudFormation does not show the value (`NoEcho`).
    pub is_hidden: bool,
}

impl Declaration {
    /// Returns the parameters that a template declares, in the order of the template.
    ///
    /// # Errors
    /// [`TemplateError`] if the template or a declaration is invalid.
    pub fn all(template: &Node) -> Result<Vec<Self>, TemplateError> {
        let Some(section) = template.field("Parameters") else {
            return Ok(Vec::new());
        };
        let declared = Fields::of(section.clone(), "Parameters")?.rest();

        declared
            .into_iter()
            .map(|(name, position, node)| Self::read(&name, position, node))
            .collect()
    }

    /// True if the value is a list, as a string with commas.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.kind == "CommaDelimitedList" || self.item_kind().is_some()
    }

    /// True if messages must not repeat a value: the parameter is hidden, or its name says that it is
    /// about a secret. A secret is easily written in place of its ARN.
    #[must_use]
    pub fn can_be_secret(&self) -> bool {
        let names = ["Secret", "Password", "Token", "AuthPolicy"];
        self.is_hidden || names.iter().any(|part| self.name.contains(part))
    }

    /// Returns the type of the items of a list such as `List<Number>`.
    fn item_kind(&self) -> Option<&str> {
        self.kind.strip_prefix("List<")?.strip_suffix('>')
    }

    pub(super) fn read(name: &str, position: Position, node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, format!("parameter {name}"))?;
        let (kind, _) = fields.require_text("Type")?;
        let default = fields.text("Default")?.map(|(text, _)| text);
        let allowed = fields
            .take("AllowedValues")
            .map(|node| texts(node, "AllowedValues"))
            .transpose()?
            .unwrap_or_default();
        let mut optional_text =
            |name: &str| Ok(fields.text(name)?.map(|(text, _)| text)) as Result<_, TemplateError>;
        let pattern = optional_text("AllowedPattern")?;
        let constraint = optional_text("ConstraintDescription")?;
        let (min_length, max_length) = (fields.number("MinLength")?, fields.number("MaxLength")?);
        let (min, max) = (fields.number("MinValue")?, fields.number("MaxValue")?);

        let hidden = fields.text("NoEcho")?;
        let is_hidden = hidden.is_some_and(|(text, _)| text.eq_ignore_ascii_case("true"));
        fields.ignore(&["Description"]);
        fields.finish()?;

        Ok(Self {
            name: name.to_owned(),
            position,
            kind,
            default,
            allowed,
            pattern,
            constraint,
            min_length,
            max_length,
            min,
            max,
            is_hidden,
        })
    }

    /// Checks a value against the list of allowed values and the range. A made-up value cannot match
    /// every pattern, so patterns and lengths are left to CloudFormation.
    pub(super) fn check(&self, value: &str) -> Result<(), TemplateError> {
        let refuse = |problem: String| {
            let value = match self.can_be_secret() {
                true => "the value".to_owned(),
                false => format!("`{value}`"),
            };
            let problem = format!("parameter {}: {value} {problem}", self.name);
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

    pub(super) fn stand_in(&self) -> String {
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

        match self.item_kind() {
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
