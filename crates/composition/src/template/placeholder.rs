//! Placeholders: their syntax and their values.

use std::borrow::Cow;

use outcome::ContextField;

use super::{Placeholder, Scope};
use crate::invalid_value::{InvalidValue, ValueSource};
use crate::names::{is_query_name, similar, unknown};
use crate::values::Values;

/// The fields of the authorizer's context that templates may use.
pub(crate) const CONTEXT_FIELDS: [ContextField; 7] = [
    ContextField::UserId,
    ContextField::Issuer,
    ContextField::Email,
    ContextField::KeyId,
    ContextField::Plan,
    ContextField::ClientIp,
    ContextField::RequestId,
];

impl Placeholder {
    /// Reads the text between the braces.
    ///
    /// # Errors
    /// The problem, and what was expected.
    pub(super) fn parse(text: &str, scope: &Scope<'_>) -> Result<Self, String> {
        if let Some((part, pointer)) = text.split_once('#') {
            return parse_part(part, pointer, scope);
        }
        if let Some(name) = text.strip_prefix("query.") {
            return parse_query(name, scope);
        }
        if let Some(name) = text.strip_prefix("header.") {
            return parse_header(name, scope);
        }
        if text.ends_with('+') {
            return Err(format!(
                "`{{{text}}}` would be more than one segment, expected `{{{}}}`",
                text.trim_end_matches('+')
            ));
        }
        if scope.variables.contains(&text) {
            return Ok(Self::Parameter(text.to_owned()));
        }

        let context = CONTEXT_FIELDS.iter().find(|field| field.as_str() == text);
        context
            .map(|field| Self::Context(*field))
            .ok_or_else(|| unknown_parameter(text, scope))
    }

    /// Returns the value. An empty field of the context is absent.
    pub(super) fn value<'v>(&self, values: &'v dyn Values) -> Option<Cow<'v, str>> {
        match self {
            Self::Parameter(name) => values.parameter(name),
            Self::Query(name) => values.query(name),
            Self::Header(name) => values.header(name),
            Self::Context(field) => values
                .context(*field)
                .filter(|value| !value.is_empty() && value != "-"),
            Self::Part { index, pointer, .. } => values.part(*index, pointer),
        }
    }

    /// Returns the origin of the value.
    pub(super) fn source(&self) -> ValueSource {
        match self {
            Self::Parameter(_) => ValueSource::Path,
            Self::Query(_) => ValueSource::Query,
            Self::Header(_) => ValueSource::Header,
            Self::Context(ContextField::ClientIp | ContextField::RequestId) => ValueSource::Gateway,
            Self::Context(_) => ValueSource::Caller,
            Self::Part { .. } => ValueSource::Part,
        }
    }

    /// Returns the error for a value that is absent.
    pub(super) fn absent(&self) -> InvalidValue {
        InvalidValue {
            is_absent: true,
            ..self.invalid()
        }
    }

    /// Returns the error for a value that cannot be in its place.
    pub(super) fn invalid(&self) -> InvalidValue {
        let name = match self {
            Self::Parameter(name) | Self::Query(name) | Self::Header(name) => name.clone(),
            Self::Context(field) => field.as_str().to_owned(),
            Self::Part { name, pointer, .. } => format!("{name}#{pointer}"),
        };
        InvalidValue {
            source: self.source(),
            name,
            is_absent: false,
        }
    }

    /// True if the client may omit the value.
    pub(super) fn is_optional(&self) -> bool {
        matches!(self, Self::Query(_) | Self::Header(_))
    }
}

/// Returns the message for a placeholder of no known form.
fn unknown_parameter(text: &str, scope: &Scope<'_>) -> String {
    if let Some((part, path)) = text.split_once('.')
        && scope.parts.contains(&part)
    {
        let pointer = path.replace('.', "/");
        return format!("unknown parameter `{text}`, did you mean `{{{part}#/{pointer}}}`?");
    }

    let names = CONTEXT_FIELDS.iter().map(|field| field.as_str());
    let known: Vec<&str> = scope.variables.iter().copied().chain(names).collect();
    let message = unknown("parameter", text, known.iter().copied());
    if similar(text, &known).is_some() {
        return message;
    }
    format!(
        "{message}, a variable of the route, `{{query.NAME}}`, `{{header.NAME}}` or `{{part#/pointer}}`"
    )
}

fn parse_part(part: &str, pointer: &str, scope: &Scope<'_>) -> Result<Placeholder, String> {
    let Some(index) = scope.parts.iter().position(|known| *known == part) else {
        return Err(unknown("part", part, scope.parts.iter().copied()));
    };
    if !is_json_pointer(pointer) {
        return Err(format!(
            "invalid JSON pointer `{pointer}`, expected a form such as /address/city"
        ));
    }
    if !scope.after.contains(&index) {
        return Err(format!(
            "`{{{part}#{pointer}}}` needs the response of `{part}`, expected `\"after\": \"{part}\"`"
        ));
    }
    Ok(Placeholder::Part {
        index,
        name: part.to_owned(),
        pointer: pointer.to_owned(),
    })
}

fn parse_query(name: &str, scope: &Scope<'_>) -> Result<Placeholder, String> {
    if !is_query_name(name) {
        return Err(format!(
            "invalid query parameter `{name}`, expected letters, digits and `-._~[]`"
        ));
    }
    if scope.fields_parameter == Some(name) {
        return Err(format!(
            "`{{query.{name}}}` is also the fields_parameter of the route, expected another parameter"
        ));
    }
    Ok(Placeholder::Query(name.to_owned()))
}

fn parse_header(name: &str, scope: &Scope<'_>) -> Result<Placeholder, String> {
    let name = name.to_ascii_lowercase();
    if scope.headers.iter().any(|known| *known == name.as_str()) {
        Ok(Placeholder::Header(name))
    } else {
        Err(format!(
            "header `{name}` is not passed on, expected one of the route's `headers`"
        ))
    }
}

/// True for a JSON pointer of RFC 6901.
pub(crate) fn is_json_pointer(pointer: &str) -> bool {
    let is_escaped = |after: &str| after.starts_with('0') || after.starts_with('1');
    let has_valid_escapes = pointer.split('~').skip(1).all(is_escaped);
    (pointer.is_empty() || pointer.starts_with('/'))
        && has_valid_escapes
        && !pointer.contains(char::is_control)
}
