//! JSON for programs.

use std::io::Write;

use serde_json::Value;

use super::OutputError;
use super::escape::escaped_json;

/// Prints a value as indented JSON.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(crate) fn print_json(value: &Value) -> Result<(), OutputError> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", pretty(value))?;
    output.flush()?;
    Ok(())
}

/// Prints JSON with indentation. Numbers and the order of fields stay as they are.
///
/// # Errors
/// [`OutputError`] if standard output cannot be written.
pub(crate) fn print_json_text(json: &str) -> Result<(), OutputError> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", escaped_json(&indented(json)))?;
    output.flush()?;
    Ok(())
}

/// Prints a list of any length as one JSON array, item by item.
///
/// If the command fails before [`Self::finish`], the array has no end. A program that reads it then
/// fails as well, instead of using a part of the list.
pub(crate) struct JsonList<W = std::io::Stdout> {
    output: W,
    is_empty: bool,
}

impl JsonList {
    /// Begins a list on standard output.
    pub(crate) fn new() -> Self {
        Self::to(std::io::stdout())
    }
}

impl<W: Write> JsonList<W> {
    fn to(output: W) -> Self {
        Self {
            output,
            is_empty: true,
        }
    }

    /// Prints an item.
    ///
    /// # Errors
    /// [`OutputError`] if the output cannot be written.
    pub(crate) fn push(&mut self, item: &Value) -> Result<(), OutputError> {
        let start = if self.is_empty { "[\n" } else { ",\n" };
        self.is_empty = false;
        let text = pretty(item).replace('\n', "\n  ");
        write!(self.output, "{start}  {text}")?;
        Ok(())
    }

    /// Prints the end of the array.
    ///
    /// # Errors
    /// [`OutputError`] if the output cannot be written.
    pub(crate) fn finish(mut self) -> Result<(), OutputError> {
        let end = if self.is_empty { "[]" } else { "\n]" };
        writeln!(self.output, "{end}")?;
        self.output.flush()?;
        Ok(())
    }
}

/// Returns valid JSON with the indentation of [`print_json`]. A [`Value`] would lose digits of numbers.
fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_in_string, mut is_escaped) = (0, false, false);

    for character in json.chars() {
        if is_in_string {
            text.push(character);
            is_in_string = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\t' | '\n' | '\r' => continue,
            '}' | ']' => {
                depth -= 1;
                // An empty object or array has no line of its own.
                if !text.ends_with(['{', '[']) {
                    push_line(&mut text, depth);
                }
            }
            _ if text.ends_with(['{', '[', ',']) => push_line(&mut text, depth),
            _ => {}
        }

        text.push(character);
        match character {
            '"' => is_in_string = true,
            '{' | '[' => depth += 1,
            ':' => text.push(' '),
            _ => {}
        }
    }
    text
}

fn push_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Returns indented JSON without characters that control a terminal.
fn pretty(value: &Value) -> String {
    escaped_json(&format!("{value:#}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(items: &[Value]) -> String {
        let mut output = Vec::new();
        let mut list = JsonList::to(&mut output);
        for item in items {
            list.push(item).unwrap();
        }
        list.finish().unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn list_is_one_array_with_the_usual_indentation() {
        let items = [json!({"a": [1, "b\nc"]}), json!(2)];
        let text = list(&items);
        assert_eq!(text, format!("{:#}\n", Value::from(items.to_vec())));
    }

    #[test]
    fn empty_list_is_an_empty_array() {
        assert_eq!(list(&[]), "[]\n");
    }

    #[test]
    fn unfinished_list_is_not_json() {
        let mut output = Vec::new();
        JsonList::to(&mut output).push(&json!(1)).unwrap();
        assert!(serde_json::from_slice::<Value>(&output).is_err());
    }

    #[test]
    fn text_is_indented_like_a_value() {
        for json in [
            r#"{"a":[1,{"b":[]},{}],"c":"x,y:{ \\\" [","d":[[1,2],[]],"e":{"f":null}}"#,
            r#"[ {"a" : "" , "b":"\\\\"}, "{" ]"#,
            "7",
            r#""a""#,
            "{}",
        ] {
            let value: Value = serde_json::from_str(json).unwrap();
            assert_eq!(indented(json), format!("{value:#}"), "{json}");
        }
    }

    #[test]
    fn numbers_and_the_order_of_fields_stay_as_they_are() {
        let json = r#"{"b":1.0,"a":12345678901234567890123,"b2":1e400}"#;
        let expected = "{\n  \"b\": 1.0,\n  \"a\": 12345678901234567890123,\n  \"b2\": 1e400\n}";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn full_disk_is_an_error() {
        let mut space = [0_u8; 4];
        let mut list = JsonList::to(&mut space[..]);
        let error = list.push(&json!("a long text")).unwrap_err();
        assert!(!error.is_closed(), "{error}");
    }
}
