//! References, conditions and functions, evaluated where they are needed.

use std::collections::{BTreeMap, HashMap};

use super::parameters::{self, StandIn};
use super::{Fields, Kind, Node, ParameterValues, Position, TemplateError, substitute};

/// Functions inside functions. No template of sense comes near it.
pub(super) const DEEPEST: usize = 64;

/// A template with a value for every parameter.
#[derive(Debug)]
pub struct Template {
    parameters: ParameterValues,
    parameter_types: HashMap<String, String>,
    /// Which values were made up.
    pub stand_ins: Vec<StandIn>,
    pub(super) conditions: BTreeMap<String, Node>,
    pub(super) mappings: Node,
    pub(super) resources: Vec<Resource>,
}

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) kind: String,
    condition: Option<(String, Position)>,
    position: Position,
    properties: Node,
}

impl Template {
    /// Reads a template's text.
    ///
    /// # Errors
    /// [`TemplateError`] for a text that is no template, and for a given parameter that it does not
    /// have or would not take.
    pub fn parse(text: &str, given: &ParameterValues) -> Result<Self, TemplateError> {
        let mut sections = Fields::of(Node::parse(text)?, "the template")?;
        let parameters = sections.take("Parameters");
        let parameter_types = parameters
            .clone()
            .map_or_else(|| Ok(HashMap::new()), types)?;
        let (parameters, stand_ins) = parameters::values(parameters, given)?;
        let conditions = sections.take("Conditions").map_or_else(
            || Ok(Vec::new()),
            |node| Fields::of(node, "Conditions").map(Fields::rest),
        )?;
        let conditions = conditions
            .into_iter()
            .map(|(name, _, node)| (name, node))
            .collect();
        let resources = Fields::of(sections.require("Resources")?, "Resources")?.rest();
        let mappings = sections.take("Mappings");
        let mappings = mappings.unwrap_or(Node {
            position: sections.position,
            kind: Kind::Map(Vec::new()),
        });
        // Rules are for CloudFormation to judge.
        sections.ignore(&[
            "AWSTemplateFormatVersion",
            "Transform",
            "Description",
            "Metadata",
            "Rules",
            "Outputs",
        ]);
        sections.finish()?;
        let resources = resources
            .into_iter()
            .map(|(id, position, node)| Resource::read(id, position, node))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            parameters,
            parameter_types,
            stand_ins,
            conditions,
            mappings,
            resources,
        })
    }

    /// Id, type and place of every resource.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, Position)> {
        self.resources.iter().map(|resource| {
            (
                resource.id.as_str(),
                resource.kind.as_str(),
                resource.position,
            )
        })
    }

    /// What `Fn::GetAtt` of a resource is.
    ///
    /// # Errors
    /// [`TemplateError`] for a resource that does not exist.
    pub fn attribute_of(
        &self,
        id: &str,
        attribute: &str,
        position: Position,
    ) -> Result<Node, TemplateError> {
        let text = attribute_of(self.resource(id, position)?, attribute);
        Ok(Node {
            position,
            kind: Kind::Text(text),
        })
    }

    /// The resources of a type that exist under the parameters' values, with their properties
    /// evaluated.
    ///
    /// # Errors
    /// [`TemplateError`] for a function or a reference that is not understood.
    pub fn resources(&self, kind: &str) -> Result<Vec<(String, Fields)>, TemplateError> {
        let mut found = Vec::new();
        for resource in self
            .resources
            .iter()
            .filter(|resource| resource.kind == kind)
        {
            if self.exists(resource)? {
                let properties = self.evaluate(&resource.properties)?;
                let properties = properties.unwrap_or(Node {
                    position: resource.position,
                    kind: Kind::Map(Vec::new()),
                });
                found.push((
                    resource.id.clone(),
                    Fields::of(properties, format!("{} ({kind})", resource.id))?,
                ));
            }
        }
        Ok(found)
    }

    pub(super) fn exists(&self, resource: &Resource) -> Result<bool, TemplateError> {
        resource
            .condition
            .as_ref()
            .map_or(Ok(true), |(name, position)| {
                self.condition(name, *position, 0)
            })
    }

    /// `None` is `AWS::NoValue`: as if it had not been written.
    fn evaluate(&self, node: &Node) -> Result<Option<Node>, TemplateError> {
        self.evaluate_at(node, 0)
    }

    pub(super) fn evaluate_at(
        &self,
        node: &Node,
        depth: usize,
    ) -> Result<Option<Node>, TemplateError> {
        if depth > DEEPEST {
            return Err(TemplateError::at(
                node.position,
                "functions are nested too deeply",
            ));
        }
        let kind = match &node.kind {
            Kind::Null | Kind::Text(_) => node.kind.clone(),
            Kind::List(items) => Kind::List(self.evaluate_all(items, depth)?),
            Kind::Map(entries) => {
                let mut evaluated = Vec::with_capacity(entries.len());
                for (name, position, value) in entries {
                    if let Some(value) = self.evaluate_at(value, depth + 1)? {
                        evaluated.push((name.clone(), *position, value));
                    }
                }
                Kind::Map(evaluated)
            }
            Kind::Call(function, argument) => {
                return self.call(function, argument, node.position, depth + 1);
            }
        };
        Ok(Some(Node {
            position: node.position,
            kind,
        }))
    }

    fn evaluate_all(&self, items: &[Node], depth: usize) -> Result<Vec<Node>, TemplateError> {
        items
            .iter()
            .filter_map(|item| self.evaluate_at(item, depth + 1).transpose())
            .collect()
    }

    fn call(
        &self,
        function: &str,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Option<Node>, TemplateError> {
        match function {
            "Ref" => self.reference(argument),
            "Sub" => self.substitute(argument, depth).map(|text| {
                Some(Node {
                    position,
                    kind: Kind::Text(text),
                })
            }),
            "GetAtt" => self.attribute(argument).map(|text| {
                Some(Node {
                    position,
                    kind: Kind::Text(text),
                })
            }),
            "Join" => self.join(argument, position, depth).map(Some),
            "Split" => self.split(argument, position, depth).map(Some),
            "Select" => self.select(argument, depth).map(Some),
            "FindInMap" => self.find_in_map(argument, depth).map(Some),
            "If" => {
                let [condition, then, otherwise] = arguments::<3>(argument, "If")?;
                let (name, at) = condition.clone().into_text("If")?;
                let chosen = if self.condition(&name, at, depth)? {
                    then
                } else {
                    otherwise
                };
                self.evaluate_at(chosen, depth)
            }
            other => Err(TemplateError::at(
                position,
                format!("the function `{other}` is not understood by the local gateway"),
            )),
        }
    }

    fn reference(&self, argument: &Node) -> Result<Option<Node>, TemplateError> {
        let (name, position) = argument.clone().into_text("Ref")?;
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if let (Some(value), Some(kind)) =
            (self.parameters.get(&name), self.parameter_types.get(&name))
        {
            return Ok(Some(parameters::referenced(kind, value, position)));
        }
        Ok(Some(Node {
            position,
            kind: Kind::Text(self.name(&name, position)?),
        }))
    }

    /// What a name stands for inside a text. A resource stands for itself: here its id is its name.
    fn name(&self, name: &str, position: Position) -> Result<String, TemplateError> {
        if let Some(value) = self
            .parameters
            .get(name)
            .cloned()
            .or_else(|| pseudo_parameter(name).map(str::to_owned))
        {
            return Ok(value);
        }
        if let Some((id, attribute)) = name.split_once('.') {
            return self
                .resource(id, position)
                .map(|resource| attribute_of(resource, attribute));
        }
        if let Some(alias) = self.alias(name)? {
            return Ok(alias);
        }
        self.resource(name, position).map(Resource::name)
    }

    fn resource(&self, id: &str, position: Position) -> Result<&Resource, TemplateError> {
        let resource = self.resources.iter().find(|resource| resource.id == id);
        let resource = resource.ok_or_else(|| {
            TemplateError::at(
                position,
                format!("there is neither a parameter nor a resource `{id}`"),
            )
        })?;
        if self.exists(resource)? {
            return Ok(resource);
        }
        Err(TemplateError::at(
            position,
            format!("`{id}` does not exist under these parameters"),
        ))
    }

    fn attribute(&self, argument: &Node) -> Result<String, TemplateError> {
        match &argument.kind {
            Kind::Text(text) if text.contains('.') => self.name(text, argument.position),
            Kind::List(_) => {
                let [id, attribute] = arguments::<2>(argument, "GetAtt")?
                    .map(|node| node.clone().into_text("GetAtt"));
                let ((id, position), (attribute, _)) = (id?, attribute?);
                self.resource(&id, position)
                    .map(|resource| attribute_of(resource, &attribute))
            }
            _ => Err(TemplateError::at(
                argument.position,
                "`GetAtt` is `Resource.Attribute`",
            )),
        }
    }

    fn substitute(&self, argument: &Node, depth: usize) -> Result<String, TemplateError> {
        let (template, own) = match &argument.kind {
            Kind::List(_) => {
                let [template, own] = arguments::<2>(argument, "Sub")?;
                (template.clone(), self.evaluate_at(own, depth)?)
            }
            _ => (argument.clone(), None),
        };
        let (text, position) = template.into_text("Sub")?;
        let own = own.map_or_else(
            || Ok(Vec::new()),
            |node| Fields::of(node, "Sub").map(Fields::rest),
        )?;
        substitute::names(&text, |name| {
            match own.iter().find(|(known, ..)| known == name) {
                Some((.., node)) => node.clone().into_text(name).map(|(text, _)| text),
                None => self.name(name, position),
            }
        })
        .unwrap_or_else(|| Err(TemplateError::at(position, "a `${` is not closed")))
    }
}

