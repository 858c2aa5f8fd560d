//! Route keys: a method or `ANY`, and a path with variables.

use std::fmt;
use std::str::FromStr;

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// A method or `ANY`, and a path. Segments are literal text, a `{variable}`, or a greedy
/// `{variable+}` at the end.
///
/// ```
/// let key: routes::RouteKey = "GET /pets/{id}".parse()?;
/// assert_eq!((key.method(), key.path()), (Some("GET"), "/pets/{id}"));
/// # Ok::<(), routes::RouteKeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteKey {
    /// `None` for `ANY`.
    method: Option<&'static str>,
    path: String,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment<T = String> {
    Literal(T),
    Variable(T),
    Greedy(T),
}

/// The reason why a text is not a route key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteKeyError {
    /// The text does not have the form `METHOD /path`.
    #[error("`{0}` is not a route key such as `GET /pets/{{id}}`")]
    Shape(String),
    /// The method is neither `ANY` nor one that API Gateway supports in route keys.
    #[error(
        "unknown method `{0}`, expected one of ANY, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    )]
    Method(String),
    /// A segment is neither literal text nor a variable.
    #[error(
        "invalid segment `{0}`, expected literal text, `{{variable}}`, or `{{variable+}}` as the last segment"
    )]
    Segment(String),
    /// A segment contains `*`, which other gateways read as a wildcard.
    #[error(
        "`*` in segment `{0}` is not a wildcard: write `{{proxy+}}` as the last segment for everything below, or `{{name}}` for one segment"
    )]
    Wildcard(String),
    /// A segment has the form of another router's variable, such as `:id` or `<id>`.
    #[error(
        "segment `{0}` is not a variable: write `{{name}}` for one segment, or `{{proxy+}}` as the last segment for everything below"
    )]
    ForeignVariable(String),
    /// Two segments have the same variable.
    #[error("duplicate variable `{0}`")]
    DuplicateVariable(String),
}

impl RouteKey {
    /// Returns the method, or `None` for `ANY`.
    #[must_use]
    pub fn method(&self) -> Option<&'static str> {
        self.method
    }

    /// Returns the path as written, with its variables.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the names of the variables, in the order of the path.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        let names = self.segments.iter().filter_map(Segment::variable);
        names.map(String::as_str)
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

    /// True if the path matches this key, with any method.
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

    /// Reads a route key of an API, or one that an earlier release stored. As in API Gateway, `*`,
    /// `:id` and `<id>` are literal text.
    ///
    /// # Errors
    /// [`RouteKeyError`] if the text is not a route key.
    pub fn parse_stored(text: &str) -> Result<Self, RouteKeyError> {
        let (method, path, rest) = split_key(text)?;
        let segments: Result<_, _> = segments(rest).map(|it| Ok(it?.into_owned())).collect();

        Ok(Self {
            segments: segments?,
            method: parse_method(method)?,
            path: path.to_owned(),
        })
    }

    /// Returns the path of a stored route key with values for its variables, as
    /// [`parse_stored`](Self::parse_stored) and [`fill`](Self::fill) do, without a copy of the key.
    ///
    /// # Errors
    /// [`RouteKeyError`] if the text is not a route key.
    pub fn fill_stored<'v>(
        text: &str,
        value_of: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<Option<String>, RouteKeyError> {
        let (method, path, rest) = split_key(text)?;
        let mut filled = Some(String::with_capacity(path.len()));
        // A key that is invalid after a variable without a value is an error, too.
        for segment in segments(rest) {
            let value = segment?.value(&value_of);
            filled = filled.zip(value).map(|(mut path, value)| {
                path.push('/');
                path.push_str(value);
                path
            });
        }

        parse_method(method)?;
        Ok(filled)
    }

    /// Checks that no segment has a special meaning to other gateways and routers.
    ///
    /// # Errors
    /// [`RouteKeyError`] for the first such segment. It says what to write instead.
    pub fn check_foreign_syntax(&self) -> Result<(), RouteKeyError> {
        check_foreign_syntax(&self.path)
    }

    /// Returns the path with values for its variables: `/pets/{id}` with the `id` `7` is `/pets/7`.
    ///
    /// Returns `None` if a variable has no value or an empty one, or if a variable that is not
    /// greedy has a value with `/`.
    pub fn fill<'v>(&self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
        let mut path = String::with_capacity(self.path.len());
        for segment in &self.segments {
            path.push('/');
            path.push_str(segment.as_text().value(&value_of)?);
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

        let is_enclosed = |open, close| segment.starts_with(open) && segment.ends_with(close);
        let is_pattern = segment.starts_with("{") && segment.contains([':', '<']);
        if segment.starts_with(':') || is_enclosed('<', '>') || is_enclosed('[', ']') || is_pattern
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

/// Splits a key into its method, its path, and the path without its first slash.
fn split_key(text: &str) -> Result<(&str, &str, &str), RouteKeyError> {
    let parts = text.split_once(' ').and_then(|(method, path)| {
        let rest = path.strip_prefix('/')?;
        Some((method, path, rest))
    });
    parts.ok_or_else(|| RouteKeyError::Shape(text.to_owned()))
}

/// Returns the segments of a path without its first slash, until one of them is invalid.
fn segments(path: &str) -> impl Iterator<Item = Result<Segment<&str>, RouteKeyError>> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let text = rest?;
        let earlier = &path[..path.len() - text.len()];
        let (text, tail) = text
            .split_once('/')
            .map_or((text, None), |(text, tail)| (text, Some(tail)));
        rest = tail;

        let segment = parse_segment(text, tail.is_none());
        Some(segment.and_then(|segment| match segment.variable() {
            Some(name) if has_variable(earlier, name) => {
                Err(RouteKeyError::DuplicateVariable((*name).to_owned()))
            }
            _ => Ok(segment),
        }))
    })
}

