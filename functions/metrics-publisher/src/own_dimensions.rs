//! Dimensions that a sender adds to its records, such as `"dimensions": {"tenant": "acme"}`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use telemetry::Excerpt;

use crate::name::dimension_value;
use crate::rejection::Reason;
use crate::scalar::Scalar;

/// The maximum number of own dimensions of a record. Each combination of values is a series.
pub(crate) const MAX_OWN_DIMENSIONS: usize = 3;
/// The maximum length of a name, which is CloudWatch's, and of a value.
pub(crate) const MAX_BYTES: usize = 255;
/// The names of the dimensions that the publisher itself gives to a record, in lower case.
const OCCUPIED_NAMES: [&str; 6] = [
    "service",
    "operation",
    "status",
    "endpoint",
    "errortype",
    "dimensions",
];

/// Valid dimensions, encoded as one dimension value: `NAME\tVALUE` for each, in the order of names,
/// separated by `\n`. Names and values contain no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnDimensions(String);

impl OwnDimensions {
    /// Reads the dimensions of a record. Returns `None` for an empty object.
    ///
    /// # Errors
    /// [`Reason::Dimensions`] if the JSON is not an object of strings, or if a name or value is
    /// invalid.
    pub(crate) fn read(json: &str) -> Result<Option<Self>, Reason> {
        let pairs = serde_json::Deserializer::from_str(json).deserialize_map(Pairs);
        let pairs = pairs.map_err(|_| problem("not an object of strings, numbers or booleans"))?;
        let occupied = |name: &str| {
            OCCUPIED_NAMES
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours))
        };

        if let Some((name, _)) = pairs.iter().find(|(name, _)| occupied(name)) {
            return Err(problem(format!("the name `{name}` is reserved")));
        }
        Self::encode(pairs)
    }

    /// Encodes dimensions by any names. Returns `None` if there are none.
    ///
    /// # Errors
    /// [`Reason::Dimensions`] if there are too many, or if a name or value is invalid.
    pub(crate) fn encode(
        mut pairs: Vec<(Cow<'_, str>, Scalar<'_>)>,
    ) -> Result<Option<Self>, Reason> {
        if pairs.len() > MAX_OWN_DIMENSIONS {
            return Err(problem(format!("more than {MAX_OWN_DIMENSIONS}")));
        }
        pairs.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if let Some([(name, _), _]) = pairs
            .array_windows()
            .find(|[(one, _), (other, _)]| one == other)
        {
            return Err(problem(format!("`{}` appears twice", Excerpt(name))));
        }

        let encoded: Result<Vec<_>, _> = pairs.iter().map(encode_pair).collect();
        let encoded = encoded?.join("\n");
        Ok(Some(Self(encoded)).filter(|own| !own.0.is_empty()))
    }

    /// Returns the dimension value that encodes the dimensions.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the dimensions that `value` encodes, or the dimension `name` with this value if it is an
/// ordinary one. An empty value is no dimension.
pub(crate) fn expand<'v>(
    name: &'v str,
    value: &'v str,
) -> impl Iterator<Item = (&'v str, &'v str)> {
    let parts = value.split('\n').filter(|part| !part.is_empty());
    parts.map(move |part| part.split_once('\t').unwrap_or((name, part)))
}

fn encode_pair((name, value): &(Cow<'_, str>, Scalar<'_>)) -> Result<String, Reason> {
    if !is_name(name) {
        return Err(problem(format!(
            "`{}` is not a name of 1 to {MAX_BYTES} ASCII characters without control characters",
            Excerpt(name)
        )));
    }
    let value = value.get().filter(|value| !value.trim().is_empty());
    let value = value.ok_or_else(|| problem(format!("`{name}` is missing or blank")))?;
    if value.len() > MAX_BYTES {
        return Err(problem(format!(
            "`{name}` is longer than {MAX_BYTES} bytes"
        )));
    }

    let value =
        dimension_value(value).ok_or_else(|| problem(format!("`{name}` is missing or blank")))?;
    Ok(format!("{name}\t{value}"))
}

