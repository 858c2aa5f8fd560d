//! Checks and explains documents that an operator writes, before they are stored.

mod check;
mod mistake;
mod policy_rules;
mod position;
mod rule_summary;
mod text;
mod token;

pub(crate) use check::{check_plan, check_policy};
pub(crate) use mistake::LocatedMistake;
pub(crate) use policy_rules::explain_policy;
pub(crate) use token::explain_token;
