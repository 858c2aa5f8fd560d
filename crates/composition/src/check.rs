//! Checks documents and converts them to compositions.

mod headers;
pub(crate) mod limits;
mod order;
mod parts;
mod route_key;
mod routes;
mod services;
mod versions;

use ::routes::RouteTable;

use crate::compositions::{Compositions, Settings};
use crate::document::{CompositionsDocument, Object};
use crate::error::{CompositionError, CompositionWarning, pointer_to};
use limits::MAX_ROUTES;
use routes::{RouteContext, check_route};
use services::Services;

/// The names in the response that no part, alias, rename or move may have.
const METADATA_FIELD: &str = "_metadata";

/// Checks a document.
///
/// # Errors
/// [`CompositionError`] for the first field that is invalid.
pub(crate) fn check(
    document: CompositionsDocument,
    settings: &Settings<'_>,
) -> Result<Compositions, CompositionError> {
    check_prefix(settings.prefix)?;
    let count = document.routes.0.len();
    if !(1..=MAX_ROUTES).contains(&count) {
        let problem = format!("{count} routes, expected 1 to {MAX_ROUTES}");
        return Err(CompositionError::new("/routes".to_owned(), problem));
    }

    let mut services = Services::check(document.services, settings)?;
    let mut warnings = Vec::new();
    let mut routes = RouteTable::default();
    for (key, Object(route)) in document.routes.0 {
        let pointer = pointer_to("/routes", &key);
        let context = RouteContext {
            settings,
            services: &mut services,
            warnings: &mut warnings,
        };
        let route = check_route(&key, route, &pointer, context)?;
        routes
            .insert(route.key.clone(), route)
            .map_err(|error| CompositionError::new(pointer, error.to_string()))?;
    }

    warnings.extend(services.warnings());
    Ok(Compositions {
        services: services.into_list(),
        routes,
        warnings: sorted(warnings),
    })
}

fn check_prefix(prefix: &str) -> Result<(), CompositionError> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let has_empty_or_dots =
        |text: &str| text.split('/').any(|part| matches!(part, "" | "." | ".."));
    let is_prefix = prefix
        .strip_prefix('/')
        .is_some_and(|rest| prefix.bytes().all(is_letter) && !has_empty_or_dots(rest));
    if is_prefix || prefix.is_empty() {
        Ok(())
    } else {
        let problem = format!("invalid prefix `{prefix}`, expected a path such as /bff");
        Err(CompositionError::new(String::new(), problem))
    }
}

/// Returns the warnings without repetitions.
fn sorted(warnings: Vec<CompositionWarning>) -> Vec<CompositionWarning> {
    let mut unique = Vec::new();
    for warning in warnings {
        if !unique.contains(&warning) {
            unique.push(warning);
        }
    }
    unique
}

#[cfg(test)]
mod tests;
