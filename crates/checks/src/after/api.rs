//! Routes, authorizer, integrations and domain.

mod authorizer_settings;
#[cfg(test)]
mod fixtures;
mod http_api;
mod rest_api;
mod review;
mod route;
mod routes_authorized;
mod subject;

use crate::runner::Entry;
use crate::stack::Stack;

/// The checks of the group `api`.
pub(super) const CHECKS: &[Entry<Stack>] = &[routes_authorized::ENTRY, authorizer_settings::ENTRY];
