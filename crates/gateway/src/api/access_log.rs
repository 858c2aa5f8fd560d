//! A stage's access log: a format in which `$context` variables stand.

use super::{ContextName, Exchange};

/// The format, taken apart.
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
    /// # Errors
    /// The name of a variable that API Gateway does not know.
    pub fn parse(format: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), format);
        while let Some((before, after)) = rest.split_once("$context.") {
            let end = after.find(|character: char| {
                !(character.is_ascii_alphanumeric() || "._".contains(character))
            });
            let (name, tail) = after.split_at(end.unwrap_or(after.len()));
            // A full stop behind a name ends a sentence, not a name.
            let trimmed = name.trim_end_matches('.');
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Variable(
                ContextName::parse(trimmed).ok_or_else(|| format!("$context.{trimmed}"))?,
            ));
            rest = if trimmed.len() == name.len() {
                tail
            } else {
                &after[trimmed.len()..]
            };
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    /// One line. What is not there is `-`; a value is escaped as in a JSON string, because a client
    /// chooses some of them.
    #[must_use]
    pub fn line(&self, exchange: &Exchange) -> String {
        let mut line = String::with_capacity(512);
        for part in &self.parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Variable(name) => {
                    push_escaped(&mut line, exchange.value(name).as_deref().unwrap_or("-"))
                }
            }
        }
        line.push('\n');
        line
    }
}

fn push_escaped(line: &mut String, value: &str) {
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
    fn what_is_not_there_is_a_hyphen() {
        assert_eq!(
            line("$context.status $context.authorizer.nothing."),
            "- -.\n"
        );
    }

    #[test]
    fn a_variable_that_nobody_knows_is_an_error() {
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
