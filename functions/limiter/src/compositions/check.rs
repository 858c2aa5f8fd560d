//! The check of a composition before it is stored: a composer must be able to load it.

use composition::{Compositions, MAX_DOCUMENT_BYTES, Settings};
use http::{StatusCode, Uri};
use policy::FUNCTION_NAME;

use crate::Shared;
use crate::problem::{Mistake, Problem};
use crate::request::body;
use crate::schema;

/// Replaces the URL of the default service, which is a setting of the composer.
const DEFAULT_URL: &str = "http://default.invalid";

/// A composition that a composer can load.
#[derive(Debug)]
pub(super) struct CheckedComposition {
    /// The text as it was sent.
    pub(super) text: String,
    pub(super) warnings: Vec<Mistake>,
}

/// Reads a composition as the composer does, in Lambda or on a developer's machine.
///
/// # Errors
/// 400 if the text is not JSON, 413 if it is too large. 422 if a composer could not load it, with
/// every mistake in the shape of the document, or else with the first mistake in its meaning.
pub(super) fn composition(body: &[u8], shared: &Shared) -> Result<CheckedComposition, Problem> {
    if body.len() > MAX_DOCUMENT_BYTES {
        let detail = format!("The composition is larger than {MAX_DOCUMENT_BYTES} bytes.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let mut document = body::parse(body)?;
    let shape = schema::remove_mistakes(&mut document, "Composition");
    if !shape.is_empty() {
        return Err(Problem::invalid_body(shape.with(Vec::new())));
    }

    let text = String::from_utf8_lossy(body).trim().to_owned();
    let settings = Settings {
        prefix: shared.composer.prefix.as_deref().unwrap_or_default(),
        key_header: shared.key_header.as_str(),
        default_url: Some(Uri::from_static(DEFAULT_URL)),
        replaced: None,
        is_deployed: std::env::var_os(FUNCTION_NAME).is_some(),
    };
    let compositions = Compositions::parse(&text, &settings).map_err(|error| {
        let mistake = Mistake::at(error.pointer(), error.message());
        Problem::invalid_body(vec![mistake])
    })?;

    let warnings = compositions.warnings().iter();
    let warnings = warnings.map(|warning| Mistake::at(warning.pointer(), warning.message()));
    Ok(CheckedComposition {
        warnings: warnings.collect(),
        text,
    })
}
