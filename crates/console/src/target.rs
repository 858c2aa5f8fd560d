//! The API that a console is about.

use serde::Serialize;

use crate::missing::Missing;

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
    /// The header of API keys, in lower case, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// The region of a deployed API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The ARN of the AWS identity that signs requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The release of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_version: Option<String>,
    /// The source of figures.
    pub overview: OverviewSource,
    /// The source of refusals.
    pub refusals: RefusalSource,
    /// The place of the policy that decides requests.
    pub policy_source: PolicyOrigin,
    /// The facts that could not be read. Absent if all were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) missing: Vec<Missing>,
}

/// The source of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverviewSource {
    /// The memory of the local gateway.
    Memory,
    /// CloudWatch metrics.
    Cloudwatch,
}

/// The source of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalSource {
    /// The memory of the local gateway.
    Memory,
    /// The log of the deployed authorizer.
    CloudwatchLogs,
}

/// The place of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum PolicyOrigin {
    /// The file of `--policy`.
    File(String),
    /// The template and its parameters.
    Template(String),
    /// The registry, under this name.
    Table(String),
    /// The settings are not known.
    #[default]
    Unknown,
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
