//! The parts of a policy document that can be one value or a list.

use serde_json::Value;

use crate::aws::{array, text};

/// Returns the statements of a policy.
pub(crate) fn statements(policy: &Value) -> &[Value] {
    match &policy["Statement"] {
        statement @ Value::Object(_) => std::slice::from_ref(statement),
        list => array(list),
    }
}

/// Returns a string, or the strings of a list.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(value) => vec![value],
        list => array(list).iter().map(text).collect(),
    }
}