impl Resource {
    /// What `Ref` of it is: locally its id, but for tables, which a local server may hold beside
    /// others.
    fn name(&self) -> String {
        match self.id.strip_suffix("Table") {
            Some(table) if self.kind == "AWS::DynamoDB::Table" => {
                format!("tollgate-{}", table.to_ascii_lowercase())
            }
            _ => self.id.clone(),
        }
    }

    /// A property that is a plain text.
    pub(super) fn text(&self, property: &str) -> Option<&str> {
        let Kind::Map(properties) = &self.properties.kind else {
            return None;
        };
        match properties
            .iter()
            .find(|(name, ..)| name == property)
            .map(|(.., node)| &node.kind)
        {
            Some(Kind::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn read(id: String, position: Position, node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, id.clone())?;
        let (kind, _) = fields.require_text("Type")?;
        let condition = fields.text("Condition")?;
        let properties = fields.take("Properties").unwrap_or(Node {
            position,
            kind: Kind::Map(Vec::new()),
        });
        fields.ignore(&[
            "Metadata",
            "DependsOn",
            "DeletionPolicy",
            "UpdateReplacePolicy",
            "UpdatePolicy",
            "CreationPolicy",
        ]);
        fields.finish()?;
        Ok(Self {
            id,
            kind,
            condition,
            position,
            properties,
        })
    }
}

fn types(section: Node) -> Result<HashMap<String, String>, TemplateError> {
    let parameters = Fields::of(section, "Parameters")?.rest();
    let kind_of = |(name, _, node): (String, Position, Node)| {
        let mut fields = Fields::of(node, name.clone())?;
        Ok((name, fields.require_text("Type")?.0))
    };
    parameters.into_iter().map(kind_of).collect()
}

pub(super) fn arguments<'n, const N: usize>(
    argument: &'n Node,
    function: &str,
) -> Result<[&'n Node; N], TemplateError> {
    let items: Vec<&Node> = match &argument.kind {
        Kind::List(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    items.try_into().map_err(|_| {
        TemplateError::at(
            argument.position,
            format!("`{function}` takes a list of {N}"),
        )
    })
}

pub(super) fn attribute_of(resource: &Resource, attribute: &str) -> String {
    match (resource.kind.as_str(), attribute) {
        ("AWS::Serverless::Function", "Arn") => {
            format!(
                "arn:aws:lambda:us-east-1:123456789012:function:{}",
                resource.id
            )
        }
        _ => format!("{}.{attribute}", resource.id),
    }
}

fn pseudo_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "AWS::AccountId" => "123456789012",
        "AWS::Partition" => "aws",
        "AWS::Region" => "us-east-1",
        "AWS::StackName" => "tollgate",
        "AWS::URLSuffix" => "amazonaws.com",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "
Parameters:
  Name: {Type: String, Default: a, AllowedValues: [a, b]}
  Ids: {Type: List<AWS::EC2::Subnet::Id>}
  Count: {Type: Number, MinValue: 3, MaxValue: 9}
  Free: {Type: String}
  List: {Type: CommaDelimitedList, Default: 'c,d'}
Mappings:
  ByName: {a: {Days: 7}, b: {Days: 30}}
Conditions:
  IsA: !Equals [!Ref Name, a]
  IsB: !Not [!Condition IsA]
  Both: !And [!Condition IsA, {Condition: IsB}]
  Either: !Or [!Condition IsA, !Condition IsB]
Resources:
  Other: {Type: O, Condition: IsB}
  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: live}}
  It:
    Type: T
    Properties:
";

