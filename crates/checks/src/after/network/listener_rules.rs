//! The listener rules that respond to throttled requests.

mod expected;
mod first;
mod header;
mod present;

use crate::stack::Stack;
use crate::verdict::Verdict;

use super::backend::{listener_arn, no_listener};

pub(super) use first::ENTRY as FIRST_ENTRY;
pub(super) use header::ENTRY as HEADER_ENTRY;
pub(super) use present::ENTRY as PRESENT_ENTRY;

/// The names of the rules in the template.
const RULES: [&str; 2] = ["ThrottledRule", "UnavailableRule"];

/// Returns the ARN of the listener.
///
/// # Errors
/// The verdict of a stack whose authorizer does not mark throttled requests for the listener.
fn listener_with_rules(stack: &Stack) -> Result<String, Verdict> {
    let listener = listener_arn(stack).ok_or_else(no_listener)?;
    if matches!(stack.expected("ThrottledRule"), Ok(None)) {
        return Err(Verdict::not_applicable(
            "the listener rules are those of another stack: check that stack",
        ));
    }
    match stack.parameter("OnThrottle").as_str() {
        "mark" => Ok(listener),
        other => Err(Verdict::not_applicable(format!(
            "OnThrottle is {other}, so no listener rule responds to throttled requests"
        ))),
    }
}

/// Returns the ARNs of the stack's rules.
fn own_arns(stack: &Stack) -> Vec<&str> {
    RULES
        .iter()
        .filter_map(|name| Some(stack.resource(name)?.id.as_str()))
        .collect()
}
