//! The cost of a response of three parts of 2 kB each, from the bodies of the services to the body
//! for the client.
//!
//! `cargo bench -p composition` prints times. The check of the bodies takes almost all of the time.
//! Without changes, the merge itself is a copy. To count instructions:
//!
//! ```text
//! valgrind --tool=callgrind --toggle-collect=composition::merge::render \
//!     target/release/deps/merge-… --test --exact merge::merged
//! ```
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use composition::{
    Answer, Change, FieldSelection, VersionShape, check_json, entity_tag, render, scalar,
};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// The names of the parts.
const FIELDS: [&str; 3] = ["user", "orders", "promotions"];

/// Returns a body of about 2 kB, as frameworks print it.
fn body(name: &str) -> String {
    let item = |index: usize| {
        format!(
            r#"{{"id":{index},"name":"{name} {index}","total":{index}.50,"tags":["new","é"],"email":null}}"#
        )
    };
    let items: Vec<_> = (0..26).map(item).collect();

    format!(
        r#"{{"items":[{}],"total":26,"segment":"gold","next":"/{name}?cursor=2"}}"#,
        items.join(",")
    )
}

fn bodies() -> Vec<String> {
    FIELDS.iter().map(|field| body(field)).collect()
}

fn answer(bodies: &[String]) -> Answer<'_> {
    let texts = bodies.iter().map(String::as_str);
    Answer {
        parts: FIELDS.into_iter().zip(texts).collect(),
        missing: Vec::new(),
    }
}

/// Returns the bytes of all bodies, for the throughput.
fn bytes(bodies: &[String]) -> BytesCount {
    BytesCount::from(bodies.iter().map(String::len).sum::<usize>())
}

#[divan::bench]
fn checked(bencher: Bencher<'_, '_>) {
    let bodies = bodies();

    bencher.counter(bytes(&bodies)).bench(|| {
        let checked = bodies
            .iter()
            .filter_map(|body| check_json(black_box(body.as_bytes())).ok());
        checked.map(str::len).sum::<usize>()
    });
}

#[divan::bench]
fn copied(bencher: Bencher<'_, '_>) {
    let bodies = bodies();

    bencher
        .counter(bytes(&bodies))
        .bench(|| black_box(&bodies).concat());
}

#[divan::bench]
fn merged(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    let answer = answer(&bodies);

    bencher
        .counter(bytes(&bodies))
        .bench(|| render(black_box(&answer), &[], None));
}

#[divan::bench]
fn merged_with_fields(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    let answer = answer(&bodies);
    let fields = "user(total,segment),orders.items(id,total),promotions.items.name";
    let selection = FieldSelection::parse(fields).unwrap();

    let bencher = bencher.counter(bytes(&bodies));
    bencher.bench(|| render(black_box(&answer), &[], Some(&selection)));
}

#[divan::bench]
fn merged_for_a_version(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    let answer = answer(&bodies);
    let path = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let shape = VersionShape {
        header: http::HeaderName::from_static("x-app-version"),
        from: None,
        below: None,
        changes: vec![
            Change::Drop {
                path: path(&["user", "items", "email"]),
            },
            Change::Move {
                from: path(&["user", "segment"]),
                to: path(&["segment"]),
            },
            Change::Rename {
                path: path(&["orders"]),
                name: "data".to_owned(),
            },
        ],
    };

    let bencher = bencher.counter(bytes(&bodies));
    bencher.bench(|| render(black_box(&answer), &[&shape], None));
}

#[divan::bench]
fn entity_tag_of_merged(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    let merged = render(&answer(&bodies), &[], None);

    bencher
        .counter(BytesCount::of_slice(&merged))
        .bench(|| entity_tag(black_box(&merged)));
}

#[divan::bench]
fn value_for_another_part(bencher: Bencher<'_, '_>) {
    let body = body("user");

    bencher
        .counter(BytesCount::of_str(&body))
        .bench(|| scalar(black_box(&body), "/segment").map(|text| text.len()));
}
