//! A CloudFormation template, parsed with positions and evaluated for given parameter values.
//!
//! ```
//! use sam_template::{ParameterValues, Template};
//!
//! let text = "
//! Parameters: {Stage: {Type: String, Default: dev}}
//! Resources: {Topic: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Sub 'orders-${Stage}'}}}
//! ";
//! let template = Template::parse(text, &ParameterValues::new())?;
//! let (id, mut properties) = template.resources("AWS::SNS::Topic")?.remove(0);
//! assert_eq!(id, "Topic");
//! assert_eq!(properties.require_text("TopicName")?.0, "orders-dev");
//! # Ok::<(), sam_template::TemplateError>(())
//! ```

mod condition;
mod declaration;
mod document;
mod evaluate;
mod fields;
mod functions;
mod json;
mod node;
mod parameters;
mod references;
mod resource;
mod rule;
mod substitute;

use std::collections::BTreeMap;
use std::fmt;

pub use declaration::Declaration;
pub use document::Template;
pub use fields::Fields;
pub use node::{Kind, Node};
pub use parameters::StandIn;

/// Parameter values by parameter name.
pub type ParameterValues = BTreeMap<String, String>;

/// A position in the template. Lines and columns start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// An error in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The position, or `None` if the error concerns the whole template.
    pub position: Option<Position>,
    /// The problem, in words.
    pub problem: String,
}

impl TemplateError {
    /// Creates an error at a position.
    pub fn at(position: Position, problem: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            problem: problem.into(),
        }
    }

    /// Creates an error that concerns the whole template.
    pub fn whole(problem: impl Into<String>) -> Self {
        Self {
            position: None,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(formatter, "{line}:{column}: ")?;
        }
        formatter.write_str(&self.problem)
    }
}

impl std::error::Error for TemplateError {}
