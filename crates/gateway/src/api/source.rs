//! The source of a mapping's value: static text, variables, or both.

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
    pub(super) fn value(
        &self,
        request: &RequestParts,
        response: Option<&HeaderMap>,
        exchange: &Exchange,
    ) -> Option<String> {
        self.0
            .iter()
            .map(|piece| piece.value(request, response, exchange))
            .collect()
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(source: &str) -> Result<Self, String> {
        pieces(source).map(Self)
    }
}

impl Piece {
    fn value(
        &self,
        request: &RequestParts,
        response: Option<&HeaderMap>,
        exchange: &Exchange,
    ) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Path => Some(request.path.clone()),
            Self::RequestHeader(name) => header(&request.headers, name),
            Self::ResponseHeader(name) => header(response?, name),
            Self::Query(name) => request
                .query
                .iter()
                .find(|(known, _)| known == name)?
                .1
                .clone(),
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

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
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
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(variable(&format!("${name}"))?);
        rest = tail;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}