/// True if a segment of a path is a variable with this name. Greedy variables are last.
fn has_variable(path: &str, name: &str) -> bool {
    path.split('/').any(|text| {
        let inner = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        inner == Some(name)
    })
}

fn parse_segment(text: &str, is_last: bool) -> Result<Segment<&str>, RouteKeyError> {
    let refuse = || RouteKeyError::Segment(text.to_owned());
    let Some(inner) = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"{}%?#\\".contains(&byte));
        // An empty segment is only valid at the end, for a trailing slash.
        let may_be_empty = !text.is_empty() || is_last;
        return if is_plain && may_be_empty && text != "." && text != ".." {
            Ok(Segment::Literal(text))
        } else {
            Err(refuse())
        };
    };

    let (name, is_greedy) = inner
        .strip_suffix('+')
        .map_or((inner, false), |name| (name, true));
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    match (is_name, is_greedy) {
        (true, false) => Ok(Segment::Variable(name)),
        (true, true) if is_last => Ok(Segment::Greedy(name)),
        _ => Err(refuse()),
    }
}

impl<T> Segment<T> {
    fn variable(&self) -> Option<&T> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) | Self::Greedy(name) => Some(name),
        }
    }
}

impl Segment {
    fn as_text(&self) -> Segment<&str> {
        match self {
            Self::Literal(text) => Segment::Literal(text),
            Self::Variable(name) => Segment::Variable(name),
            Self::Greedy(name) => Segment::Greedy(name),
        }
    }
}

impl<'t> Segment<&'t str> {
    fn into_owned(self) -> Segment {
        match self {
            Self::Literal(text) => Segment::Literal(text.to_owned()),
            Self::Variable(name) => Segment::Variable(name.to_owned()),
            Self::Greedy(name) => Segment::Greedy(name.to_owned()),
        }
    }

    /// Returns the text of the segment with a value for its variable. `None` if there is no value,
    /// an empty one, or one with `/` for a variable that is not greedy.
    fn value<'v: 't>(self, value_of: impl Fn(&str) -> Option<&'v str>) -> Option<&'t str> {
        match self {
            Self::Literal(text) => Some(text),
            Self::Variable(name) => {
                value_of(name).filter(|value| !value.is_empty() && !value.contains('/'))
            }
            Self::Greedy(name) => value_of(name).filter(|value| !value.is_empty()),
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
    fn key_is_displayed_as_written() {
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
    fn invalid_keys_are_refused() {
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
    fn error_for_a_foreign_wildcard_says_what_to_write_instead() {
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
    fn star_in_a_stored_key_is_literal() {
        let key = RouteKey::parse_stored("ANY /admin/*").unwrap();
        assert!(key.is_literal() && key.check_foreign_syntax().is_err());
        assert!(RouteKey::parse_stored("GET /{proxy*}").is_err());
    }

    #[test]
    fn filled_key_is_the_matched_path() {
        let key: RouteKey = "GET /pets/{id}/{rest+}".parse().unwrap();
        let values = |name: &str| if name == "id" { Some("7") } else { Some("a/b") };
        assert_eq!(key.fill(values).as_deref(), Some("/pets/7/a/b"));
    }

    #[test]
    fn stored_key_is_filled_as_after_parsing() {
        let values = |name: &str| match name {
            "id" => Some("7"),
            "rest" => Some("a/b"),
            "empty" => Some(""),
            _ => None,
        };
        for text in [
            "GET /",
            "GET /a/",
            "ANY /a/{id}",
            "ANY /a/{rest}",
            "ANY /{rest+}",
            "ANY /{empty}/a",
            "ANY /{none+}",
            "ANY /{none}/a b",
            "FETCH /{none}",
            "GET /{id}/{id}",
            "GET /{id}/{id+}",
            "GET /{id}/{none}/{rest+}",
            "GET",
            "GET a",
            "GET /a//b",
        ] {
            let parsed = RouteKey::parse_stored(text).map(|key| key.fill(values));
            assert_eq!(RouteKey::fill_stored(text, values), parsed, "{text}");
        }
    }

    #[test]
    fn key_is_not_filled_with_invalid_values() {
        let key: RouteKey = "GET /pets/{id}".parse().unwrap();
        assert_eq!(key.fill(|_| None), None);
        assert_eq!(key.fill(|_| Some("")), None);
        assert_eq!(key.fill(|_| Some("7/../8")), None);
    }
}
