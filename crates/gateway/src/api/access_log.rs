//! The format of a stage's access log.

use super::{ContextName, Exchange};

/// The memory for a line. With the template's format, few lines are longer.
const LINE_BYTES: usize = 1_536;

/// A format with `$context` variables.
#[derive(Debug)]
pub struct LogFormat {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Variable(ContextName),
}

impl LogFormat {
    /// Parses a format.
    ///
    /// # Errors
    /// The name of the first variable that API Gateway does not know.
    pub fn parse(format: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), format);
        while let Some((before, after)) = rest.split_once("$context.") {
            let end = after.find(|character: char| {
                !(character.is_ascii_alphanumeric() || "._".contains(character))
            });
            let (name, tail) = after.split_at(end.unwrap_or(after.len()));
            // A full stop at the end belongs to the text.
            let trimmed = name.trim_end_matches('.');
            let variable =
                ContextName::parse(trimmed).ok_or_else(|| format!("$context.{trimmed}"))?;

            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Variable(variable));
            rest = if trimmed.len() == name.len() {
                tail
            } else {
                &after[trimmed.len()..]
            };
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// Formats a line. A missing value is `-`. Values are escaped as in JSON strings, because clients
    /// choose some of them.
    #[must_use]
    pub fn line(&self, exchange: &Exchange) -> String {
        let mut line = String::with_capacity(LINE_BYTES);
        for part in &self.parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Variable(name) => match exchange.value(name) {
                    Some(value) => push_escaped(&mut line, &value),
                    None => line.push('-'),
                },
            }
        }
        line.push('\n');
        line
    }
}

fn push_escaped(line: &mut String, value: &str) {
    let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if !value.bytes().any(is_escaped) {
        line.push_str(value);
        return;
    }

    let quoted = serde_json::Value::from(value).to_string();
    line.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: &str) -> String {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange.method = "GET\"\n".to_owned();
        exchange.authorizer.insert("plan".to_owned(), "free".into());
        LogFormat::parse(format).unwrap().line(&exchange)
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(
            line(
                r#"{"id":"$context.requestId","m":"$context.httpMethod","p":"$context.authorizer.plan"}"#
            ),
            "{\"id\":\"r1\",\"m\":\"GET\\\"\\n\",\"p\":\"free\"}\n"
        );
    }

    #[test]
    fn missing_values_are_hyphens() {
        assert_eq!(
            line("$context.status $context.authorizer.nothing."),
            "- -.\n"
        );
    }

    #[test]
    fn unknown_variables_are_errors() {
        assert_eq!(
            LogFormat::parse("$context.requestid").unwrap_err(),
            "$context.requestid"
        );
        assert_eq!(
            LogFormat::parse("$context.authorizer.lambda.plan").unwrap_err(),
            "$context.authorizer.lambda.plan"
        );
    }
}
