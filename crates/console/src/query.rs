//! The query of a request.

use std::collections::BTreeMap;

use http::Uri;

use crate::problem::Problem;

/// The parameters of a query.
#[derive(Debug)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query that may have the parameters in `known`, each at most once.
    ///
    /// # Errors
    /// [`Problem`] if a parameter is unknown or repeated.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let query = uri.query().unwrap_or_default();
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let expected = known.join(", ");
                return Err(Problem::bad_request(format!(
                    "The query has an unknown parameter, expected one of {expected}."
                )));
            }
            if values
                .insert(name.to_string(), value.into_owned())
                .is_some()
            {
                let detail = format!("The query has the parameter `{name}` twice.");
                return Err(Problem::bad_request(detail));
            }
        }
        Ok(Self(values))
    }

    /// Removes and returns the value of a parameter.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Problem> {
        Query::read(&text.parse().unwrap(), &["range", "plan"])
    }

    #[test]
    fn values_are_decoded() {
        let mut query = query("/x?plan=a%2Fb+c&range=15m").unwrap();
        assert_eq!(query.take("plan").as_deref(), Some("a/b c"));
        assert_eq!(query.take("range").as_deref(), Some("15m"));
        assert_eq!(query.take("range"), None);
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        for text in ["/x?other=1", "/x?plan=a&plan=b", "/x?Plan=a"] {
            assert!(query(text).is_err(), "{text}");
        }
        assert!(query("/x").is_ok() && query("/x?").is_ok());
    }
}
