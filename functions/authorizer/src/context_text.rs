//! A value of the context.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A text that is a constant, belongs to a remembered token, or was made for one request.
#[derive(Clone, Debug)]
pub(crate) enum ContextText {
    Constant(&'static str),
    Shared(Arc<str>),
    Own(String),
}

impl Deref for ContextText {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Constant(text) => text,
            Self::Shared(text) => text,
            Self::Own(text) => text,
        }
    }
}

impl From<&str> for ContextText {
    fn from(text: &str) -> Self {
        Self::Own(text.to_owned())
    }
}

impl From<String> for ContextText {
    fn from(text: String) -> Self {
        Self::Own(text)
    }
}

impl From<Cow<'_, str>> for ContextText {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Own(text.into_owned())
    }
}

impl From<&Arc<str>> for ContextText {
    fn from(text: &Arc<str>) -> Self {
        Self::Shared(Arc::clone(text))
    }
}

impl Serialize for ContextText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}