    fn properties(
        body: &str,
        given: &[(&str, &str)],
    ) -> Result<Vec<(String, Kind)>, TemplateError> {
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let template = Template::parse(&format!("{HEAD}      {body}"), &given)?;
        let (_, fields) = template.resources("T")?.remove(0);
        Ok(fields
            .rest()
            .into_iter()
            .map(|(name, _, node)| (name, node.kind))
            .collect())
    }

    fn value(body: &str, given: &[(&str, &str)]) -> Kind {
        properties(&format!("P: {body}"), given)
            .unwrap()
            .remove(0)
            .1
    }

    fn text(text: &str) -> Kind {
        Kind::Text(text.to_owned())
    }

    #[test]
    fn references_and_substitutions_are_resolved() {
        assert_eq!(value("!Ref Name", &[("Name", "b")]), text("b"));
        assert_eq!(value("!Ref F", &[]), text("F"));
        assert_eq!(
            value("!Sub x-${Name}-${AWS::Region}-${!Literal}", &[]),
            text("x-a-us-east-1-${Literal}")
        );
        assert_eq!(
            value("!Sub [\"${Own}/${Name}\", {Own: !Ref F}]", &[]),
            text("F/a")
        );
        assert_eq!(
            value("!GetAtt F.Arn", &[]),
            text("arn:aws:lambda:us-east-1:123456789012:function:F")
        );
        assert_eq!(
            value("!Ref FAliaslive", &[]),
            value("!Sub \"${F.Arn}:live\"", &[])
        );
        assert_eq!(
            value("!Sub ${FAliaslive}", &[]),
            value("!Ref FAliaslive", &[])
        );
        assert_eq!(
            value("!FindInMap [ByName, !Ref Name, Days]", &[("Name", "b")]),
            text("30")
        );
        assert_eq!(
            value("!Select [1, !Split [\",\", \"a,${x},\"]]", &[]),
            text("${x}")
        );
        assert_eq!(value("!Select [0, !Ref List]", &[]), text("c"));
        assert_eq!(
            value("!Join [\"-\", [!Ref Name, b, !Ref AWS::NoValue]]", &[]),
            text("a-b")
        );
        assert_eq!(value("!Join [\"\", !Ref List]", &[]), text("cd"));
        assert_eq!(value("!Sub ${F.Arn}", &[]), value("!GetAtt [F, Arn]", &[]));
    }

