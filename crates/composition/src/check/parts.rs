//! Checks parts.

use std::time::Duration;

use ::routes::RouteKey;
use serde_json::value::RawValue;
use strict_json::StrictValue;

use super::METADATA_FIELD;
use super::limits::{DEFAULT_PART_TIMEOUT_MS, PART_TIMEOUT_MS, timeout};
use super::routes::RouteSettings;
use super::services::Services;
use crate::document::PartDocument;
use crate::error::{CompositionError, CompositionWarning, pointer_to};
use crate::model::{Part, PartMethod};
use crate::names::is_name;
use crate::template::{Scope, Template, is_json_pointer};

/// The route of a part, and the parts before it.
pub(super) struct PartContext<'c> {
    pub(super) route: &'c RouteSettings,
    /// The names of all parts, by index.
    pub(super) names: &'c [&'c str],
    pub(super) earlier: &'c [Part],
    pub(super) services: &'c mut Services,
    pub(super) warnings: &'c mut Vec<CompositionWarning>,
}

/// Checks a part. `after` has the indexes of the parts that must be complete before.
///
/// # Errors
/// [`CompositionError`] for the first field that is invalid.
pub(super) fn check_part(
    name: String,
    document: PartDocument,
    after: Vec<usize>,
    pointer: &str,
    context: PartContext<'_>,
) -> Result<Part, CompositionError> {
    let field = check_field(&name, document.alias.as_deref(), pointer, &context)?;
    let (method, text) = check_method(&document, pointer, &context)?;
    let route = context.route;
    let variables: Vec<&str> = route.key.variables().collect();
    let scope = Scope {
        variables: &variables,
        greedy: greedy_variable(&route.key, &variables),
        headers: &route.headers,
        parts: context.names,
        after: &after,
        fields_parameter: route.fields_parameter.as_deref(),
    };
    let template = Template::parse(text, &scope).map_err(|problem| {
        let field = method.as_str().to_ascii_lowercase();
        CompositionError::new(pointer_to(pointer, field), problem)
    })?;
    check_fallback(document.fallback.as_deref(), method, pointer)?;
    check_next(document.next.as_deref(), method, &template, pointer)?;
    let service = context
        .services
        .find(document.service.as_deref(), pointer)?;
    let timeout = timeout(
        document.timeout_ms,
        DEFAULT_PART_TIMEOUT_MS,
        PART_TIMEOUT_MS,
        || pointer_to(pointer, "timeout_ms"),
    )?;

    let is_required = document.required.unwrap_or(method == PartMethod::Post);
    warn(
        &document,
        is_required,
        pointer,
        route.timeout,
        context.warnings,
    );
    Ok(Part {
        name,
        field,
        method,
        template,
        service,
        after,
        fallback: document.fallback,
        is_required,
        timeout: timeout.min(route.timeout),
        next: document.next,
        is_charged: document.charged,
    })
}

/// Returns the variable that may be several segments. It is the last one.
fn greedy_variable<'v>(key: &RouteKey, variables: &[&'v str]) -> Option<&'v str> {
    let last = variables.last().copied();
    last.filter(|_| key.path().ends_with("+}"))
}

/// Returns the name of a part in the response.
fn check_field(
    name: &str,
    alias: Option<&str>,
    pointer: &str,
    context: &PartContext<'_>,
) -> Result<String, CompositionError> {
    let place = || alias.map_or_else(|| pointer.to_owned(), |_| pointer_to(pointer, "as"));
    if name == METADATA_FIELD || !is_name(name) {
        return Err(CompositionError::new(
            pointer.to_owned(),
            invalid_name(name, "part"),
        ));
    }

    let field = alias.unwrap_or(name);
    if field == METADATA_FIELD || !is_name(field) {
        return Err(CompositionError::new(place(), invalid_name(field, "field")));
    }
    match context.earlier.iter().find(|part| part.field == field) {
        Some(other) => {
            let problem = format!(
                "`{field}` is also the name of part `{}` in the response, expected another name",
                other.name
            );
            Err(CompositionError::new(place(), problem))
        }
        None => Ok(field.to_owned()),
    }
}

