//! Log messages as text, converted from the JSON lines of `telemetry`.

use std::io::{self, Write};

use serde_json::{Map, Value};
use tracing_subscriber::fmt::MakeWriter;

use crate::output::{Style, escaped};

/// Fields that are shown elsewhere in the line, or are of use across several functions only.
const HIDDEN_FIELDS: [&str; 5] = ["timestamp", "level", "message", "span", "duration_ms"];

/// The length of a time with milliseconds, such as `2026-11-30T12:00:00.123`.
const TIME_BYTES: usize = 23;

/// Makes writers that convert JSON lines to text: `TIME WARN message field=value …`.
pub(super) struct TextLines<M> {
    pub(super) writer: M,
    pub(super) style: Style,
    /// True if the access log has a line per request.
    pub(super) shows_requests: bool,
}

/// Converts one event, which is written as one line.
pub(super) struct TextLine<W> {
    writer: W,
    style: Style,
    shows_requests: bool,
}

impl<'w, M: MakeWriter<'w>> MakeWriter<'w> for TextLines<M> {
    type Writer = TextLine<M::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        TextLine {
            writer: self.writer.make_writer(),
            style: self.style,
            shows_requests: self.shows_requests,
        }
    }
}

impl<W: Write> Write for TextLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match serde_json::from_slice::<Map<String, Value>>(bytes) {
            Ok(event) if self.shows_requests && is_in_the_access_line(&event) => {}
            Ok(event) => self.writer.write_all(text(&event, self.style).as_bytes())?,
            Err(_) => self.writer.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// True for a decision about a request, whose reason is in the line of the access log. For a fault,
/// only the message has the problem.
fn is_in_the_access_line(event: &Map<String, Value>) -> bool {
    event.contains_key("decision") && !event.contains_key("problem")
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
    if let Some(id) = request_id(event) {
        line.push_str(&format!(" request_id={}", shown(id)));
    }
    line.push('\n');
    line
}

/// Returns the id of the request from the span, if the event itself has none.
fn request_id(event: &Map<String, Value>) -> Option<&Value> {
    match event.get("request_id") {
        Some(_) => None,
        None => event.get("span")?.get("request_id"),
    }
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
        _ => escaped(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the text of an event, with an access log.
    fn written(event: &Value) -> String {
        written_with(event, true)
    }

    /// Returns the text of an event without the access log.
    fn written_alone(event: &Value) -> String {
        written_with(event, false)
    }

    fn written_with(event: &Value, shows_requests: bool) -> String {
        let mut bytes = Vec::new();
        let style = Style::plain();
        TextLine {
            writer: &mut bytes,
            style,
            shows_requests,
        }
        .write_all(format!("{event}\n").as_bytes())
        .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn message_is_followed_by_its_fields() {
        let event = json!({"timestamp": "2026-11-30T12:00:00.123456Z", "level": "WARN", "message": "no response\n", "host": "a.example", "ms": 7,
                           "detail": "two words", "none": "-", "near_limit": false, "span": {"request_id": "r"}});
        assert_eq!(
            written(&event),
            "2026-11-30T12:00:00.123Z WARN no response\\n host=a.example ms=7 detail=\"two words\" request_id=r\n"
        );
    }

    #[test]
    fn reason_of_a_refusal_is_in_the_access_log_only() {
        let refused = json!({"level": "INFO", "message": "decided", "decision": "-", "reason": "key_expired"});
        assert_eq!(written(&refused), "");
        assert!(written_alone(&refused).ends_with("INFO decided reason=key_expired\n"));

        let fault = json!({"level": "INFO", "message": "decided", "decision": "-", "reason": "fault", "problem": "x"});
        assert!(written(&fault).ends_with("INFO decided reason=fault problem=x\n"));
    }
}
