//! The rules of a load balancer's listener: header conditions with fixed responses.

use http::{HeaderMap, HeaderName, StatusCode};

use super::pattern;
use sam_template::{Fields, Node, TemplateError};

const CONTENT_TYPES: [&str; 5] = [
    "text/plain",
    "text/css",
    "text/html",
    "application/javascript",
    "application/json",
];

/// A rule of a listener.
#[derive(Debug)]
pub struct ListenerRule {
    /// The ARN of the listener.
    pub listener: String,
    /// The priority. Lower values are evaluated first.
    pub priority: u32,
    conditions: Vec<HeaderCondition>,
    /// The response to requests that match.
    pub response: FixedResponse,
}

#[derive(Debug)]
struct HeaderCondition {
    name: HeaderName,
    patterns: Vec<String>,
}

/// A response that the load balancer sends itself. No target receives the request.
#[derive(Clone, Debug)]
pub struct FixedResponse {
    /// The status.
    pub status: StatusCode,
    /// The `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: String,
}

impl ListenerRule {
    pub(super) fn read(mut fields: Fields) -> Result<Self, TemplateError> {
        let (listener, _) = fields.require_text("ListenerArn")?;
        let position = fields.position;
        let priority = fields.number_if("Priority", |priority| (1..=50_000).contains(priority))?;
        let priority = priority
            .ok_or_else(|| TemplateError::at(position, "a listener rule must have a `Priority`"))?;
        let conditions = fields.require("Conditions")?.into_list("Conditions")?;
        let conditions = conditions
            .into_iter()
            .map(HeaderCondition::read)
            .collect::<Result<Vec<_>, _>>()?;
        if conditions.is_empty() {
            return Err(TemplateError::at(
                position,
                "a listener rule must have at least one condition",
            ));
        }

        let actions = fields.require("Actions")?;
        let position = actions.position;
        let response = match <[Node; 1]>::try_from(actions.into_list("Actions")?) {
            Ok([action]) => FixedResponse::read(action)?,
            Err(_) => {
                return Err(TemplateError::at(
                    position,
                    "only a single fixed-response action is supported",
                ));
            }
        };
        fields.finish()?;
        Ok(Self {
            listener,
            priority,
            conditions,
            response,
        })
    }

    /// True if a request with these headers matches all conditions.
    #[must_use]
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.matches(headers))
    }
}

impl HeaderCondition {
    fn read(node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, "a listener rule's condition")?;
        fields.expect("Field", "http-header")?;
        let mut header = Fields::of(fields.require("HttpHeaderConfig")?, "HttpHeaderConfig")?;
        fields.finish()?;
        let (name, position) = header.require_text("HttpHeaderName")?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| TemplateError::at(position, "this is not a valid header name"))?;

        let values = header.require("Values")?.into_list("Values")?;
        header.finish()?;
        let texts = values
            .into_iter()
            .map(|value| value.into_text("Values").map(|(text, _)| text));
        let patterns: Vec<String> = texts.collect::<Result<_, _>>()?;
        if !(1..=3).contains(&patterns.len()) {
            return Err(TemplateError::at(
                position,
                "a condition must have 1 to 3 `Values`",
            ));
        }
        Ok(Self { name, patterns })
    }

    fn matches(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(&self.name);
        values.iter().any(|value| {
            self.patterns
                .iter()
                .any(|pattern| pattern::matches(pattern.as_bytes(), value.as_bytes()))
        })
    }
}

impl FixedResponse {
    fn read(node: Node) -> Result<Self, TemplateError> {
        let mut fields = Fields::of(node, "a listener rule's action")?;
        fields.expect("Type", "fixed-response")?;
        let mut response = Fields::of(
            fields.require("FixedResponseConfig")?,
            "FixedResponseConfig",
        )?;
        fields.finish()?;

        let position = response.position;
        let status = response
            .number::<u16>("StatusCode")?
            .and_then(|code| StatusCode::from_u16(code).ok());
        let content_type = response
            .text("ContentType")?
            .map_or_else(|| "text/plain".to_owned(), |(text, _)| text);
        let body = response
            .text("MessageBody")?
            .map(|(text, _)| text)
            .unwrap_or_default();
        response.finish()?;

        if !CONTENT_TYPES.contains(&content_type.as_str()) {
            return Err(TemplateError::at(
                position,
                format!("`ContentType` must be one of {}", CONTENT_TYPES.join(", ")),
            ));
        }
        let status = status.filter(|status| matches!(status.as_u16() / 100, 2 | 4 | 5));
        match status {
            Some(status) if body.len() <= 1024 => Ok(Self {
                status,
                content_type,
                body,
            }),
            Some(_) => Err(TemplateError::at(
                position,
                "`MessageBody` is longer than 1024 bytes",
            )),
            None => Err(TemplateError::at(
                position,
                "`StatusCode` must be 2XX, 4XX or 5XX",
            )),
        }
    }
}
