//! Reads a JSON list element by element, so that a million records need no more memory than one.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};

/// Calls `then` with the index and value of each element of a list.
///
/// # Errors
/// An error for invalid JSON, or for an element that is not a `T`.
pub(crate) fn for_each<'j, T: Deserialize<'j>>(
    json: &'j str,
    then: impl FnMut(usize, T),
) -> serde_json::Result<()> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Elements {
        then,
        element: PhantomData,
    })?;
    deserializer.end()
}

struct Elements<T, F> {
    then: F,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, F: FnMut(usize, T)> Visitor<'de> for Elements<T, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(element) = list.next_element()? {
            (self.then)(index, element);
            index += 1;
        }
        Ok(())
    }
}
