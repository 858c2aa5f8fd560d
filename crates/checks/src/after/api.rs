//! Routes, authorizer, integrations and domain.

mod authorizer_settings;
mod composer_routes;
mod cors;
mod default_endpoint;
mod domain;
#[cfg(test)]
mod fixtures;
mod function_routes;
mod header_mappings;
mod http_api;
mod identity_headers;
mod integration;
mod integration_target;
mod limiter_routes;
mod mapping_source;
mod path_forwarded;
mod response_mappings;
mod rest_api;
mod route;
mod routes_authorized;
mod stage;
mod subject;
#[cfg(test)]
mod tests;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `api`.
pub(super) const CHECKS: &[Entry<Stack>] = &[
    routes_authorized::ENTRY,
    authorizer_settings::ENTRY,
    identity_headers::OVERWRITTEN_ENTRY,
    identity_headers::REMOVED_ENTRY,
    response_mappings::ENTRY,
    integration_target::ENTRY,
    path_forwarded::ENTRY,
    stage::ENTRY,
    default_endpoint::ENTRY,
    domain::ENTRY,
    cors::ENTRY,
    limiter_routes::LIMITER_ENTRY,
    limiter_routes::FOREIGN_ENTRY,
    composer_routes::ENTRY,
];
