//! The source of a mapping's value: static text, variables, or both.

use std::borrow::Cow;
use std::str::FromStr;

use http::{HeaderMap, HeaderName};

use super::{ContextName, Exchange, RequestParts};

/// The parsed source of a mapping.
#[derive(Debug, Default)]
pub(super) struct Source(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    Path,
    RequestHeader(HeaderName),
    ResponseHeader(HeaderName),
    Query(String),
    Context(ContextName),
}

impl Source {
    /// Returns the value. `None` if a part does not resolve.
    pub(super) fn value<'v>(
        &'v self,
        request: &'v RequestParts,
        response: Option<&'v HeaderMap>,
        exchange: &'v Exchange,
    ) -> Option<Cow<'v, str>> {
        let mut values = self
            .0
            .iter()
            .map(|piece| piece.value(request, response, exchange));
        let Some(first) = values.next() else {
            return Some(Cow::Borrowed(""));
        };

        // Most sources are a single variable, whose value is not copied.
        values.try_fold(first?, |whole, value| Some(whole + value?))
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        pieces(source).map(Self)
    }
}

impl Piece {
    fn value<'v>(
        &'v self,
        request: &'v RequestParts,
        response: Option<&'v HeaderMap>,
        exchange: &'v Exchange,
    ) -> Option<Cow<'v, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Path => Some(Cow::Borrowed(&request.path)),
            Self::RequestHeader(name) => header(&request.headers, name),
            Self::ResponseHeader(name) => header(response?, name),
            Self::Query(name) => {
                let (_, value) = request.query.iter().find(|(known, _)| known == name)?;
                value.as_deref().map(Cow::Borrowed)
            }
            Self::Context(name) => exchange.value(name),
        }
    }

    fn parse(variable: &str) -> Option<Self> {
        let header = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
        if variable == "$request.path" {
            return Some(Self::Path);
        }

        match variable.split_once('.')? {
            ("$context", name) => ContextName::parse(name).map(Self::Context),
            ("$request", rest) => match rest.split_once('.')? {
                ("header", name) => header(name).map(Self::RequestHeader),
                ("querystring", name) => Some(Self::Query(name.to_owned())),
                _ => None,
            },
            ("$response", rest) => rest
                .strip_prefix("header.")
                .and_then(header)
                .map(Self::ResponseHeader),
            _ => None,
        }
    }
}

fn header<'v>(headers: &'v HeaderMap, name: &HeaderName) -> Option<Cow<'v, str>> {
    headers.get(name)?.to_str().ok().map(Cow::Borrowed)
}

/// Parses a variable, or static text with variables as `${…}`.
fn pieces(source: &str) -> Result<Vec<Piece>, String> {
    let variable = |text: &str| {
        Piece::parse(text)
            .ok_or_else(|| format!("`{text}` is not supported as the source of a mapping"))
    };
    if source.starts_with('$') && !source.starts_with("${") {
        return Ok(vec![variable(source)?]);
    }

    let (mut pieces, mut rest) = (Vec::new(), source);
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after
            .split_once('}')
            .ok_or_else(|| format!("a `${{` of `{source}` is not closed"))?;
        pieces.extend(text(before));
        pieces.push(variable(&format!("${name}"))?);
        rest = tail;
    }
    pieces.extend(text(rest));
    Ok(pieces)
}

fn text(text: &str) -> Option<Piece> {
    (!text.is_empty()).then(|| Piece::Text(text.to_owned()))
}
