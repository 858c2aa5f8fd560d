//! References to claims: by name, by JSON Pointer, or the first of several.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A reference to a claim in a policy.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ClaimReference))]
#[serde(
    untagged,
    expecting = "invalid claim reference, expected a claim's name, a JSON Pointer such as `/realm_access/roles`, or a list of these"
)]
pub(crate) enum ClaimReferenceDocument {
    /// The name of a claim, or a JSON Pointer (RFC 6901) to a nested one.
    One(String),
    /// Names and JSON Pointers, of which the first one counts that is present.
    FirstOf(Vec<String>),
}

/// A reference to a claim: one or more paths, of which the first one counts that is present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimReference(Vec<ClaimPath>);

/// The path to a claim: its name, or the names that lead to a nested claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimReferenceDocument {
    /// Checks the reference.
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the field.
    pub(crate) fn check(&self) -> Result<ClaimReference, String> {
        match self {
            Self::One(text) => ClaimReference::parse(std::slice::from_ref(text)),
            Self::FirstOf(texts) => ClaimReference::parse(texts),
        }
    }
}

impl ClaimReference {
    /// Reads names and JSON Pointers.
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the field.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, String> {
        if texts.is_empty() {
            return Err("is empty: expected at least one claim".to_owned());
        }
        let paths: Result<Vec<_>, _> = texts.iter().map(|text| ClaimPath::parse(text)).collect();
        Ok(Self(paths?))
    }

    /// Returns the reference to the claim with one of these names. The names must not be empty.
    #[must_use]
    pub fn to_names(names: &[&str]) -> Self {
        let path = |name: &&str| ClaimPath(vec![(*name).to_owned()]);
        Self(names.iter().map(path).collect())
    }

    /// Returns the first claim that is present, with its path.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<(&ClaimPath, &'c Value)> {
        self.0
            .iter()
            .find_map(|path| path.find(claims).map(|value| (path, value)))
    }

    /// Returns the paths in order of precedence.
    #[must_use]
    pub fn paths(&self) -> &[ClaimPath] {
        &self.0
    }

    /// True if any of the paths is the claim with this name.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        self.0.iter().any(|path| path.is(name))
    }

    /// True if both references have a path in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().any(|path| other.0.contains(path))
    }
}

impl ClaimPath {
    /// Reads a name, or a JSON Pointer if the text begins with `/`.
    ///
    /// # Errors
    /// The problem, as the end of a sentence that begins with the field.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let segments = match text.strip_prefix('/') {
            None => Some(vec![text.to_owned()]),
            Some(pointer) => pointer.split('/').map(unescape).collect(),
        };
        segments
            .filter(|segments: &Vec<String>| !segments.iter().any(String::is_empty))
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is neither a claim's name nor a JSON Pointer such as `/realm_access/roles`")
            })
    }

    /// Returns the claim if it is present. Null and an empty list say nothing, so they count as
    /// missing.
    #[must_use]
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let (first, rest) = self.0.split_first()?;
        let mut value = claims.get(first)?;
        for segment in rest {
            value = match value {
                Value::Object(object) => object.get(segment)?,
                Value::Array(items) => items.get(index(segment)?)?,
                _ => return None,
            };
        }

        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!is_empty).then_some(value)
    }

    /// Returns the path as a policy contains it: a name, or a JSON Pointer.
    #[must_use]
    pub fn reference(&self) -> String {
        match &self.0[..] {
            [name] if !name.starts_with('/') => name.clone(),
            segments => {
                let escaped = segments
                    .iter()
                    .map(|segment| segment.replace('~', "~0").replace('/', "~1"));
                escaped.fold(String::new(), |pointer, segment| pointer + "/" + &segment)
            }
        }
    }

    /// True if the claim itself has this name, at any depth. Indexes of lists do not count.
    #[must_use]
    pub fn ends_with(&self, name: &str) -> bool {
        let mut segments = self.0.iter().rev();
        segments
            .find(|segment| index(segment).is_none())
            .is_some_and(|last| last == name)
    }

    /// True if this is the top-level claim with this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(&self.0[..], [only] if only == name)
    }
}

