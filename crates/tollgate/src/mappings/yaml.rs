//! Prints JSON values as YAML blocks. Every string that another type could be read from is quoted.

use serde_json::Value;

/// Returns the document of an object.
pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                text.push_str(&format!("{pad}{}:", scalar(name)));
                nested(text, value, indent + 2);
            }
        }
        Value::Array(items) => {
            for item in items {
                // An object in a list is printed inline, because it is short in these documents.
                text.push_str(&format!("{pad}- {item}\n"));
            }
        }
        other => text.push_str(&format!("{pad}{other}\n")),
    }
}

/// Prints a value after its name.
fn nested(text: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if is_function(fields) => text.push_str(&format!(" {value}\n")),
        Value::Object(fields) if fields.is_empty() => text.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => text.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            block(text, value, indent);
        }
        Value::String(string) => text.push_str(&format!(" {}\n", scalar(string))),
        other => text.push_str(&format!(" {other}\n")),
    }
}

/// True for a call such as `{"Ref": "Api"}`.
fn is_function(fields: &serde_json::Map<String, Value>) -> bool {
    let is_call = |name: &String| name == "Ref" || name.starts_with("Fn::");
    fields.len() == 1 && fields.keys().all(is_call)
}

/// Returns a string plainly if it can only be read as a string.
fn scalar(string: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_+/:{}.".contains(letter);
    let begins_with_letter = string.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let has_mark = string.contains(": ") || string.ends_with(':') || string.contains('{');
    let is_keyword = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&string.to_ascii_lowercase().as_str());

    if begins_with_letter && string.chars().all(is_word) && !has_mark && !is_keyword {
        string.to_owned()
    } else {
        Value::from(string).to_string()
    }
}
