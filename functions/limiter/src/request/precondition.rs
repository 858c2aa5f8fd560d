//! `If-Match` and `If-None-Match` (RFC 9110, section 13.1).
//!
//! The typed headers of the `headers` crate do not fit: they compare tags but do not list them for
//! the store's conditional write, and they skip an invalid tag, which is a 400 here.

use axum::extract::FromRequestParts;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use registry::{Condition, Version};

use crate::problem::{Mistake, Problem};

/// The condition of a write. `If-Match` takes precedence over `If-None-Match`.
pub(crate) struct Precondition(pub(crate) Condition);

impl<S: Sync> FromRequestParts<S> for Precondition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        condition(&parts.headers).map(Self)
    }
}

fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    match entity_tags(headers, &IF_MATCH)? {
        Some(EntityTags::Any) => return Ok(Condition::Present),
        Some(EntityTags::Strong(versions)) => return Ok(Condition::Matches(versions)),
        None => {}
    }

    match entity_tags(headers, &IF_NONE_MATCH)? {
        None => Ok(Condition::None),
        Some(EntityTags::Any) => Ok(Condition::Absent),
        Some(EntityTags::Strong(_)) => {
            Err(Problem::invalid_parameters(vec![Mistake::in_parameter(
                "If-None-Match",
                "expected `*`, the only value for a write",
            )]))
        }
    }
}

/// Returns true if `If-None-Match` names the version, so that the response is 304.
///
/// # Errors
/// 400 if the header is invalid.
pub(crate) fn is_known(headers: &HeaderMap, version: &Version) -> Result<bool, Problem> {
    Ok(match entity_tags(headers, &IF_NONE_MATCH)? {
        None => false,
        Some(EntityTags::Any) => true,
        Some(EntityTags::Strong(versions)) => versions.contains(version),
    })
}

/// The value of a conditional header.
enum EntityTags {
    /// `*`.
    Any,
    /// The strong tags of a list. Weak ones never match a write and are left out.
    Strong(Vec<Version>),
}

/// Reads a conditional header. `None` without the header.
fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EntityTags>, Problem> {
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let invalid = || {
        let detail = "expected `*`, or a list of entity tags in quotation marks";
        Problem::invalid_parameters(vec![Mistake::in_parameter(name.as_str(), detail)])
    };

    let mut versions = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| invalid())?.trim();
        if text == "*" {
            return Ok(Some(EntityTags::Any));
        }

        for tag in text.split(',').map(str::trim) {
            let (is_weak, tag) = match tag.strip_prefix("W/") {
                Some(tag) => (true, tag),
                None => (false, tag),
            };
            let version = tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .filter(|version| !version.contains('"'))
                .ok_or_else(invalid)?;
            versions.extend((!is_weak).then(|| Version::told(version)));
        }
    }
    Ok(Some(EntityTags::Strong(versions)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn condition_of(name: HeaderName, value: &str) -> Option<Condition> {
        let value = HeaderValue::from_str(value).unwrap();
        condition(&HeaderMap::from_iter([(name, value)])).ok()
    }

    #[test]
    fn condition_is_a_star_or_a_list_of_strong_tags() {
        let matches = |versions: &[&str]| {
            let versions = versions.iter().map(|version| Version::told(version));
            Some(Condition::Matches(versions.collect()))
        };

        assert_eq!(condition_of(IF_MATCH, "*"), Some(Condition::Present));
        assert_eq!(condition_of(IF_MATCH, "\"a\""), matches(&["a"]));
        assert_eq!(
            condition_of(IF_MATCH, "\"a\" , W/\"b\",\"c\""),
            matches(&["a", "c"])
        );
        assert_eq!(condition_of(IF_NONE_MATCH, "*"), Some(Condition::Absent));
        assert_eq!(condition(&HeaderMap::new()).ok(), Some(Condition::None));
    }

    #[test]
    fn invalid_condition_is_rejected() {
        for value in ["", "a", "\"a", "\"a\"b\"", "a,\"b\"", "\"a\","] {
            assert_eq!(condition_of(IF_MATCH, value), None, "{value}");
        }
        assert_eq!(condition_of(IF_NONE_MATCH, "\"a\""), None);
    }
}
