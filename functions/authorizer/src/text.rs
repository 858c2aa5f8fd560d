//! Texts and headers of an event, borrowed from it wherever JSON needed no escapes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'e>(pub(crate) Cow<'e, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'e, 'e> Deserialize<'de> for Text<'e> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(value.to_owned())))
    }
}

/// Members of an object in the order in which they stand, without those that are null.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Members<'e, T>(pub(crate) Vec<(Text<'e>, T)>);

impl<T> Default for Members<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'e> Members<'e, Text<'e>> {
    /// The one member of that name; of several none counts.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| **known == *name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(&**value)
    }
}

impl<'de: 'e, 'e, T: Deserialize<'de>> Deserialize<'de> for Members<'e, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
            type Value = Members<'de, T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some((name, value)) = map.next_entry::<Text<'de>, Option<T>>()? {
                    members.extend(value.map(|value| (name, value)));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor(std::marker::PhantomData))
    }
}

/// Headers by their names in lower case.
#[derive(Debug, Default)]
pub(crate) struct Headers<'e>(Vec<(Cow<'e, str>, Cow<'e, str>)>);

impl<'e> Headers<'e> {
    /// What was sent in two spellings was sent twice, and is joined as HTTP has it.
    pub(crate) fn new(headers: impl IntoIterator<Item = (Text<'e>, Text<'e>)>) -> Self {
        let mut headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (in_lower_case(name.0), value.0))
            .collect();
        // Keeps the order of those that are equal.
        headers.sort_by(|(one, _), (other, _)| one.cmp(other));
        headers.dedup_by(|(name, value), (before, values)| {
            let again = name == before;
            if again {
                let values = values.to_mut();
                values.push(',');
                values.push_str(value);
            }
            again
        });
        Self(headers)
    }

    /// A header by its name in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let at = self
            .0
            .binary_search_by(|(known, _)| (**known).cmp(name))
            .ok()?;
        Some(&self.0[at].1)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }
}

fn in_lower_case(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(json: &str) -> Headers<'_> {
        Headers::new(
            serde_json::from_str::<Members<'_, Text<'_>>>(json)
                .unwrap()
                .0,
        )
    }

    #[test]
    fn a_header_is_found_by_its_name_in_lower_case() {
        let headers = headers(r#"{"X-B":"2","a":"1","c":null,"\u0064":"\u0034"}"#);
        assert_eq!(
            ["a", "x-b", "c", "d", "X-B"].map(|name| headers.get(name)),
            [Some("1"), Some("2"), None, Some("4"), None]
        );
        assert_eq!(headers.names().collect::<Vec<_>>(), ["a", "d", "x-b"]);
    }

    #[test]
    fn of_two_members_of_one_name_neither_counts() {
        let members: Members<'_, Text<'_>> =
            serde_json::from_str(r#"{"a":"1","b":"2","a":"3"}"#).unwrap();
        assert_eq!((members.get("a"), members.get("b")), (None, Some("2")));
    }

    #[test]
    fn a_header_in_several_spellings_is_joined_in_their_order() {
        assert_eq!(
            headers(r#"{"B":"0","A":"1","a":"2","A":"3","b":""}"#).get("a"),
            Some("1,2,3")
        );
    }
}
