//! The API that a console is about.

use serde::Serialize;

/// The description of the target, for the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The kind of the target.
    pub kind: TargetKind,
    /// The name for people, such as `stack tollgate (https://…)`.
    pub label: String,
    /// The version of the program that serves the console.
    pub version: String,
    /// False if the console only reads.
    pub may_write: bool,
    /// The reason why the console only reads, with the next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_reason: Option<String>,
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A gateway on this machine.
    Local,
    /// An API on AWS.
    Deployed,
}
