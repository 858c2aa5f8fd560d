//! The query of a request.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The pairs of a query, decoded, in their order.
#[derive(Debug, Default)]
pub(crate) struct Query<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Query<'q> {
    /// Reads a query without `?`. `+` is a space, as in forms (URL Standard, section 5.1).
    ///
    /// # Errors
    /// The problem, for the caller, if a name or a value is not UTF-8.
    pub(crate) fn parse(query: &'q str) -> Result<Self, String> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });

        let pairs = decoded.collect::<Option<_>>();
        pairs
            .map(Self)
            .ok_or_else(|| "The query is not valid UTF-8.".to_owned())
    }

    /// Returns the value of the first pair with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name)?;
        Some(&pair.1)
    }

    /// Checks that a parameter occurs at most once. Servers differ in the value that they use.
    ///
    /// # Errors
    /// The problem, for the caller.
    pub(crate) fn check_single(&self, name: &str) -> Result<(), String> {
        let occurrences = self.0.iter().filter(|(known, _)| known == name).count();
        if occurrences > 1 {
            return Err(format!(
                "The query parameter `{name}` occurs {occurrences} times."
            ));
        }
        Ok(())
    }
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().ok();
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse("a=1&b%20c=%C3%BC+x&&flag&empty=&e=f=g").unwrap();
        for (name, expected) in [
            ("a", Some("1")),
            ("b c", Some("\u{fc} x")),
            ("flag", Some("")),
            ("empty", Some("")),
            ("e", Some("f=g")),
            ("A", None),
        ] {
            assert_eq!(query.get(name), expected, "{name}");
        }
    }

    #[test]
    fn repeated_parameter_is_an_error_in_any_encoding() {
        let query = Query::parse("a=1&%61=2&b=3").unwrap();
        assert_eq!(
            query.check_single("a"),
            Err("The query parameter `a` occurs 2 times.".to_owned())
        );
        assert_eq!(query.check_single("b"), Ok(()));
        assert_eq!(query.check_single("c"), Ok(()));
    }

    #[test]
    fn query_that_is_not_text_is_an_error() {
        assert!(Query::parse("a=%FF").is_err());
        assert!(Query::parse("%FF").is_err());
    }
}
