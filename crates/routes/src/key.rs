//! A route key: a method or `ANY`, and a path with variables.

use std::fmt;
use std::str::FromStr;

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A method (or `ANY`) and a path whose segments are literal, a `{variable}`, or a trailing
/// `{greedy+}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// `None` is `ANY`.
    method: Option<&'static str>,
    path: String,
    pub(crate) segments: Vec<Segment>,
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
    /// A segment with a `*`, which other gateways read as a wildcard.
    #[error(
        "`*` in segment `{0}` is not a wildcard: write `{{proxy+}}` as the last segment for everything below, or `{{name}}` for one segment"
    )]
    Wildcard(String),
    /// A segment that other routers read as a variable, such as `:id` or `<id>`.
    #[error(
        "segment `{0}` is not a variable: write `{{name}}` for one segment, or `{{proxy+}}` as the last segment for everything below"
    )]
    ForeignVariable(String),
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

    /// True if the path has no variable.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Literal(_)))
    }

    /// True if the path, whatever its method, is one of this key's.
    pub(crate) fn matches_path(&self, path: &str) -> bool {
        let mut rest = path.strip_prefix('/');
        for segment in &self.segments {
            let Some(text) = rest else { return false };
            let (head, tail) = text
                .split_once('/')
                .map_or((text, None), |(head, tail)| (head, Some(tail)));
            match segment {
                Segment::Literal(literal) if literal == head => {}
                Segment::Variable(_) if !head.is_empty() => {}
                Segment::Greedy(_) => return !text.is_empty(),
                Segment::Literal(_) | Segment::Variable(_) => return false,
            }
            rest = tail;
        }
        rest.is_none()
    }

    pub(crate) fn has_trailing_slash(&self) -> bool {
        matches!(self.segments.as_slice(), [_, .., Segment::Literal(last)] if last.is_empty())
    }

    /// Reads a route key that was stored by an earlier release, or that belongs to an API: `*`,
    /// `:id` and `<id>` are literal text, as they are to API Gateway.
    ///
    /// # Errors
    /// [`RouteKeyError`] for other text that is not a route key.
    pub fn parse_stored(text: &str) -> Result<Self, RouteKeyError> {
        let (method, path) = text
            .split_once(' ')
            .ok_or_else(|| RouteKeyError::Shape(text.to_owned()))?;
        let rest = path
            .strip_prefix('/')
            .ok_or_else(|| RouteKeyError::Shape(text.to_owned()))?;
        let segments = parse_segments(rest)?;
        Ok(Self {
            method: parse_method(method)?,
            path: path.to_owned(),
            segments,
        })
    }

    /// Looks for segments that other gateways and routers give a meaning to that they do not have
    /// here.
    ///
    /// # Errors
    /// [`RouteKeyError`] that names the segment and what to write instead.
    pub fn check_foreign_syntax(&self) -> Result<(), RouteKeyError> {
        check_foreign_syntax(&self.path)
    }

    /// The path that this key stands for once its variables have values: `/pets/{id}` with `id` =
    /// `7` is `/pets/7`. `None` where a variable has no value, an empty one, or, unless greedy, one
    /// with a `/`.
    pub fn fill<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut path = String::with_capacity(self.path.len());
        for segment in &self.segments {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Variable(name) => {
                    value_of(name).filter(|value| !value.is_empty() && !value.contains('/'))?
                }
                Segment::Greedy(name) => value_of(name).filter(|value| !value.is_empty())?,
            });
        }
        Some(path)
    }
}

impl FromStr for RouteKey {
    type Err = RouteKeyError;

    fn from_str(text: &str) -> Result<Self, RouteKeyError> {
        if let Some((_, path)) = text
            .split_once(' ')
            .filter(|(_, path)| path.starts_with('/'))
        {
            check_foreign_syntax(path)?;
        }
        Self::parse_stored(text)
    }
}

fn check_foreign_syntax(path: &str) -> Result<(), RouteKeyError> {
    for segment in path.split('/') {
        if segment.contains('*') {
            return Err(RouteKeyError::Wildcard(segment.to_owned()));
        }
        let bracketed = |open, close| segment.starts_with(open) && segment.ends_with(close);
        let regular_expression = segment.starts_with("{") && segment.contains([':', '<']);
        if segment.starts_with(':')
            || bracketed('<', '>')
            || bracketed('[', ']')
            || regular_expression
        {
            return Err(RouteKeyError::ForeignVariable(segment.to_owned()));
        }
    }
    Ok(())
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
            && segments
                .iter()
                .any(|earlier| earlier.variable() == Some(name))
        {
            return Err(RouteKeyError::RepeatedVariable(name.to_owned()));
        }
        segments.push(segment);
    }
    Ok(segments)
}

fn parse_segment(text: &str, last: bool) -> Result<Segment, RouteKeyError> {
    let refuse = || RouteKeyError::Segment(text.to_owned());
    let Some(inner) = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"{}%?#\\".contains(&byte));
        // An empty segment is a path's end after a slash, and nowhere else what anyone means.
        let placed = !text.is_empty() || last;
        return if plain && placed && text != "." && text != ".." {
            Ok(Segment::Literal(text.to_owned()))
        } else {
            Err(refuse())
        };
    };
    let (name, greedy) = inner
        .strip_suffix('+')
        .map_or((inner, false), |name| (name, true));
    let named = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
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
        for text in [
            "GET /",
            "ANY /{proxy+}",
            "POST /a/{b}/c",
            "DELETE /a/{b}/{c+}",
            "GET /a/",
        ] {
            assert_eq!(
                text.parse::<RouteKey>().map(|key| key.to_string()),
                Ok(text.to_owned())
            );
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
    fn wildcards_of_other_gateways_are_refused_with_what_to_write_instead() {
        for key in [
            "ANY /admin/*",
            "GET /*",
            "GET /**",
            "GET /a/*/b",
            "GET /a*",
            "GET /{proxy*}",
            "GET /{*rest}",
            "GET /(.*)",
        ] {
            let error = key.parse::<RouteKey>().unwrap_err();
            assert!(
                matches!(error, RouteKeyError::Wildcard(_)),
                "{key}: {error}"
            );
            assert!(
                error.to_string().contains("`*`") && error.to_string().contains("`{proxy+}`"),
                "{error}"
            );
        }
        for key in [
            "GET /:id",
            "GET /a/:id/b",
            "GET /<id>",
            "GET /<int:id>",
            "GET /[id]",
            "GET /[...rest]",
            "GET /{id:[0-9]+}",
        ] {
            let error = key.parse::<RouteKey>().unwrap_err();
            assert!(
                matches!(error, RouteKeyError::ForeignVariable(_)),
                "{key}: {error}"
            );
            assert!(error.to_string().contains("`{name}`"), "{error}");
        }
        for key in ["POST /projects:batch", "GET /products(1)", "GET /a.b~c"] {
            assert!(key.parse::<RouteKey>().is_ok(), "{key}");
        }
    }

    #[test]
    fn a_stored_key_with_a_star_is_read_as_the_literal_that_it_was() {
        let key = RouteKey::parse_stored("ANY /admin/*").unwrap();
        assert!(key.is_literal() && key.check_foreign_syntax().is_err());
        assert!(RouteKey::parse_stored("GET /{proxy*}").is_err());
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