    #[test]
    fn conditions_choose() {
        assert_eq!(value("!If [IsA, yes, no]", &[]), text("yes"));
        assert_eq!(value("!If [IsB, yes, no]", &[]), text("no"));
        assert_eq!(value("!If [Both, yes, no]", &[]), text("no"));
        assert_eq!(value("!If [Either, yes, no]", &[]), text("yes"));
        assert_eq!(value("!If [IsB, yes, no]", &[("Name", "b")]), text("yes"));
    }

    #[test]
    fn no_value_is_as_if_nothing_stood_there() {
        assert_eq!(properties("P: !Ref AWS::NoValue", &[]).unwrap(), []);
        let Kind::List(items) = value("[1, !If [IsB, 2, !Ref AWS::NoValue], 3]", &[]) else {
            panic!()
        };
        assert_eq!(
            items.into_iter().map(|item| item.kind).collect::<Vec<_>>(),
            [text("1"), text("3")]
        );
    }

    #[test]
    fn parameters_without_a_default_get_a_stand_in_of_their_type() {
        let Kind::List(ids) = value("!Ref Ids", &[]) else {
            panic!()
        };
        assert_eq!(ids.len(), 2);
        assert_eq!(value("!Ref Count", &[]), text("3"));
        assert_eq!(value("!Ref Free", &[]), text("stand-in-for-Free"));
        let template = Template::parse(HEAD, &ParameterValues::new()).unwrap();
        let names: Vec<_> = template
            .stand_ins
            .iter()
            .map(|stand_in| stand_in.name.as_str())
            .collect();
        assert_eq!(names, ["Ids", "Count", "Free"]);
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        for (body, place, problem) in [
            (
                "P: !Ref Nothing",
                "21:10",
                "there is neither a parameter nor a resource `Nothing`",
            ),
            ("P: !Sub \"${Nothing}\"", "21:10", "there is neither"),
            ("P: !Sub \"${Name\"", "21:10", "a `${` is not closed"),
            ("P: !Ref FAliasother", "21:10", "there is neither"),
            (
                "P: !Ref Other",
                "21:10",
                "`Other` does not exist under these parameters",
            ),
            (
                "P: !If [Nope, 1, 2]",
                "21:15",
                "there is no condition `Nope`",
            ),
            ("P: !If [IsA, 1]", "21:10", "`If` takes a list of 3"),
            (
                "P: !Cidr [a, 1]",
                "21:10",
                "the function `Cidr` is not understood by the local gateway",
            ),
            (
                "P: {Fn::Base64: a}",
                "21:10",
                "the function `Base64` is not understood",
            ),
            (
                "P: !Select [2, !Split [\",\", \"a,b\"]]",
                "21:19",
                "`Select` of `2` in a list of 2",
            ),
            ("P: !Split [\"\", a]", "21:18", "needs something between"),
            (
                "P: !FindInMap [ByName, c, Days]",
                "21:30",
                "there is no `c` in this mapping",
            ),
            ("P: !Join [\",\", a]", "21:22", "`Join` is a list"),
            ("P: !Join [\",\"]", "21:10", "`Join` takes a list of 2"),
        ] {
            let error = properties(body, &[]).unwrap_err().to_string();
            assert!(
                error.starts_with(place) && error.contains(problem),
                "{body}: {error}"
            );
        }
    }

    #[test]
    fn given_parameters_are_checked() {
        for (given, problem) in [
            (("Name", "c"), "parameter Name: `c` is none of a, b"),
            (("Count", "x"), "parameter Count: `x` is not a number"),
            (("Count", "2"), "parameter Count: `2` is out of range"),
            (("Nope", "1"), "there is no parameter `Nope`"),
        ] {
            let error = properties("P: 1", &[given]).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn a_condition_that_asks_itself_is_an_error_and_not_a_hang() {
        for condition in ["!Not [!Condition A]", "!Equals [!If [A, a, b], a]"] {
            let text = format!(
                "Conditions: {{A: {condition}}}\nResources: {{R: {{Type: T, Condition: A}}}}"
            );
            let template = Template::parse(&text, &ParameterValues::new()).unwrap();
            assert!(
                template
                    .resources("T")
                    .unwrap_err()
                    .to_string()
                    .contains("nested too deeply"),
                "{condition}"
            );
        }
    }
}
