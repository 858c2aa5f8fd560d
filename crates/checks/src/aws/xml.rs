//! The XML of AWS services as JSON.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use serde_json::{Map, Value};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// An element whose end has not been read.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

/// Returns the contents of the root element.
///
/// - An element with text is a string, and an empty element is null.
/// - An element whose children all are `member` or `item` is a list. Other elements are objects, in
///   which a repeated element is a list.
/// - Names have no prefix. Attributes are left out.
///
/// # Errors
/// The problem, if the text is not XML, is nested too deeply, or has another root than `root`.
pub(super) fn value(xml: &str, root: &str) -> Result<Value, &'static str> {
    const OTHER_ROOT: &str = "another root element";
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|_| "not valid XML")?;
        match event {
            Event::Start(start) if open.len() < MAX_DEPTH => open.push(Open {
                name: start.local_name().as_ref().to_owned(),
                ..Open::default()
            }),
            Event::Start(_) => return Err("nested too deeply"),
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                match open.last_mut() {
                    Some(parent) => parent.children.push((name, Value::Null)),
                    None if name == root => return Ok(Value::Null),
                    None => return Err(OTHER_ROOT),
                }
            }
            Event::Text(text) => append(&mut open, &text),
            Event::CData(text) => append(&mut open, &text),
            Event::GeneralRef(reference) => append(&mut open, &resolved(&reference)?),
            Event::End(_) => {
                let closed = open.pop().ok_or("not valid XML")?;
                let name = closed.name.clone();
                match open.last_mut() {
                    Some(parent) => parent.children.push((name, closed.value())),
                    None if name == root => return Ok(closed.value()),
                    None => return Err(OTHER_ROOT),
                }
            }
            Event::Eof => return Err("not valid XML"),
            _ => {}
        }
    }
}

impl Open {
    fn value(self) -> Value {
        if self.children.is_empty() {
            let text = self.text.trim();
            return if text.is_empty() {
                Value::Null
            } else {
                text.into()
            };
        }

        let is_list = self
            .children
            .iter()
            .all(|(name, _)| matches!(name.as_str(), "member" | "item"));
        if is_list {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        object(self.children)
    }
}

fn object(children: Vec<(String, Value)>) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    let mut repeated: Vec<String> = Vec::new();
    for (name, value) in children {
        match fields.get_mut(&name) {
            None => {
                fields.insert(name, value);
            }
            Some(Value::Array(items)) if repeated.contains(&name) => items.push(value),
            Some(first) => {
                *first = Value::Array(vec![first.take(), value]);
                repeated.push(name);
            }
        }
    }
    fields.into()
}

fn append(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// Returns the text of a reference such as `&amp;` or `&#10;`.
fn resolved(reference: &BytesRef<'_>) -> Result<String, &'static str> {
    const UNKNOWN: &str = "unknown reference in XML";
    if let Some(character) = reference.resolve_char_ref().map_err(|_| UNKNOWN)? {
        return Ok(character.into());
    }
    let text = quick_xml::escape::resolve_predefined_entity(reference).ok_or(UNKNOWN)?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_objects_and_texts_are_read() {
        let xml = "<?xml version=\"1.0\"?><a xmlns=\"http://x\"><r:list xmlns:r=\"u\">\n <item><k>x&amp;y&#10;z</k></item>\n <item><k/></item></r:list>\
                   <none/><text> 1 </text><Part>p</Part><Part><q>r</q></Part><Part>s</Part></a>";
        assert_eq!(
            value(xml, "a").unwrap(),
            json!({
                "list": [{"k": "x&y\nz"}, {"k": null}],
                "none": null,
                "text": "1",
                "Part": ["p", {"q": "r"}, "s"],
            })
        );
    }

    #[test]
    fn one_member_is_a_list() {
        let xml = "<a><Rules><member><Priority>1</Priority></member></Rules></a>";
        assert_eq!(
            value(xml, "a").unwrap(),
            json!({"Rules": [{"Priority": "1"}]})
        );
    }

    #[test]
    fn another_root_is_an_error() {
        for xml in ["<html><body>Sign in</body></html>", "<html/>"] {
            assert_eq!(value(xml, "a"), Err("another root element"));
        }
    }

    #[test]
    fn repeated_lists_stay_apart() {
        let xml = "<a><b><item>1</item></b><b><item>2</item></b><b><item>3</item></b></a>";
        assert_eq!(
            value(xml, "a").unwrap(),
            json!({"b": [["1"], ["2"], ["3"]]})
        );
    }

    #[test]
    fn text_that_is_not_xml_is_an_error() {
        for text in ["", "not xml", "{}", "<a>", "<a></b>", "<a>&unknown;</a>"] {
            assert!(value(text, "a").is_err(), "{text}");
        }
        assert_eq!(value(&"<a>".repeat(100_000), "a"), Err("nested too deeply"));
    }
}
