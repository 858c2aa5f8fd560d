//! Values of headers that a client's token, key or certificate determines. A value that is too long
//! is logged.

use std::borrow::Cow;

use policy::header_value::{MAX_BYTES, header_list, header_value};

/// As [`header_value`], with a warning that names the `field` if the value is too long.
pub(crate) fn header_value_or_warning<'t>(field: &'static str, text: &'t str) -> Cow<'t, str> {
    let value = header_value(text);
    if value.is_empty() && !text.is_empty() {
        warn_of_length(field);
    }
    value
}

/// As [`header_list`], with a warning that names the `field` if the list is too long.
pub(crate) fn header_list_or_warning<'i>(
    field: &'static str,
    items: &'i [String],
    separator: char,
) -> Cow<'i, str> {
    let list = header_list(items, separator);
    if list.is_empty() && !items.is_empty() {
        warn_of_length(field);
    }
    list
}

/// The backend receives `-`, as if there were nothing.
fn warn_of_length(field: &'static str) {
    tracing::warn!(
        field,
        max_bytes = MAX_BYTES,
        "a value is too long for its header, and `-` is sent instead"
    );
}
