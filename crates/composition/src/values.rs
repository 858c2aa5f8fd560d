//! The values that fill the templates of parts.

use std::borrow::Cow;

use outcome::ContextField;

/// The values of one request.
pub trait Values {
    /// Returns a variable of the route's path, decoded.
    fn parameter(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns a query parameter of the client, decoded.
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns a header of the client. The name is in lower case.
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Returns a field of the authorizer's context, decoded. `None` if the field is absent or `-`.
    fn context(&self, field: ContextField) -> Option<Cow<'_, str>>;

    /// Returns the text of the string, number or boolean at a JSON pointer (RFC 6901) in the
    /// response of a part. `None` if there is none.
    fn part(&self, part: usize, pointer: &str) -> Option<Cow<'_, str>>;
}
