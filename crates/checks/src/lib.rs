//! The checks of `tollgate check`: they prove a deployment, before and after it.
//!
//! - **Purpose**: shows that what Tollgate relies on is true: in the parameters, in the AWS account,
//!   in a deployed stack, and in the responses to real requests.
//! - **Reads**: a parameter file and a template; AWS services, by calls that only read; the admin API.
//! - **Writes**: a temporary plan and a temporary key, for the group `requests` alone.
//! - **On failure**: a missing permission is "not checked", and never a failure. A call that fails
//!   otherwise is an error of the check.
//!
//! Each check has a [`Check`] as its description, from which the documentation is generated.

pub mod after;
pub mod aws;
pub mod before;
pub mod catalogue;
mod certificate;
mod check;
pub mod configuration;
mod deployment;
mod deployment_run;
mod findings;
mod load_balancer;
mod policy_document;
pub mod progress;
mod report;
pub mod requests;
mod runner;
mod secrets;
mod selection;
mod stack;
#[cfg(test)]
mod tests;
mod unknown_parameter;
mod verdict;

pub use check::{Check, Group};
pub use deployment::{Deployment, DeploymentError};
pub use deployment_run::DeploymentRun;
pub use report::{DOCUMENTATION, Report};
pub use selection::{Selection, UnknownCheck};
pub use stack::Stack;
pub use verdict::{Outcome, Status, Verdict};
