//! Checks routes.

use std::time::Duration;

use ::routes::RouteKey;
use http::{HeaderName, StatusCode};

use super::headers::check_headers;
use super::limits::{DEFAULT_PART_TIMEOUT_MS, DEFAULT_ROUTE_TIMEOUT_MS, ROUTE_TIMEOUT_MS, timeout};
use super::order::{Order, check_order};
use super::parts::{PartContext, check_part};
use super::route_key::check_key;
use super::services::Services;
use super::versions::check_versions;
use crate::compositions::Settings;
use crate::document::{CostDocument, Entries, Object, PartDocument, RouteDocument};
use crate::error::{CompositionError, CompositionWarning, pointer_to};
use crate::model::{Cost, Part, PartMethod, Route};
use crate::names::is_query_name;

/// The state of a check that routes share.
pub(super) struct RouteContext<'c> {
    pub(super) settings: &'c Settings<'c>,
    pub(super) services: &'c mut Services,
    pub(super) warnings: &'c mut Vec<CompositionWarning>,
}

/// The fields of a route that its parts depend on.
pub(super) struct RouteSettings {
    pub(super) key: RouteKey,
    pub(super) headers: Vec<HeaderName>,
    pub(super) timeout: Duration,
    pub(super) fields_parameter: Option<String>,
}

/// Checks a route.
///
/// # Errors
/// [`CompositionError`] for the first field that is invalid.
pub(super) fn check_route(
    key: &str,
    document: RouteDocument,
    pointer: &str,
    mut context: RouteContext<'_>,
) -> Result<Route, CompositionError> {
    let route = check_settings(key, &document, pointer, context.settings)?;
    let partial_status = check_partial_status(document.partial_status, pointer)?;

    let parts_pointer = pointer_to(pointer, "parts");
    warn_about_timeout(&document, route.timeout, pointer, context.warnings);
    let Order { after, stages } = check_order(&document, &parts_pointer)?;
    let parts = check_parts(document.parts, after, &parts_pointer, &route, &mut context)?;
    let versions = check_versions(
        document.versions,
        &parts,
        &pointer_to(pointer, "versions"),
        context.settings.key_header,
    )?;

    warn_about_requirements(&parts, &parts_pointer, context.warnings);
    warn_about_body(&route.key, &parts, pointer, context.warnings);
    warn_about_status(partial_status, &parts, pointer, context.warnings);
    Ok(Route {
        key: route.key,
        parts,
        stages,
        headers: route.headers,
        timeout: route.timeout,
        partial_status,
        fields_parameter: route.fields_parameter,
        versions,
        cost: match document.cost {
            CostDocument::Rule => Cost::Rule,
            CostDocument::Parts => Cost::Parts,
        },
    })
}

fn check_settings(
    key: &str,
    document: &RouteDocument,
    pointer: &str,
    settings: &Settings<'_>,
) -> Result<RouteSettings, CompositionError> {
    let key = check_key(key, settings.prefix)
        .map_err(|problem| CompositionError::new(pointer.to_owned(), problem))?;
    let headers = check_headers(
        &document.headers,
        &pointer_to(pointer, "headers"),
        settings.key_header,
    )?;
    let timeout = timeout(
        document.timeout_ms,
        DEFAULT_ROUTE_TIMEOUT_MS,
        ROUTE_TIMEOUT_MS,
        || pointer_to(pointer, "timeout_ms"),
    )?;
    check_fields_parameter(document.fields_parameter.as_deref(), pointer)?;

    Ok(RouteSettings {
        key,
        headers,
        timeout,
        fields_parameter: document.fields_parameter.clone(),
    })
}

fn check_parts(
    documents: Entries<Object<PartDocument>>,
    after: Vec<Vec<usize>>,
    pointer: &str,
    route: &RouteSettings,
    context: &mut RouteContext<'_>,
) -> Result<Vec<Part>, CompositionError> {
    let names: Vec<String> = documents.names().map(str::to_owned).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut parts: Vec<Part> = Vec::with_capacity(names.len());

    for ((name, Object(document)), after) in documents.0.into_iter().zip(after) {
        let part_context = PartContext {
            route,
            names: &names,
            earlier: &parts,
            services: context.services,
            warnings: context.warnings,
        };
        let place = pointer_to(pointer, &name);
        parts.push(check_part(name, document, after, &place, part_context)?);
    }
    Ok(parts)
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

/// Warns once per route about parts whose default timeout is longer than that of the route.
fn warn_about_timeout(
    document: &RouteDocument,
    timeout: Duration,
    pointer: &str,
    warnings: &mut Vec<CompositionWarning>,
) {
    let mut parts = document.parts.0.iter();
    let is_default = parts.any(|(_, Object(part))| part.timeout_ms.is_none());
    if is_default && timeout < Duration::from_millis(DEFAULT_PART_TIMEOUT_MS) {
        let problem = format!(
            "the timeout of the route is shorter than the default of its parts, {DEFAULT_PART_TIMEOUT_MS} ms"
        );
        let place = pointer_to(pointer, "timeout_ms");
        warnings.push(CompositionWarning::new(place, problem));
    }
}

/// Warns about required parts that need an optional part: the request fails without either.
fn warn_about_requirements(parts: &[Part], pointer: &str, warnings: &mut Vec<CompositionWarning>) {
    for part in parts.iter().filter(|part| part.is_required) {
        let mut before = part.after.iter().map(|index| &parts[*index]);
        if let Some(optional) = before.find(|part| !part.is_required) {
            let problem = format!(
                "the part is required and needs `{}`, so the request also fails without `{0}`",
                optional.name
            );
            let place = pointer_to(&pointer_to(pointer, &part.name), "after");
            warnings.push(CompositionWarning::new(place, problem));
        }
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
