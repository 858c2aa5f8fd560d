//! Problem documents (RFC 9457) as text.

use serde::Deserialize;
use serde_json::Value;

/// The most mistakes that are shown.
const MAX_MISTAKES: usize = 20;

/// The body of an error response of Tollgate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    /// The reason phrase of the status.
    #[serde(default)]
    pub(crate) title: String,
    /// The problem with the request.
    #[serde(default)]
    pub(crate) detail: String,
    /// Every mistake in the request.
    #[serde(default)]
    pub(crate) errors: Vec<Mistake>,
}

/// A mistake in a request, or a warning about a document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Mistake {
    /// A JSON pointer to a field of the body.
    pointer: Option<String>,
    /// The name of a query parameter or a header.
    parameter: Option<String>,
    detail: String,
}

impl Problem {
    /// Returns the problem in a body, or `None` if the body is not a problem document.
    pub(crate) fn parse(content_type: &str, body: &[u8]) -> Option<Self> {
        if !media_type(content_type).eq_ignore_ascii_case("application/problem+json") {
            return None;
        }
        serde_json::from_slice(body).ok()
    }

    /// Returns the mistakes, one per line, or else what is wrong.
    pub(crate) fn text(&self) -> String {
        if self.errors.is_empty() {
            let text = [&self.detail, &self.title];
            let text = text.into_iter().find(|text| !text.is_empty());
            return text.map(|text| one_line(text)).unwrap_or_default();
        }

        let shown = self.errors.iter().take(MAX_MISTAKES);
        let mut lines: Vec<_> = shown.map(Mistake::text).collect();
        let others = self.errors.len().saturating_sub(MAX_MISTAKES);
        if others > 0 {
            lines.push(format!("and {others} more"));
        }
        lines.join("\n")
    }
}

impl Mistake {
    /// Returns the place and what is wrong there, such as `/throttle/rate: must be above 0`.
    pub(crate) fn text(&self) -> String {
        let place = self.pointer.as_ref().or(self.parameter.as_ref());
        let text = match place.filter(|place| !place.is_empty()) {
            Some(place) => format!("{place}: {}", self.detail),
            None => self.detail.clone(),
        };
        one_line(&text)
    }

    /// Returns the text of a warning in the response to a write.
    pub(crate) fn warning(value: &Value) -> String {
        Self::deserialize(value).map_or_else(|_| value.to_string(), |mistake| mistake.text())
    }
}

/// Returns a text of a server on one line, so that it cannot look like another message.
pub(crate) fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// Returns the media type in a content type, without its parameters.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(body: &Value) -> String {
        let body = body.to_string();
        let problem = Problem::parse("application/problem+json; charset=utf-8", body.as_bytes());
        problem.unwrap().text()
    }

    #[test]
    fn each_mistake_has_a_line_with_its_place() {
        let body = json!({"title": "Unprocessable Content", "detail": "The request body is invalid.",
            "errors": [{"pointer": "/throttle/rate", "detail": "must be above 0"},
                {"parameter": "limit", "detail": "expected 1 to 100"},
                {"pointer": "", "detail": "expected an object"}]});
        assert_eq!(
            text(&body),
            "/throttle/rate: must be above 0\nlimit: expected 1 to 100\nexpected an object"
        );
    }

    #[test]
    fn problem_without_mistakes_is_its_detail_or_title() {
        assert_eq!(text(&json!({"title": "A", "detail": "B"})), "B");
        assert_eq!(text(&json!({"title": "A"})), "A");
    }

    #[test]
    fn text_of_a_server_has_no_line_breaks_and_an_end() {
        assert_eq!(text(&json!({"detail": "a\nb"})), "a\\nb");
        let mistake = json!({"pointer": "/a\n", "detail": "b\r\nc"});
        assert_eq!(text(&json!({"errors": [mistake]})), "/a\\n: b\\r\\nc");

        let many = vec![json!({"detail": "x"}); 5_000];
        let many = text(&json!({"errors": many}));
        assert_eq!(many.lines().count(), 21);
        assert!(many.ends_with("\nand 4980 more"), "{many}");
    }

    #[test]
    fn other_media_types_are_not_problems() {
        let body = json!({"detail": "B"}).to_string();
        assert_eq!(Problem::parse("application/json", body.as_bytes()), None);
        assert_eq!(Problem::parse("application/problem+json", b"<html>"), None);
    }
}
