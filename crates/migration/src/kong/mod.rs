//! Conversion of Kong's declarative configuration (`deck gateway dump`, or `kong.yaml` of a gateway
//! without a database).
//!
//! Routes and their plugins become the rules of a policy, consumers become keys and issuers, and rate
//! limits become plans. Nothing becomes more permissive without a finding of the outcome
//! [`Laxer`](crate::Outcome::Laxer). What is not understood is refused, with a finding of the outcome
//! [`Closed`](crate::Outcome::Closed).
//!
//! ```
//! let file = r#"
//! _format_version: "3.0"
//! services:
//! - name: orders
//!   url: http://orders.internal
//!   routes: [{name: orders, paths: [/orders]}]
//! plugins: [{name: key-auth, config: {key_names: [x-api-key]}}]
//! "#;
//! let migration = migration::kong::import(&[("kong.yaml".to_owned(), file.to_owned())])?;
//! let policy = &migration.declaration.policies[migration::kong::POLICY];
//! assert_eq!(policy["rules"][0]["match"], "ANY /orders/{proxy+}");
//! assert_eq!(policy["rules"][0]["auth"], "api_key");
//! # Ok::<(), migration::kong::KongError>(())
//! ```

mod access;
mod acl;
mod address_lists;
mod catalog;
mod convert;
mod document;
mod entities;
mod fields;
mod guards;
mod issuers;
mod key_header;
mod keys;
mod limiters;
mod names;
mod paths;
mod plans;
mod public_key;
mod reader;
mod rules;
mod windows;

pub use document::KongError;

use crate::{Findings, Migration};
use document::Node;

/// The name of the policy in the result.
pub const POLICY: &str = "main";

/// Converts files, each with its name and its text, as one configuration.
///
/// # Errors
/// [`KongError`] if a file is not a declarative configuration in the format 1.1, 2.1 or 3.0, or
/// exceeds a bound, or refers to an entity that does not exist.
pub fn import(files: &[(String, String)]) -> Result<Migration, KongError> {
    let mut parsed = Vec::with_capacity(files.len());
    for (name, text) in files {
        parsed.push((name.clone(), Node::parse(name, text)?));
    }

    let mut findings = Findings::default();
    let configuration = reader::read(&parsed, &mut findings)?;
    let declaration = convert::declaration(&configuration, &mut findings)?;
    Ok(Migration {
        declaration,
        report: findings.into_report(),
    })
}
