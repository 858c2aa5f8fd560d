//! Names of plans and of policies in `RateLimit-Policy`.

use crate::mistake::Mistake;
use crate::plan_error::PlanError;

/// The length of the longest name.
const MAX_NAME_BYTES: usize = 64;

/// Checks the name of a plan: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or a
/// digit.
///
/// # Errors
/// [`PlanError`] if the name is invalid.
pub fn check_name(name: &str) -> Result<(), PlanError> {
    let has_valid_characters = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let has_valid_start = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());

    if has_valid_characters && has_valid_start && name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }

    let message = format!(
        "invalid plan name `{name}`, expected 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
    );
    Err(PlanError {
        mistakes: vec![Mistake {
            pointer: String::new(),
            message,
        }],
    })
}

/// True if a name can be used in a `RateLimit` field without escaping.
pub(crate) fn is_policy_name(name: &str) -> bool {
    let is_printable = name
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());

    is_printable && (1..=MAX_NAME_BYTES).contains(&name.len())
}
