//! Log messages as text for a terminal, converted from the JSON lines of `telemetry`.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing_subscriber::fmt::MakeWriter;

/// Fields that are shown elsewhere in the line, or are of use across several functions only.
const HIDDEN_FIELDS: [&str; 6] = [
    "timestamp",
    "level",
    "message",
    "span",
    "request_id",
    "duration_ms",
];

/// Makes writers that convert JSON lines to text: `WARN message field=value …`.
pub(super) struct TextLines<M>(pub(super) M);

/// Converts one event, which is written as one line.
pub(super) struct TextLine<W>(W);

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for TextLines<M> {
    type Writer = TextLine<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        TextLine(self.0.make_writer())
    }
}

impl<W: Write> Write for TextLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match serde_json::from_slice::<Map<String, Value>>(bytes) {
            Ok(event) if is_in_the_access_line(&event) => {}
            Ok(event) => self.0.write_all(text(&event).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// True for the decision about an allowed request, which has a line in the access log. For a refused
/// request, only the authorizer's message has the details.
fn is_in_the_access_line(event: &Map<String, Value>) -> bool {
    event.contains_key("decision") && event.get("reason").is_some_and(|reason| reason == "ok")
}

fn text(event: &Map<String, Value>) -> String {
    let plain = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!("{} {}", plain("level"), escaped(plain("message")));

    let fields = event
        .iter()
        .filter(|(name, _)| !HIDDEN_FIELDS.contains(&name.as_str()));
    for (name, value) in fields.filter(|(_, value)| **value != "-" && **value != false) {
        line.push_str(&format!(" {name}={}", shown(value)));
    }
    line.push('\n');
    line
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
        TextLine(&mut bytes)
            .write_all(format!("{event}\n").as_bytes())
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn message_is_followed_by_its_fields() {
        let event = json!({"timestamp": "t", "level": "WARN", "message": "no response\n", "host": "a.example", "ms": 7,
                           "detail": "two words", "none": "-", "near_limit": false, "request_id": "r", "span": {"request_id": "r"}});
        assert_eq!(
            written(&event),
            "WARN no response\\n host=a.example ms=7 detail=\"two words\"\n"
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
        assert_eq!(written(&refused), "INFO decided reason=key_expired\n");
    }
}
