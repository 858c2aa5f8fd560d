//! Reads the authorizer's context.

use outcome::ContextField;

use crate::api::Exchange;

/// A field without a value.
const NOTHING: &str = "-";

/// Returns a field of the authorizer's context. `None` without a value.
pub(super) fn context(exchange: &Exchange, field: ContextField) -> Option<&str> {
    let value = exchange.authorizer.get(field.as_str())?.as_str()?;
    Some(value).filter(|value| *value != NOTHING && !value.is_empty())
}
