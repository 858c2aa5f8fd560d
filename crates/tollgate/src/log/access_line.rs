//! The access log as text: one line per request.

use std::fmt::Write as _;

use gateway::api::Exchange;

use crate::output::{Style, escaped};

/// The fields of the authorizer's context that are shown, and their names in the line.
const CONTEXT_FIELDS: [(&str, &str); 5] = [
    ("decision", "decision"),
    ("reason", "reason"),
    ("plan", "plan"),
    ("key_id", "key"),
    ("user_id", "user"),
];

/// Formats a line such as `2026-11-30T12:00:00.123Z GET /orders 200 3.9 ms request_id=r1
/// decision=allowed plan=pro`. The time is that of the request's arrival. A text that could be
/// taken for other fields is quoted, because clients choose the path.
pub(super) fn text(exchange: &Exchange, style: Style) -> String {
    let mut line = String::with_capacity(160);
    let _ = write!(line, "{:.3} ", exchange.received);
    push_word(&mut line, &exchange.method);
    line.push(' ');
    push_word(&mut line, &exchange.path);
    let milliseconds = exchange
        .response_latency
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e3);
    let _ = write!(line, " {} {milliseconds:.1} ms", status(exchange, style));

    push_field(&mut line, "request_id", &exchange.request_id);
    if let Some(reason) = exchange.unauthorized {
        push_field(&mut line, "reason", reason.as_str());
    }
    for (field, name) in CONTEXT_FIELDS {
        let value = exchange.authorizer.get(field);
        let value = value.and_then(serde_json::Value::as_str);
        if let Some(value) = value.filter(|value| !["", "-", "ok"].contains(value)) {
            push_field(&mut line, name, value);
        }
    }

    if let Some(error) = error(exchange) {
        push_field(&mut line, "error", error);
    }
    line.push('\n');
    line
}

/// Returns the status, in a colour for each class. `-` if the client left.
fn status(exchange: &Exchange, style: Style) -> String {
    match exchange.status {
        None => "-".to_owned(),
        Some(status @ 200..300) => style.green(&status.to_string()),
        Some(status @ 400..500) => style.yellow(&status.to_string()),
        Some(status @ 500..) => style.red(&status.to_string()),
        Some(status) => status.to_string(),
    }
}

/// The most specific error of the exchange.
fn error(exchange: &Exchange) -> Option<&str> {
    let errors = [
        exchange.authorizer_error.as_deref(),
        exchange.integration_error.as_deref(),
        exchange.error,
    ];
    errors.into_iter().flatten().next()
}

fn push_field(line: &mut String, name: &str, value: &str) {
    let _ = write!(line, " {name}=");
    push_word(line, value);
}

/// Adds a text, in quotation marks if it is not a single word. An empty text is `-`.
fn push_word(line: &mut String, text: &str) {
    let is_separator = |character: char| character.is_whitespace() || "\"=".contains(character);

    match text {
        "" => line.push('-'),
        _ if text.contains(is_separator) => {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = write!(line, "\"{}\"", escaped(&quoted));
        }
        _ => line.push_str(&escaped(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exchange() -> Exchange {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange.received = "2026-11-30T12:00:00.1234Z".parse().unwrap();
        exchange.method = "GET".to_owned();
        exchange.path = "/orders".to_owned();
        exchange.status = Some(200);
        exchange.response_latency = Some(Duration::from_micros(3_900));
        exchange
    }

    fn plain(exchange: &Exchange) -> String {
        text(exchange, Style::plain())
    }

    #[test]
    fn status_has_the_colour_of_its_class() {
        let mut exchange = exchange();
        for (status, shown) in [
            (Some(204), "\u{1b}[32m204\u{1b}[0m"),
            (Some(304), "304"),
            (Some(429), "\u{1b}[33m429\u{1b}[0m"),
            (Some(503), "\u{1b}[31m503\u{1b}[0m"),
            (None, "-"),
        ] {
            exchange.status = status;
            let line = text(&exchange, Style::coloured());
            assert!(line.contains(&format!(" /orders {shown} 3.9 ms")), "{line}");
        }
    }

    #[test]
    fn request_is_one_line_with_its_decision() {
        let mut exchange = exchange();
        for (name, value) in [
            ("decision", "allowed"),
            ("reason", "ok"),
            ("plan", "pro"),
            ("key_id", "local-pro"),
            ("user_id", "-"),
        ] {
            exchange.authorizer.insert(name.to_owned(), value.into());
        }
        assert_eq!(
            plain(&exchange),
            "2026-11-30T12:00:00.123Z GET /orders 200 3.9 ms request_id=r1 decision=allowed plan=pro key=local-pro\n"
        );
    }

    #[test]
    fn line_ends_with_the_error() {
        let mut exchange = exchange();
        exchange.status = Some(503);
        exchange.integration_error = Some("connection refused".to_owned());
        assert_eq!(
            plain(&exchange),
            "2026-11-30T12:00:00.123Z GET /orders 503 3.9 ms request_id=r1 error=\"connection refused\"\n"
        );
    }

    #[test]
    fn reason_of_a_401_is_in_the_line() {
        let mut exchange = exchange();
        exchange.status = Some(401);
        exchange.unauthorized = Some(outcome::Reason::MissingCredentials);
        assert!(plain(&exchange).ends_with(" ms request_id=r1 reason=missing_credentials\n"));
    }

    #[test]
    fn path_cannot_look_like_other_fields() {
        let mut exchange = exchange();
        for (path, shown) in [
            ("/a 200 1.0 ms key=admin", r#""/a 200 1.0 ms key=admin""#),
            ("/a\u{a0}b", "\"/a\u{a0}b\""),
            (r#"/a"b\"#, r#""/a\"b\\""#),
            ("/a=b", r#""/a=b""#),
            ("", "-"),
            ("/a\u{202e}b", r"/a\u{202e}b"),
            ("/a\u{2028}b", r#""/a\u{2028}b""#),
        ] {
            exchange.path = path.to_owned();
            let line = plain(&exchange);
            assert!(line.contains(&format!("Z GET {shown} 200 ")), "{line}");
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        let mut exchange = exchange();
        exchange.path = "/a\n\u{1b}[2J".to_owned();
        assert!(plain(&exchange).ends_with(" GET \"/a\\n\\u{1b}[2J\" 200 3.9 ms request_id=r1\n"));
    }
}
