//! A CloudFormation template, read with positions and evaluated as far as a request's way needs it.

mod condition;
mod evaluate;
mod fields;
mod functions;
mod node;
mod parameters;
mod substitute;

use std::collections::BTreeMap;
use std::fmt;

pub use evaluate::Template;
pub use fields::Fields;
pub use node::{Kind, Node};
pub use parameters::StandIn;

/// Values for parameters, by name.
pub type ParameterValues = BTreeMap<String, String>;

/// A place in the template, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// `None` where it is wrong as a whole.
    pub position: Option<Position>,
    /// What is wrong.
    pub problem: String,
}

impl TemplateError {
    /// An error at a place.
    pub fn at(position: Position, problem: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            problem: problem.into(),
        }
    }

    /// An error of the whole.
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
