//! The context that the authorizer has given the request.

use std::borrow::Cow;
use std::fmt;

use outcome::{ContextField, Decision};
use policy::header_value::decode_header_value;

/// The value of a field that has none.
const NOTHING: &str = "-";

/// The context that the authorizer has given the request: what it has verified about the caller.
///
/// It is a list, because it has few fields, and a map would hash each field that is read.
#[derive(Clone, Default)]
pub struct CallerContext(Vec<(ContextField, String)>);

impl CallerContext {
    /// Returns the context with these fields, as API Gateway passes them on. Of a field that occurs
    /// several times, the last one counts.
    pub fn new(fields: impl IntoIterator<Item = (ContextField, String)>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// Returns a field as it is in the context, unless it is absent or `-`.
    #[must_use]
    pub fn get(&self, field: ContextField) -> Option<&str> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| *known == field)?;
        (!value.is_empty() && value != NOTHING).then_some(value.as_str())
    }

    /// Returns the decoded value of a field, unless it is absent or `-`. `None` also for a value
    /// that is not encoded as the authorizer encodes values.
    pub(crate) fn decoded(&self, field: ContextField) -> Option<Cow<'_, str>> {
        decode_header_value(self.get(field)?)
    }

    /// Returns the decision of the authorizer. `None` for one that this release does not know.
    pub(crate) fn decision(&self) -> Option<Decision> {
        self.get(ContextField::Decision)
            .and_then(Decision::from_word)
    }
}

/// The values identify a person, so that they are not printed.
impl fmt::Debug for CallerContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CallerContext")
            .finish_non_exhaustive()
    }
}
