//! The call of a part, and the values that it needs.

use std::borrow::Cow;

use outcome::ContextField;

use crate::invalid_value::InvalidValue;
use crate::model::{Part, PartMethod, Route};
use crate::template::{Placeholder, Target};
use crate::values::Values;

impl PartMethod {
    /// Returns the method as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Part {
    /// Returns the path and query of the call. Values are encoded, and never add a segment to the
    /// path or a parameter to the query.
    ///
    /// A pair of the query is omitted if it uses a query parameter or a header that the client did
    /// not send.
    ///
    /// # Errors
    /// [`InvalidValue`] if a value is absent, or cannot be part of a path.
    pub fn target(&self, values: &dyn Values) -> Result<Target, InvalidValue> {
        self.template.fill(values)
    }

    /// Returns the path and query as the document has them, such as `/users/{user_id}`.
    #[must_use]
    pub fn template_text(&self) -> &str {
        self.template.text()
    }

    /// Returns the path with a value that no rule names in place of each placeholder. It shows which
    /// rule of a policy applies to most calls.
    #[must_use]
    pub fn sample_path(&self) -> String {
        self.template.sample_path("tollgate-sample")
    }

    /// Returns the parameters of the service's query whose value is one query parameter of the
    /// client: the name in the query of the service, decoded, and the name in the query of the client.
    pub fn passed_parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        self.template.passed_parameters()
    }

    /// True if the path or query contains a value of another part's response.
    #[must_use]
    pub fn uses_parts(&self) -> bool {
        let mut placeholders = self.template.placeholders();
        placeholders.any(|placeholder| matches!(placeholder, Placeholder::Part { .. }))
    }

    /// Returns the query parameters of the client that the part uses.
    pub fn query_parameters(&self) -> impl Iterator<Item = &str> {
        self.template
            .placeholders()
            .filter_map(|placeholder| match placeholder {
                Placeholder::Query(name) => Some(name.as_str()),
                _ => None,
            })
    }

    /// Returns the fields of the authorizer's context that the part uses.
    pub fn context_fields(&self) -> impl Iterator<Item = ContextField> {
        self.template
            .placeholders()
            .filter_map(|placeholder| match placeholder {
                Placeholder::Context(field) => Some(*field),
                _ => None,
            })
    }
}

impl Route {
    /// Returns the query parameters of the client that parts use, without duplicates.
    #[must_use]
    pub fn query_parameters(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.parts.iter().flat_map(Part::query_parameters).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
