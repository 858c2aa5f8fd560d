//! Converts the configuration of other products to a Tollgate configuration.
//!
//! A conversion never makes a limit laxer without a finding that says so, and never opens a route
//! that was closed. What it does not understand is reported.

mod report;

use declaration::Declaration;

pub use report::{Finding, Findings, Origin, Outcome, Report};

/// The result of a conversion.
#[derive(Debug)]
pub struct Migration {
    /// What the configuration became. It is meant to be reviewed.
    pub declaration: Declaration,
    /// What became of each part.
    pub report: Report,
}
