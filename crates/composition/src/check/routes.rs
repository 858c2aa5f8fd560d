//! Checks routes.

use ::routes::RouteKey;
use http::StatusCode;
use outcome::ContextField;

use super::headers::check_headers;
use super::limits::{DEFAULT_ROUTE_TIMEOUT_MS, MAX_PARTS, MAX_STAGES, ROUTE_TIMEOUT_MS, timeout};
use super::parts::{PartContext, check_part, dependencies};
use super::services::Services;
use super::versions::check_versions;
use crate::compositions::Settings;
use crate::document::{CostDocument, Object, PartDocument, RouteDocument};
use crate::error::{CompositionError, CompositionWarning, pointer_to};
use crate::model::{Cost, Part, PartMethod, Route};
use crate::names::{is_name, is_query_name};
use crate::stages::stages;

/// The state of a check that routes share.
pub(super) struct RouteContext<'c> {
    pub(super) settings: &'c Settings<'c>,
    pub(super) services: &'c mut Services,
    pub(super) warnings: &'c mut Vec<CompositionWarning>,
}

/// Checks a route.
///
/// # Errors
/// [`CompositionError`] for the first field that is invalid.
pub(super) fn check_route(
    key: &str,
    document: RouteDocument,
    pointer: &str,
    context: RouteContext<'_>,
) -> Result<Route, CompositionError> {
    let key = check_key(key, context.settings.prefix)
        .map_err(|problem| CompositionError::new(pointer.to_owned(), problem))?;
    let headers = check_headers(
        &document.headers,
        &pointer_to(pointer, "headers"),
        context.settings.key_header,
    )?;
    let timeout = timeout(
        document.timeout_ms,
        DEFAULT_ROUTE_TIMEOUT_MS,
        ROUTE_TIMEOUT_MS,
        || pointer_to(pointer, "timeout_ms"),
    )?;
    let partial_status = check_partial_status(document.partial_status, pointer)?;
    check_fields_parameter(document.fields_parameter.as_deref(), pointer)?;

    let (after, stages) = order(&document, pointer)?;
    let mut parts: Vec<Part> = Vec::with_capacity(after.len());
    let names: Vec<String> = document.parts.names().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let variables: Vec<&str> = key.variables().collect();
    let parts_pointer = pointer_to(pointer, "parts");
    for ((name, Object(part)), after) in document.parts.0.into_iter().zip(after) {
        let part_context = PartContext {
            key: &key,
            variables: &variables,
            headers: &headers,
            names: &names,
            earlier: &parts,
            route_timeout: timeout,
            fields_parameter: document.fields_parameter.as_deref(),
            services: &mut *context.services,
            warnings: &mut *context.warnings,
        };
        let place = pointer_to(&parts_pointer, &name);
        parts.push(check_part(name, part, after, &place, part_context)?);
    }

    let versions = check_versions(
        document.versions,
        &parts,
        &pointer_to(pointer, "versions"),
        context.settings.key_header,
    )?;
    warn_about_body(&key, &parts, pointer, context.warnings);
    warn_about_status(partial_status, &parts, pointer, context.warnings);
    Ok(Route {
        key,
        parts,
        stages,
        headers,
        timeout,
        partial_status,
        fields_parameter: document.fields_parameter,
        versions,
        cost: match document.cost {
            CostDocument::Rule => Cost::Rule,
            CostDocument::Parts => Cost::Parts,
        },
    })
}

