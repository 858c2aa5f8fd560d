//! The response of a composition whose required parts are present.

use std::borrow::Cow;

use bytes::Bytes;
use composition::{
    Answer, FieldSelection, MissingPart, PartCaching, Route, VersionShape, entity_tag,
    matches_entity_tag, render, strictest_cache_control, with_next_link,
};
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::part_run::PartResult;
use crate::request::Request;
use crate::response_size;

static COMPLETE: HeaderName = HeaderName::from_static("x-tollgate-complete");

/// A composition whose parts have run.
pub(crate) struct Composed<'r> {
    pub(crate) request: &'r Request,
    pub(crate) route: &'r Route,
    pub(crate) shapes: &'r [&'r VersionShape],
    pub(crate) selection: Option<&'r FieldSelection>,
    /// The results of the parts that were called, by index.
    pub(crate) results: Vec<Option<PartResult>>,
    /// True if the services received an identity of the caller.
    pub(crate) used_identity: bool,
    /// The headers that callers send their credentials in.
    pub(crate) credential_headers: [&'r str; 2],
}

/// A response without the headers that all responses have.
#[derive(Debug)]
pub(crate) struct Composition {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The merged response is larger than Lambda allows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Composed<'_> {
    /// Returns the response.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn compose(&self) -> Result<Composition, TooLarge> {
        let body = self.body();
        if !response_size::is_accepted(&body) {
            return Err(TooLarge);
        }

        let is_complete = self
            .results
            .iter()
            .flatten()
            .all(|result| result.outcome.is_ok());
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            &COMPLETE,
            HeaderValue::from_static(if is_complete { "true" } else { "false" }),
        );
        let status = if is_complete {
            StatusCode::OK
        } else {
            self.route.partial_status
        };

        let is_cacheable = is_complete && self.request.method != "POST";
        if !is_cacheable {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Ok(Composition {
                status,
                headers,
                body: body.into(),
            });
        }
        self.add_caching(&mut headers);
        Ok(self.validated(status, headers, body))
    }

    fn body(&self) -> Vec<u8> {
        let texts: Vec<(usize, Cow<'_, str>)> = self.texts();
        let parts = texts.iter().map(|(index, json)| {
            let part = &self.route.parts[*index];
            (part.field.as_str(), &**json)
        });
        let answer = Answer {
            parts: parts.collect(),
            missing: self.missing(),
        };
        render(&answer, self.shapes, self.selection)
    }

    /// Returns the JSON of the parts, or their fallbacks, by index.
    fn texts(&self) -> Vec<(usize, Cow<'_, str>)> {
        let called = self.results.iter().enumerate();
        let texts = called.filter_map(|(index, result)| {
            let part = &self.route.parts[index];
            let text = match result.as_ref()?.json() {
                // Its link to the next page leads to this composition.
                Some(json) => with_next_link(json, part, &self.request.query),
                None => Cow::Borrowed(part.fallback.as_ref()?.get()),
            };
            Some((index, text))
        });
        texts.collect()
    }

    fn missing(&self) -> Vec<MissingPart<'_>> {
        let called = self.route.parts.iter().zip(&self.results);
        let missing = called.filter_map(|(part, result)| {
            Some(MissingPart {
                name: &part.field,
                missing: *result.as_ref()?.outcome.as_ref().err()?,
                has_fallback: part.fallback.is_some(),
            })
        });
        missing.collect()
    }

    fn add_caching(&self, headers: &mut HeaderMap) {
        let bodies = self
            .results
            .iter()
            .flatten()
            .filter_map(|result| result.outcome.as_ref().ok());
        let lines: Vec<[Option<String>; 3]> = bodies
            .map(|body| [CACHE_CONTROL, AGE, VARY].map(|name| joined(&body.headers, &name)))
            .collect();
        let parts = lines.iter().map(|[cache_control, age, vary]| PartCaching {
            cache_control: cache_control.as_deref(),
            age: age.as_deref(),
            vary: vary.as_deref(),
        });

        let cache_control = strictest_cache_control(parts, self.used_identity);
        insert(headers, CACHE_CONTROL, &cache_control);
        let vary = self.vary();
        if !vary.is_empty() {
            insert(headers, VARY, &vary);
        }
    }

    /// Returns the headers of the client that the response depends on.
    fn vary(&self) -> String {
        let versions = self.route.versions.iter().map(|shape| &shape.header);
        let headers = self.route.headers.iter().chain(versions);
        let headers = headers.map(HeaderName::as_str);
        // A browser that changes its user must not show the response to the former user.
        let credentials = self.credential_headers.into_iter();
        let credentials = credentials.filter(|_| self.used_identity);

        let mut names: Vec<&str> = Vec::new();
        for name in headers.chain(credentials) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// Returns the response with its entity tag, or 304 if the client has this response already.
    fn validated(&self, status: StatusCode, mut headers: HeaderMap, body: Vec<u8>) -> Composition {
        let tag = entity_tag(&body);
        let known = joined(&self.request.headers, &IF_NONE_MATCH);
        insert(&mut headers, ETAG, &tag);

        if known.is_some_and(|known| matches_entity_tag(&known, &tag)) {
            headers.remove(CONTENT_TYPE);
            return Composition {
                status: StatusCode::NOT_MODIFIED,
                headers,
                body: Bytes::new(),
            };
        }
        Composition {
            status,
            headers,
            body: body.into(),
        }
    }
}

/// Returns the lines of a header joined by commas. A line that is not text counts as `?`, which no
/// header value that is read here contains.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or("?"))
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
