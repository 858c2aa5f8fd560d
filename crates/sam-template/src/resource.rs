//! A resource of a template.

use super::{Fields, Kind, Node, Position, TemplateError};

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) condition: Option<(String, Position)>,
    pub(super) position: Position,
    pub(super) properties: Node,
    /// All attributes as written, `Properties` included.
    pub(super) attributes: Node,
}

impl Resource {
    pub(super) fn read(id: String, position: Position, node: Node) -> Result<Self, TemplateError> {
        let attributes = node.clone();
        let mut fields = Fields::of(node, id.clone())?;
        let (kind, _) = fields.require_text("Type")?;
        let condition = fields.text("Condition")?;
        let properties = fields
            .take("Properties")
            .unwrap_or(Node::new(position, Kind::Map(Vec::new())));
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
            attributes,
        })
    }

    /// The local value of `Ref`: the id. A table gets a prefix, because a local server may contain
    /// tables of other projects.
    pub(super) fn local_name(&self) -> String {
        match self.id.strip_suffix("Table") {
            Some(table) if self.kind == "AWS::DynamoDB::Table" => {
                format!("tollgate-{}", table.to_ascii_lowercase())
            }
            _ => self.id.clone(),
        }
    }

    /// The local value of `Fn::GetAtt`.
    pub(super) fn local_attribute(&self, attribute: &str) -> String {
        match (self.kind.as_str(), attribute) {
            ("AWS::Serverless::Function", "Arn") => {
                format!("arn:aws:lambda:us-east-1:123456789012:function:{}", self.id)
            }
            _ => format!("{}.{attribute}", self.id),
        }
    }

    /// A property that is written as a string, without functions.
    pub(super) fn text(&self, property: &str) -> Option<&str> {
        let Kind::Map(properties) = &self.properties.kind else {
            return None;
        };
        let (.., node) = properties.iter().find(|(name, ..)| name == property)?;
        match &node.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }
}