/// Writes the names, separated by dots.
impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}

/// Returns a part of a JSON Pointer without its escapes (RFC 6901, section 4).
fn unescape(part: &str) -> Option<String> {
    let mut pieces = part.split('~');
    let mut text = pieces.next()?.to_owned();
    for piece in pieces {
        let character = match piece.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        };
        text.push(character);
        text.push_str(&piece[1..]);
    }
    Some(text)
}

/// Returns the index of an item. It has neither a sign nor leading zeros (RFC 6901, section 4).
fn index(segment: &str) -> Option<usize> {
    let is_canonical = segment == "0" || !segment.starts_with(['0', '+']);
    segment.parse().ok().filter(|_| is_canonical)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reference(json: Value) -> Result<ClaimReference, String> {
        serde_json::from_value::<ClaimReferenceDocument>(json)
            .map_err(|error| error.to_string())?
            .check()
    }

    fn found(reference_json: Value, claims: Value) -> Option<Value> {
        let reference = reference(reference_json).unwrap();
        let claims = claims.as_object().unwrap();
        reference.find(claims).map(|(_, value)| value.clone())
    }

    #[test]
    fn claims_are_found_by_name_and_by_pointer() {
        let claims = json!({
            "realm_access": {"roles": ["admin"]}, "realm_access.roles": "dotted", "https://a/roles": "url",
            "a/b": {"m~n": 1}, "list": [{"x": "zero"}], "n": null, "empty": [], "object": {}
        });
        for (reference, expected) in [
            (json!("/realm_access/roles"), json!(["admin"])),
            (json!("realm_access.roles"), json!("dotted")),
            (json!("https://a/roles"), json!("url")),
            (json!("/https:~1~1a~1roles"), json!("url")),
            (json!("/a~1b/m~0n"), json!(1)),
            (json!("/list/0/x"), json!("zero")),
            (
                json!(["n", "empty", "/no/such", "https://a/roles"]),
                json!("url"),
            ),
            (json!("object"), json!({})),
        ] {
            assert_eq!(
                found(reference.clone(), claims.clone()),
                Some(expected),
                "{reference}"
            );
        }
        for reference in [
            "n",
            "empty",
            "missing",
            "/list/00/x",
            "/list/+0/x",
            "/list/1/x",
            "/realm_access/roles/x",
        ] {
            assert_eq!(found(json!(reference), claims.clone()), None, "{reference}");
        }
    }

    #[test]
    fn reference_is_the_path_as_a_policy_contains_it() {
        for text in [
            "sub",
            "https://a/roles",
            "a.b",
            "/a/b",
            "/a~1b/m~0n",
            "/~1a",
        ] {
            assert_eq!(ClaimPath::parse(text).unwrap().reference(), text);
        }
        assert_eq!(ClaimPath::parse("/email").unwrap().reference(), "email");
    }

    #[test]
    fn pointer_to_a_top_level_claim_is_its_name() {
        let reference = reference(json!(["/user/email", "/email"])).unwrap();
        assert!(reference.names("email") && !reference.names("user"));
        let [nested, top] = reference.paths() else {
            panic!("{reference:?}")
        };
        assert!(nested.ends_with("email") && top.ends_with("email") && !nested.is("email"));
        assert!(
            ClaimPath::parse("/identities/email/0")
                .unwrap()
                .ends_with("email")
        );
        assert_eq!(nested.to_string(), "user.email");
    }

    #[test]
    fn invalid_references_are_explained() {
        for (json, expected) in [
            (json!([]), "is empty: expected at least one claim"),
            (json!(""), "`` is neither a claim's name nor a JSON Pointer"),
            (json!("/"), "`/` is neither"),
            (json!("/a//b"), "`/a//b` is neither"),
            (json!("/a~2b"), "`/a~2b` is neither"),
            (json!("/a~"), "`/a~` is neither"),
            (json!(["ok", ""]), "`` is neither"),
            (json!(7), "invalid claim reference, expected a claim's name"),
            (json!(null), "invalid claim reference"),
        ] {
            let error = reference(json.clone()).unwrap_err();
            assert!(error.starts_with(expected), "{json}: {error}");
        }
    }
}
