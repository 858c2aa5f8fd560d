//! The cost of reading a document at startup, and of filling the template of a part per request.
//!
//! `cargo bench -p composition --bench document` prints times.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::borrow::Cow;

use composition::{Compositions, Settings, Values};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use http::Uri;
use outcome::ContextField;

/// The document of the example, with two routes of five parts together.
const DOCUMENT: &str = include_str!("../../../examples/compositions/compositions.json");

fn main() {
    divan::main();
}

fn settings() -> Settings<'static> {
    Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: Some(Uri::from_static("http://internal-alb.example")),
        replaced: None,
        is_deployed: true,
    }
}

/// The values of a request.
struct Request;

impl Values for Request {
    fn parameter(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn query(&self, _: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("eyJpZCI6NDJ9"))
    }

    fn header(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn context(&self, _: ContextField) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("auth0|5f7c8ec7c33c6c004bbafe82"))
    }

    fn part(&self, _: usize, _: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("gold"))
    }
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_str(DOCUMENT))
        .bench(|| Compositions::parse(black_box(DOCUMENT), &settings()).unwrap());
}

#[divan::bench]
fn route_and_targets_of_its_parts(bencher: Bencher<'_, '_>) {
    let compositions = Compositions::parse(DOCUMENT, &settings()).unwrap();

    bencher.bench(|| {
        let found = compositions
            .find("GET", black_box("/bff/dashboard"))
            .unwrap();
        let targets = found
            .value
            .parts
            .iter()
            .map(|part| part.target(&Request).unwrap());
        targets
            .map(|target| target.path_and_query.len())
            .sum::<usize>()
    });
}
