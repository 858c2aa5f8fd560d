//! Log messages as text, converted from the JSON lines of `telemetry`.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing_subscriber::fmt::MakeWriter;

use crate::output::Style;

/// Fields that are shown elsewhere in the line, or are of use across several functions only.
const HIDDEN_FIELDS: [&str; 6] = [
    "timestamp",
    "level",
    "message",
    "span",
    "request_id",
    "duration_ms",
];

/// The length of a time with milliseconds, such as `2026-11-30T12:00:00.123`.
const TIME_BYTES: usize = 23;

/// Makes writers that convert JSON lines to text: `TIME WARN message field=value …`.
pub(super) struct TextLines<M> {
    pub(super) writer: M,
    pub(super) style: Style,
}

/// Converts one event, which is written as one line.
pub(super) struct TextLine<W> {
    writer: W,
    style: Style,
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for TextLines<M> {
    type Writer = TextLine<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        TextLine {
            writer: self.writer.make_writer(),
            style: self.style,
        }
    }
}

impl<W: Write> Write for TextLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match serde_json::from_slice::<Map<String, Value>>(bytes) {
            Ok(event) if is_in_the_access_line(&event) => {}
            Ok(event) => self.writer.write_all(text(&event, self.style).as_bytes())?,
            Err(_) => self.writer.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// True for the decision about an allowed request, which has a line in the access log. For a refused
/// request, only the authorizer's message has the details.
fn is_in_the_access_line(event: &Map<String, Value>) -> bool {
    event.contains_key("decision") && event.get("reason").is_some_and(|reason| reason == "ok")
}

fn text(event: &Map<String, Value>, style: Style) -> String {
    let plain = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = plain("timestamp");
    let time = time.get(..TIME_BYTES).unwrap_or(time);
    let level = coloured(plain("level"), style);
    let mut line = format!("{time}Z {level} {}", escaped(plain("message")));

    let fields = event
        .iter()
        .filter(|(name, _)| !HIDDEN_FIELDS.contains(&name.as_str()));
    for (name, value) in fields.filter(|(_, value)| **value != "-" && **value != false) {
        line.push_str(&format!(" {name}={}", shown(value)));
    }
    line.push('\n');
    line
}

/// Returns a level in its colour.
fn coloured(level: &str, style: Style) -> String {
    match level {
        "ERROR" => style.red(level),
        "WARN" => style.yellow(level),
        _ => level.to_owned(),
    }
}

/// Returns a word as it is, and any other value as JSON.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(word)
            if !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'"') =>
        {
            word.to_owned()
        }
        _ => value.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(event: &Value) -> String {
        let mut bytes = Vec::new();
        let style = Style::plain();
        TextLine {
            writer: &mut bytes,
            style,
        }
        .write_all(format!("{event}\n").as_bytes())
        .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn message_is_followed_by_its_fields() {
        let event = json!({"timestamp": "2026-11-30T12:00:00.123456Z", "level": "WARN", "message": "no response\n", "host": "a.example", "ms": 7,
                           "detail": "two words", "none": "-", "near_limit": false, "request_id": "r", "span": {"request_id": "r"}});
        assert_eq!(
            written(&event),
            "2026-11-30T12:00:00.123Z WARN no response\\n host=a.example ms=7 detail=\"two words\"\n"
        );
    }

    #[test]
    fn allowed_request_is_in_the_access_log_only() {
        assert_eq!(
            written(
                &json!({"level": "INFO", "message": "decided", "decision": "allowed", "reason": "ok"})
            ),
            ""
        );
        let refused = json!({"level": "INFO", "message": "decided", "decision": "-", "reason": "key_expired"});
        assert!(written(&refused).ends_with("INFO decided reason=key_expired\n"));
    }
}
