//! `Ref`, `Fn::GetAtt` and the names in `Fn::Sub`.

use super::document::References;
use super::evaluate::arguments;
use super::resource::Resource;
use super::{Kind, Node, Position, Template, TemplateError};

/// The stack's ID, which ends with a UUID as on AWS. The template takes a part of it.
const STACK_ID: &str = "arn:aws:cloudformation:us-east-1:123456789012:stack/tollgate/01234567-89ab-cdef-0123-456789abcdef";

impl Template {
    /// `Ref`. `None` for `AWS::NoValue`.
    pub(super) fn reference(
        &self,
        argument: &Node,
        position: Position,
    ) -> Result<Option<Node>, TemplateError> {
        let (name, name_position) = argument.clone().into_text("Ref")?;
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        if name == "AWS::NotificationARNs" {
            return Ok(Some(Node::new(position, Kind::List(Vec::new()))));
        }
        if let Some(node) = self.parameters.node(&name, name_position) {
            return Ok(Some(node));
        }
        self.name(&name, name_position).map(Some)
    }

    /// `Fn::GetAtt`.
    pub(super) fn attribute(&self, argument: &Node) -> Result<Node, TemplateError> {
        match &argument.kind {
            Kind::Text(text) if text.contains('.') => self.name(text, argument.position),
            Kind::List(_) => {
                let [id, attribute] = arguments::<2>(argument, "GetAtt")?
                    .map(|node| node.clone().into_text("GetAtt"));
                let ((id, position), (attribute, _)) = (id?, attribute?);
                self.attribute_of(&id, &attribute, position)
            }
            _ => Err(TemplateError::at(
                argument.position,
                "`GetAtt` must be `Resource.Attribute`",
            )),
        }
    }

    /// The value of `Fn::GetAtt` for an attribute of a resource.
    ///
    /// # Errors
    /// [`TemplateError`] if the resource does not exist.
    pub fn attribute_of(
        &self,
        id: &str,
        attribute: &str,
        position: Position,
    ) -> Result<Node, TemplateError> {
        if self.references == References::Unresolved {
            let arguments = [id, attribute].map(|text| Node::text(position, text));
            let arguments = Node::new(position, Kind::List(arguments.into()));
            return Ok(Node::call(position, "GetAtt", arguments));
        }

        let resource = self.resource(id, position)?;
        Ok(Node::text(position, resource.local_attribute(attribute)))
    }

    /// The value of a name in `Ref` or in a string of `Fn::Sub`: a parameter, a pseudo parameter, a
    /// resource, or an attribute as `Resource.Attribute`.
    pub(super) fn name(&self, name: &str, position: Position) -> Result<Node, TemplateError> {
        if let Some(value) = self.parameters.text(name) {
            return Ok(Node::text(position, value));
        }
        if let Some(value) = self.pseudo_parameter(name) {
            return Ok(Node::text(position, value));
        }

        if let Some((id, attribute)) = name.split_once('.') {
            return self.attribute_of(id, attribute, position);
        }
        if self.references == References::Unresolved {
            return Ok(Node::call(position, "Ref", Node::text(position, name)));
        }
        if let Some(alias) = self.alias(name)? {
            return Ok(Node::text(position, alias));
        }
        let resource = self.resource(name, position)?;
        Ok(Node::text(position, resource.local_name()))
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
            format!("the condition of `{id}` is false for these parameters"),
        ))
    }

    /// The ARN of a function alias that SAM generates, if `name` is one: the function's id,
    /// `Alias` and the alias name.
    fn alias(&self, name: &str) -> Result<Option<String>, TemplateError> {
        let functions = self
            .resources
            .iter()
            .filter(|resource| resource.kind == "AWS::Serverless::Function");

        for function in functions {
            let alias = name
                .strip_prefix(function.id.as_str())
                .and_then(|rest| rest.strip_prefix("Alias"));
            if let Some(alias) = alias
                && function.text("AutoPublishAlias") == Some(alias)
                && self.exists(function)?
            {
                return Ok(Some(format!("{}:{alias}", function.local_attribute("Arn"))));
            }
        }
        Ok(None)
    }

    fn pseudo_parameter(&self, name: &str) -> Option<&str> {
        let given = self.pseudo_parameters.get(name).map(String::as_str);
        given.or(match name {
            "AWS::AccountId" => Some("123456789012"),
            "AWS::Partition" => Some("aws"),
            "AWS::Region" => Some("us-east-1"),
            "AWS::StackId" => Some(STACK_ID),
            "AWS::StackName" => Some("tollgate"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        })
    }
}