fn invalid_name(name: &str, kind: &str) -> String {
    if name == METADATA_FIELD {
        return format!("`{METADATA_FIELD}` is reserved, expected another name");
    }
    format!("invalid name of a {kind}, expected 1 to 64 letters, digits, `_` and `-`")
}

/// Returns the method and the template of a part.
fn check_method<'d>(
    document: &'d PartDocument,
    pointer: &str,
    context: &PartContext<'_>,
) -> Result<(PartMethod, &'d str), CompositionError> {
    let post = match (&document.get, &document.post) {
        (Some(get), None) => return Ok((PartMethod::Get, get)),
        (None, Some(post)) => post,
        (None, None) => {
            let problem = "missing path, expected `get` or `post`";
            return Err(CompositionError::new(pointer.to_owned(), problem));
        }
        (Some(_), Some(_)) => {
            let problem = "unexpected `get` and `post`, expected one of them";
            return Err(CompositionError::new(pointer.to_owned(), problem));
        }
    };

    let refuse = |problem: String| Err(CompositionError::new(pointer_to(pointer, "post"), problem));
    if context.route.key.method() != Some("POST") {
        return refuse("unexpected `post` in a GET route, expected `get`".to_owned());
    }
    match context
        .earlier
        .iter()
        .find(|part| part.method == PartMethod::Post)
    {
        Some(other) => refuse(format!(
            "part `{}` has `post` already, expected at most one such part",
            other.name
        )),
        None => Ok((PartMethod::Post, post)),
    }
}

fn check_fallback(
    fallback: Option<&RawValue>,
    method: PartMethod,
    pointer: &str,
) -> Result<(), CompositionError> {
    let Some(fallback) = fallback else {
        return Ok(());
    };
    let refuse = |problem: String| {
        Err(CompositionError::new(
            pointer_to(pointer, "fallback"),
            problem,
        ))
    };
    if method == PartMethod::Post {
        return refuse("unexpected fallback of a `post`, expected none".to_owned());
    }
    match serde_json::from_str::<StrictValue>(fallback.get()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let problem = strict_json::JsonError::new(String::new(), &error).problem;
            refuse(problem)
        }
    }
}

fn check_next(
    next: Option<&str>,
    method: PartMethod,
    template: &Template,
    pointer: &str,
) -> Result<(), CompositionError> {
    let Some(next) = next else { return Ok(()) };
    let refuse = |problem: &str| Err(CompositionError::new(pointer_to(pointer, "next"), problem));
    if next.is_empty() || !is_json_pointer(next) {
        return refuse("invalid JSON pointer, expected a form such as /links/next");
    }
    if method == PartMethod::Post {
        return refuse("unexpected `next` of a `post`, expected none");
    }
    if template.passed_parameters().next().is_none() {
        return refuse(
            "no query parameter of the client leads to the next page, expected one such as cursor={query.cursor} in `get`",
        );
    }
    Ok(())
}

fn warn(
    document: &PartDocument,
    is_required: bool,
    pointer: &str,
    route_timeout: Duration,
    warnings: &mut Vec<CompositionWarning>,
) {
    if is_required && document.fallback.is_some() {
        let problem = "the part is required, so the fallback is not used";
        warnings.push(CompositionWarning::new(
            pointer_to(pointer, "fallback"),
            problem,
        ));
    }
    let is_longer = |timeout: &u64| u128::from(*timeout) > route_timeout.as_millis();
    if document.timeout_ms.as_ref().is_some_and(is_longer) {
        let problem = format!(
            "the timeout of the route, {} ms, ends the call earlier",
            route_timeout.as_millis()
        );
        warnings.push(CompositionWarning::new(
            pointer_to(pointer, "timeout_ms"),
            problem,
        ));
    }
}