/// Returns whether CloudWatch accepts the name of a dimension or metric.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_BYTES).contains(&name.len())
        && !name.starts_with(':')
        && !name.trim().is_empty()
        && name.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn problem(text: impl Into<String>) -> Reason {
    Reason::Dimensions(text.into())
}

/// Reads an object of scalars, with repeated names.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(Cow<'de, str>, Scalar<'de>)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<Scalar<'de>, Scalar<'de>>()? {
            pairs.push((name.into_text(), value));
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Vec<(String, String)>, String> {
        let own = OwnDimensions::read(json).map_err(|reason| reason.to_string())?;
        let Some(own) = own else { return Ok(vec![]) };
        let pairs = expand("Dimensions", own.as_str());
        Ok(pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let pairs = expected.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn up_to_three_dimensions_are_ordered_by_name() {
        assert_eq!(read("{}"), Ok(vec![]));
        assert_eq!(read(r#"{"tenant":"a"}"#), Ok(pairs(&[("tenant", "a")])));
        assert_eq!(
            read(r#"{"zone":"a","region":"b c","app version":2}"#),
            Ok(pairs(&[
                ("app version", "2"),
                ("region", "b c"),
                ("zone", "a")
            ]))
        );
    }

    #[test]
    fn characters_that_cloudwatch_refuses_are_escaped_in_values() {
        assert_eq!(
            read(r#"{"a":"caf\u00e9\n\t"}"#),
            Ok(pairs(&[("a", "caf%C3%A9%0A%09")]))
        );
        assert_eq!(read(r#"{"a":":b"}"#), Ok(pairs(&[("a", "%3Ab")])));
    }

    #[test]
    fn invalid_dimensions_are_rejected_with_their_reason() {
        let long = "x".repeat(256);
        for (json, reason) in [
            ("[]", "not an object of strings, numbers or booleans"),
            (
                r#""tenant""#,
                "not an object of strings, numbers or booleans",
            ),
            (
                r#"{"tenant":{"id":"a"}}"#,
                "not an object of strings, numbers or booleans",
            ),
            (r#"{"a":"1","b":"2","c":"3","d":"4"}"#, "more than 3"),
            (r#"{"a":"1","a":"2"}"#, "`a` appears twice"),
            (r#"{"a":""}"#, "`a` is missing or blank"),
            (r#"{"a":"  "}"#, "`a` is missing or blank"),
            (r#"{"a":null}"#, "`a` is missing or blank"),
            (r#"{"Service":"a"}"#, "the name `Service` is reserved"),
            (r#"{"errorType":"a"}"#, "the name `errorType` is reserved"),
            (r#"{"Dimensions":"a"}"#, "the name `Dimensions` is reserved"),
            (
                &format!(r#"{{"a":"{long}"}}"#),
                "`a` is longer than 255 bytes",
            ),
        ] {
            assert_eq!(read(json), Err(format!("`dimensions`: {reason}")), "{json}");
        }
        for name in ["", " ", ":a", "caf\u{e9}", "a\\tb", &long] {
            let error = read(&format!(r#"{{"{name}":"a"}}"#)).unwrap_err();
            assert!(
                error.contains("is not a name of 1 to 255 ASCII characters"),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn an_encoding_returns_the_names_it_was_made_of(
            given in prop::collection::btree_map("[ -~]{1,20}", any::<String>(), 0..4),
        ) {
            let json = serde_json::to_string(&given).unwrap();
            if let Ok(found) = read(&json) {
                let names: Vec<_> = found.iter().map(|(name, _)| name.clone()).collect();
                prop_assert_eq!(names, given.keys().cloned().collect::<Vec<_>>());
                prop_assert!(found.iter().all(|(_, value)| value.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
            }
        }
    }
}
