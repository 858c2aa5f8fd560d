//! Header values from tokens and keys, with a log line for a value that is too long.

use std::borrow::Cow;

use policy::header_value::{MAX_VALUE_BYTES, header_list, header_value};

/// Like [`header_value`], but logs a warning with the name of the field if the value is too long.
pub(crate) fn header_value_or_warning<'t>(field: &'static str, text: &'t str) -> Cow<'t, str> {
    let value = header_value(text);
    if value.is_empty() && !text.is_empty() {
        warn_of_length(field);
    }
    value
}

/// Like [`header_list`], but logs a warning with the name of the field if the list is too long.
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

/// Logs a value that the backend receives as `-` instead.
fn warn_of_length(field: &'static str) {
    tracing::warn!(
        field,
        max_bytes = MAX_VALUE_BYTES,
        "a value is too long for its header, and `-` is sent instead"
    );
}
