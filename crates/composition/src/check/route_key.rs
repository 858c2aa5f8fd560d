//! Checks the keys of routes.

use ::routes::{RouteKey, path_ambiguity};
use outcome::ContextField;

use crate::names::is_name;

/// The path of Tollgate's own routes, which take precedence.
const OWN_PREFIX: &str = "/_tollgate/";

/// Reads the key of a route. API Gateway's route `ANY {prefix}/{proxy+}` must reach it.
///
/// # Errors
/// The problem, and what was expected.
pub(super) fn check_key(text: &str, prefix: &str) -> Result<RouteKey, String> {
    check_method(text)?;
    let key: RouteKey = text.parse().map_err(|error| format!("{error}"))?;
    check_prefix(key.path(), prefix)?;
    if let Some(problem) = path_ambiguity(key.path()) {
        return Err(format!(
            "{problem}, so the authorizer refuses all requests, expected another path"
        ));
    }

    for name in key.variables() {
        check_variable(name)?;
    }
    Ok(key)
}

/// Checks the method before the rest, because API routes may have more methods than compositions.
fn check_method(key: &str) -> Result<(), String> {
    match key.split_once(' ') {
        Some((method, _)) if !matches!(method, "GET" | "POST") => Err(format!(
            "unexpected method `{method}`, expected GET or POST"
        )),
        _ => Ok(()),
    }
}

/// Checks the name of a variable. The client chooses its value, so it may not have the name of a
/// value that the authorizer verified.
fn check_variable(name: &str) -> Result<(), String> {
    if ContextField::from_word(name).is_some() {
        return Err(format!(
            "variable `{{{name}}}` has the name of a field of the authorizer's context, expected another name"
        ));
    }
    if is_name(name) {
        Ok(())
    } else {
        Err(format!(
            "invalid variable `{{{name}}}`, expected 1 to 64 letters, digits, `_` and `-`"
        ))
    }
}

fn check_prefix(path: &str, prefix: &str) -> Result<(), String> {
    if path.starts_with(OWN_PREFIX) {
        return Err(format!(
            "unexpected path below `{OWN_PREFIX}`, which is Tollgate's own"
        ));
    }
    let below = if prefix.is_empty() {
        path.get(1..)
            .and_then(|path| path.split_once('/'))
            .map(|(_, below)| below)
    } else {
        path.strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('/'))
    };
    if below.is_some_and(|below| !below.is_empty()) {
        return Ok(());
    }

    let example = if prefix.is_empty() { "/bff" } else { prefix };
    Err(format!(
        "unexpected path `{path}`, expected one below a prefix such as `{example}`"
    ))
}
