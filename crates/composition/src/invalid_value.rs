//! The values of templates that are absent or invalid.

use std::fmt;

/// A value that the path or query of a part needs, and that is absent or invalid. It has the name
/// from the document, never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidValue {
    /// The origin of the value.
    pub source: ValueSource,
    /// The name without the prefix of its source, such as `page` for `{query.page}`.
    pub name: String,
    /// True if there is no value. False if it cannot be part of a path, or is too long.
    pub is_absent: bool,
}

/// The origin of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueSource {
    /// The path of the client's request.
    Path,
    /// The query of the client's request.
    Query,
    /// A header of the client's request.
    Header,
    /// The identity of the caller that the authorizer verified.
    Caller,
    /// The gateway, which sets the request id and the address of the client.
    Gateway,
    /// The response of another part.
    Part,
}

impl ValueSource {
    /// True if the request or its caller determines the value, not a service or the gateway.
    #[must_use]
    pub const fn is_of_caller(self) -> bool {
        match self {
            Self::Path | Self::Query | Self::Header | Self::Caller => true,
            Self::Gateway | Self::Part => false,
        }
    }
}

impl fmt::Display for InvalidValue {
    /// Writes the placeholder as the document has it, such as `{query.page}`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.source {
            ValueSource::Query => "query.",
            ValueSource::Header => "header.",
            ValueSource::Path | ValueSource::Caller | ValueSource::Gateway | ValueSource::Part => {
                ""
            }
        };
        write!(formatter, "{{{prefix}{}}}", self.name)
    }
}
