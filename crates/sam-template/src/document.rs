//! A template with a value for every parameter.

use std::collections::BTreeMap;

use super::parameters::{self, StandIn, Values};
use super::resource::Resource;
use super::rule::Rule;
use super::{Fields, Kind, Node, ParameterValues, Position, TemplateError};

/// The beginning of the name of a loop, which only CloudFormation expands. Its resources are left
/// out.
const LOOP: &str = "Fn::ForEach::";

/// A template with a value for every parameter.
#[derive(Debug)]
pub struct Template {
    pub(super) parameters: Values,
    /// The values that were made up for parameters without a default.
    pub stand_ins: Vec<StandIn>,
    pub(super) pseudo_parameters: ParameterValues,
    pub(super) conditions: BTreeMap<String, Node>,
    pub(super) mappings: Node,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: Vec<(String, Position, Node)>,
    pub(super) rules: Vec<Rule>,
    pub(super) references: References,
}

/// The treatment of references to resources and their attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum References {
    /// Each reference becomes the name or ARN that the resource has in the local gateway.
    Local,
    /// References stay as they are, because only a deployment can resolve them.
    Unresolved,
}

impl Template {
    /// Parses a template. Parameters without a value or a default get a made-up value.
    ///
    /// # Errors
    /// [`TemplateError`] if the text is not a template, or if a given parameter does not exist or
    /// has a value that is not allowed.
    pub fn parse(text: &str, given: &ParameterValues) -> Result<Self, TemplateError> {
        Self::from_node(Node::parse(text)?, given, References::Local)
    }

    /// Reads a template whose references to resources stay unresolved. A given name that begins
    /// with `AWS::` sets a pseudo parameter.
    ///
    /// # Errors
    /// [`TemplateError`] under the conditions of [`Self::parse`], and if a parameter has neither a
    /// value nor a default.
    pub fn unresolved(node: Node, given: &ParameterValues) -> Result<Self, TemplateError> {
        let (pseudo_parameters, given) = given
            .clone()
            .into_iter()
            .partition(|(name, _)| name.starts_with("AWS::"));
        let mut template = Self::from_node(node, &given, References::Unresolved)?;
        if let Some(stand_in) = template.stand_ins.first() {
            return Err(TemplateError::whole(format!(
                "parameter {} has neither a value nor a default",
                stand_in.name
            )));
        }

        template.pseudo_parameters = pseudo_parameters;
        Ok(template)
    }

    fn from_node(
        node: Node,
        given: &ParameterValues,
        references: References,
    ) -> Result<Self, TemplateError> {
        let mut sections = Fields::of(node, "the template")?;
        let empty = Node::new(sections.position, Kind::Map(Vec::new()));
        let (parameters, stand_ins) =
            parameters::values(sections.take("Parameters"), given, references)?;
        let mappings = sections.take("Mappings").unwrap_or(empty);
        let conditions = section(&mut sections, "Conditions")?;
        let resources = Fields::of(sections.require("Resources")?, "Resources")?.rest();
        let outputs = section(&mut sections, "Outputs")?;
        let mut rules = section(&mut sections, "Rules")?;
        sections.ignore(&[
            "AWSTemplateFormatVersion",
            "Transform",
            "Description",
            "Metadata",
        ]);
        sections.finish()?;

        if references == References::Local {
            // The local gateway leaves rules to CloudFormation.
            rules.clear();
        }
        Ok(Self {
            parameters,
            stand_ins,
            pseudo_parameters: ParameterValues::new(),
            conditions: conditions
                .into_iter()
                .map(|(name, _, node)| (name, node))
                .collect(),
            mappings,
            resources: resources
                .into_iter()
                .filter(|(id, ..)| !id.starts_with(LOOP))
                .map(|(id, position, node)| Resource::read(id, position, node))
                .collect::<Result<_, _>>()?,
            outputs,
            rules: rules
                .into_iter()
                .map(|(name, _, node)| Rule::read(name, node))
                .collect::<Result<_, _>>()?,
            references,
        })
    }

    /// The id, type and position of every resource, whatever its condition.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, Position)> {
        self.resources.iter().map(|resource| {
            (
                resource.id.as_str(),
                resource.kind.as_str(),
                resource.position,
            )
        })
    }

    /// Returns the evaluated properties of the resources of a type whose condition is true.
    ///
    /// # Errors
    /// [`TemplateError`] if a function is not supported or a reference cannot be resolved.
    pub fn resources(&self, kind: &str) -> Result<Vec<(String, Fields)>, TemplateError> {
        let mut found = Vec::new();
        for resource in self
            .resources
            .iter()
            .filter(|resource| resource.kind == kind)
        {
            if !self.exists(resource)? {
                continue;
            }

            let properties = self
                .evaluate(&resource.properties)?
                .unwrap_or(Node::new(resource.position, Kind::Map(Vec::new())));
            let what = format!("{} ({kind})", resource.id);
            found.push((resource.id.clone(), Fields::of(properties, what)?));
        }
        Ok(found)
    }

    /// True if the resource has no condition or its condition is true.
    pub(super) fn exists(&self, resource: &Resource) -> Result<bool, TemplateError> {
        match &resource.condition {
            Some((name, position)) => self.condition(name, *position, 0),
            None => Ok(true),
        }
    }
}

/// The entries of an optional section.
fn section(
    sections: &mut Fields,
    name: &str,
) -> Result<Vec<(String, Position, Node)>, TemplateError> {
    match sections.take(name) {
        Some(node) => Ok(Fields::of(node, name)?.rest()),
        None => Ok(Vec::new()),
    }
}
