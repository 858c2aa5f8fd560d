//! A route key: a method or `ANY`, and a path with variables.

use std::fmt;
use std::str::FromStr;

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A method (or `ANY`) and a path whose segments are literal, a `{variable}`, or a trailing `{greedy+}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// `None` is `ANY`.
    method: Option<&'static str>,
    path: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    Variable(String),
    Greedy(String),
}

/// Why a text is not a route key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {
    /// Not `METHOD /path`.
    #[error("`{0}` is not a route key such as `GET /pets/{{id}}`")]
    Shape(String),
    /// The method is neither `ANY` nor one that API Gateway routes by.
    #[error("`{0}` is not a method: ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT")]
    Method(String),
    /// A segment is neither literal nor a variable.
    #[error("segment `{0}` is neither literal text nor `{{variable}}` nor a last `{{variable+}}`")]
    Segment(String),
    /// The same variable twice.
    #[error("the variable `{0}` stands twice in one path")]
    RepeatedVariable(String),
}

impl RouteKey {
    /// The method, or `None` for `ANY`.
    #[must_use]
    pub fn method(&self) -> Option<&'static str> {
        self.method
    }

    /// The path as written, variables included.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The path that this key stands for once its variables have values: `/pets/{id}` with `id` = `7` is
    /// `/pets/7`. `None` where a variable has no value, an empty one, or, unless greedy, one with a `/`.
    pub fn fill<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut path = String::with_capacity(self.path.len());
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Variable(name) => value_of(name).filter(|value| !value.is_empty() && !value.contains('/'))?,
                Segment::Greedy(name) => value_of(name).filter(|value| !value.is_empty())?,
            });
        }
        Some(path)
    }
}

impl FromStr for RouteKey {
    type Err = RouteKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, path) = text.split_once(' ').ok_or_else(|| RouteKeyError::Shape(text.to_owned()))?;
        let rest = path.strip_prefix('/').ok_or_else(|| RouteKeyError::Shape(text.to_owned()))?;
        let segments = parse_segments(rest)?;
        Ok(Self { method: parse_method(method)?, path: path.to_owned(), segments })
    }
}

fn parse_method(method: &str) -> Result<Option<&'static str>, RouteKeyError> {
    if method == "ANY" {
        return Ok(None);
    }
    match METHODS.iter().find(|known| **known == method) {
        Some(known) => Ok(Some(known)),
        None => Err(RouteKeyError::Method(method.to_owned())),
    }
}

fn parse_segments(path: &str) -> Result<Vec<Segment>, RouteKeyError> {
    let texts: Vec<&str> = path.split('/').collect();
    let mut segments: Vec<Segment> = Vec::with_capacity(texts.len());
    for (position, text) in texts.iter().enumerate() {
        let segment = parse_segment(text, position + 1 == texts.len())?;
        if let Some(name) = segment.variable()
            && segments.iter().any(|earlier| earlier.variable() == Some(name))
        {
            return Err(RouteKeyError::RepeatedVariable(name.to_owned()));
        }
        segments.push(segment);
    }
    Ok(segments)
}

fn parse_segment(text: &str, last: bool) -> Result<Segment, RouteKeyError> {
    let refuse = || RouteKeyError::Segment(text.to_owned());
    let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}%?#\\".contains(&byte));
        // An empty segment is a path's end after a slash, and nowhere else what anyone means.
        let placed = !text.is_empty() || last;
        return if plain && placed && text != "." && text != ".." {
            Ok(Segment::Literal(text.to_owned()))
        } else {
            Err(refuse())
        };
    };
    let (name, greedy) = inner.strip_suffix('+').map_or((inner, false), |name| (name, true));
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match (named, greedy) {
        (true, false) => Ok(Segment::Variable(name.to_owned())),
        (true, true) if last => Ok(Segment::Greedy(name.to_owned())),
        _ => Err(refuse()),
    }
}

impl Segment {
    fn variable(&self) -> Option<&str> {
        match self {
            Segment::Literal(_) => None,
            Segment::Variable(name) | Segment::Greedy(name) => Some(name),
        }
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method.unwrap_or("ANY"), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_as_it_was_written() {
        for text in ["GET /", "ANY /{proxy+}", "POST /a/{b}/c", "DELETE /a/{b}/{c+}", "GET /a/"] {
            assert_eq!(text.parse::<RouteKey>().map(|key| key.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in [
            "",
            "GET",
            "/a",
            "GET a",
            "get /a",
            "FETCH /a",
            "GET /{}",
            "GET /{a",
            "GET /a}",
            "GET /{a+}/b",
            "GET /{a}/{a}",
            "GET /a//b",
            "GET //",
            "GET /a b",
            "GET /%61",
            "GET /..",
            "GET /a/./b",
            "GET /a?b",
            "GET /ü",
            "GET /a\\b",
            "GET /{a b}",
        ] {
            assert!(text.parse::<RouteKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_filled_key_is_the_path_it_was_matched_by() {
        let key: RouteKey = "GET /pets/{id}/{rest+}".parse().unwrap();
        let values = |name: &str| if name == "id" { Some("7") } else { Some("a/b") };
        assert_eq!(key.fill(values).as_deref(), Some("/pets/7/a/b"));
    }

    #[test]
    fn a_key_is_not_filled_with_values_it_cannot_have_matched() {
        let key: RouteKey = "GET /pets/{id}".parse().unwrap();
        assert_eq!(key.fill(|_| None), None);
        assert_eq!(key.fill(|_| Some("")), None);
        assert_eq!(key.fill(|_| Some("7/../8")), None);
    }
}
