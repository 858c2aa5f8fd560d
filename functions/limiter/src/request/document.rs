//! JSON documents in request bodies.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use jiff::Timestamp;
use limits::parse_instant;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;

use super::body::{self, JsonBody};
use crate::problem::{Mistake, Problem};
use crate::schema::mistakes::Mistakes;
use crate::{Shared, schema};

/// A type that is read from a request body.
pub(crate) trait RequestDocument: DeserializeOwned {
    /// The name of the schema in the OpenAPI description.
    const SCHEMA: &'static str;
    /// True if an empty body means an empty document.
    const IS_OPTIONAL: bool = false;

    /// Returns what the schema does not express. `schema` has the mistakes that were found before:
    /// a field that one of them concerns has a default value.
    fn mistakes(&self, _schema: &Mistakes, _now: Timestamp) -> Vec<Mistake> {
        Vec::new()
    }
}

/// Reads a field that is an instant or null, for `#[serde(deserialize_with)]`. Instants that are too
/// late to be stored become the last one.
pub(crate) fn instant_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_instant(&text).ok_or_else(|| D::Error::custom("expected an instant")))
        .transpose()
}

/// A valid document, and the text that it was read from.
pub(crate) struct Document<T> {
    pub(crate) value: T,
    pub(crate) text: Bytes,
}

impl<T: RequestDocument> FromRequest<Shared> for Document<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let JsonBody(text) = JsonBody::from_request(request, shared).await?;
        let value = read(&text, shared.now())?;
        Ok(Self { value, text })
    }
}

/// Reads a document and checks it.
///
/// # Errors
/// 400 if the text is not JSON, 422 with every mistake.
fn read<T: RequestDocument>(text: &[u8], now: Timestamp) -> Result<T, Problem> {
    let text = if text.is_empty() && T::IS_OPTIONAL {
        b"{}"
    } else {
        text
    };
    check(body::parse(text)?, now)
}

/// Checks a document.
///
/// # Errors
/// 422 with every mistake.
pub(crate) fn check<T: RequestDocument>(mut value: Value, now: Timestamp) -> Result<T, Problem> {
    let mistakes = schema::remove_mistakes(&mut value, T::SCHEMA);

    let Ok(document) = serde_json::from_value::<T>(value) else {
        return Err(mistakes.into_problem());
    };
    let found = document.mistakes(&mistakes, now);
    let all = mistakes.with(found);
    if all.is_empty() {
        Ok(document)
    } else {
        Err(Problem::invalid_body(all))
    }
}
