//! Converts the configuration of other products to a Tollgate configuration.
//!
//! A conversion never makes a limit laxer without a finding that says so, and never opens a route
//! that was closed. What it does not understand is reported.

mod api_keys;
mod import_error;
pub mod kong;
mod names;
mod report;
mod secret;
mod usage_plans;

use declaration::Declaration;

pub use api_keys::{KeyFilePlans, migrate_key_file};
pub use import_error::ImportError;
pub use report::{Finding, Findings, Origin, Outcome, Report};
pub use usage_plans::Account;

/// The result of a conversion.
#[derive(Debug)]
pub struct Migration {
    /// The converted configuration, which people review before they apply it.
    pub declaration: Declaration,
    /// The outcome of each part.
    pub report: Report,
}