/// Reads the key of a route. API Gateway's route `ANY {prefix}/{proxy+}` must reach it.
fn check_key(text: &str, prefix: &str) -> Result<RouteKey, String> {
    let key: RouteKey = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(key.method(), Some("GET" | "POST")) {
        return Err("unexpected method, expected GET or POST".to_owned());
    }
    check_prefix(key.path(), prefix)?;

    for name in key.variables() {
        check_variable(name)?;
    }
    Ok(key)
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

fn check_partial_status(
    status: Option<u64>,
    pointer: &str,
) -> Result<StatusCode, CompositionError> {
    match status {
        None | Some(206) => Ok(StatusCode::PARTIAL_CONTENT),
        Some(200) => Ok(StatusCode::OK),
        Some(other) => Err(CompositionError::new(
            pointer_to(pointer, "partial_status"),
            format!("unexpected status {other}, expected 200 or 206"),
        )),
    }
}

fn check_fields_parameter(name: Option<&str>, pointer: &str) -> Result<(), CompositionError> {
    match name.filter(|name| !is_query_name(name)) {
        Some(_) => Err(CompositionError::new(
            pointer_to(pointer, "fields_parameter"),
            "invalid name of a query parameter, expected 1 to 64 letters, digits and `-._~[]`",
        )),
        None => Ok(()),
    }
}

type Order = (Vec<Vec<usize>>, Vec<Vec<usize>>);

/// Returns the dependencies of each part, and the stages.
fn order(document: &RouteDocument, pointer: &str) -> Result<Order, CompositionError> {
    let pointer = pointer_to(pointer, "parts");
    let count = document.parts.0.len();
    if !(1..=MAX_PARTS).contains(&count) {
        let problem = format!("{count} parts, expected 1 to {MAX_PARTS}");
        return Err(CompositionError::new(pointer, problem));
    }

    let names: Vec<&str> = document.parts.names().collect();
    let dependencies_of = |(name, Object(part)): &(String, Object<PartDocument>)| {
        dependencies(part, name, &names, &pointer_to(&pointer, name))
    };
    let after: Vec<Vec<usize>> = document
        .parts
        .0
        .iter()
        .map(dependencies_of)
        .collect::<Result<_, _>>()?;
    let edges: Vec<&[usize]> = after.iter().map(Vec::as_slice).collect();
    let stages = stages(&edges).map_err(|cycle| cycle_error(&cycle, &names, &pointer))?;
    if let Some(part) = stages.get(MAX_STAGES).and_then(|stage| stage.first()) {
        let problem = format!(
            "stage {} is too late, expected at most {MAX_STAGES} stages",
            MAX_STAGES + 1
        );
        let place = pointer_to(&pointer_to(&pointer, names[*part]), "after");
        return Err(CompositionError::new(place, problem));
    }
    Ok((after, stages))
}

fn cycle_error(cycle: &[usize], names: &[&str], pointer: &str) -> CompositionError {
    let first = cycle.first().map_or("", |index| names[*index]);
    let mut path: Vec<&str> = cycle.iter().map(|index| names[*index]).collect();
    path.push(first);
    CompositionError::new(
        pointer_to(&pointer_to(pointer, first), "after"),
        format!(
            "cycle {}, expected parts that do not wait for each other",
            path.join(" → ")
        ),
    )
}

fn warn_about_body(
    key: &RouteKey,
    parts: &[Part],
    pointer: &str,
    warnings: &mut Vec<CompositionWarning>,
) {
    let uses_body = parts.iter().any(|part| part.method == PartMethod::Post);
    if key.method() == Some("POST") && !uses_body {
        let problem = "no part has `post`, so the body of the client is not used";
        warnings.push(CompositionWarning::new(
            pointer_to(pointer, "parts"),
            problem,
        ));
    }
}

/// Warns once per document, because 206 is the default.
fn warn_about_status(
    status: StatusCode,
    parts: &[Part],
    pointer: &str,
    warnings: &mut Vec<CompositionWarning>,
) {
    let can_be_partial = parts.iter().any(|part| !part.is_required);
    let problem = "206 without Content-Range does not conform to RFC 9110, 200 is recommended";
    let is_first = !warnings.iter().any(|warning| warning.message() == problem);
    if status == StatusCode::PARTIAL_CONTENT && can_be_partial && is_first {
        let place = pointer_to(pointer, "partial_status");
        warnings.push(CompositionWarning::new(place, problem));
    }
}
