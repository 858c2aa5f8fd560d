//! Tests that the reference page lists the fields of documents and the reasons of missing parts.

use std::collections::BTreeSet;

use serde::de::value::Error as ValueError;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use super::{CompositionsDocument, PartDocument, RouteDocument, ServiceDocument, VersionDocument};
use crate::compositions::{Compositions, Settings};
use crate::missing::Missing;

const PAGE: &str = include_str!("../../../../docs/reference/compositions.md");
const GUIDE: &str = include_str!("../../../../docs/guides/composition.md");
const EXAMPLE: &str = include_str!("../../../../examples/compositions/compositions.json");

/// Records the fields of a struct.
struct FieldNames<'f>(&'f mut Vec<&'static str>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ValueError> {
        Err(ValueError::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.0.extend(fields);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<'de, T: Deserialize<'de>>() -> BTreeSet<&'static str> {
    let mut names = Vec::new();
    let _ = T::deserialize(FieldNames(&mut names));
    names.into_iter().collect()
}

/// Returns the names in the first cells of the first table after a heading or a header row.
fn listed(after: &str) -> BTreeSet<&'static str> {
    let (_, section) = PAGE.split_once(after).expect(after);
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn page_lists_the_fields_of_documents() {
    for (heading, fields) in [
        ("\n## Document\n", fields::<CompositionsDocument>()),
        ("\n## Services\n", fields::<ServiceDocument>()),
        ("\n## Routes\n", fields::<RouteDocument>()),
        ("\n## Parts\n", fields::<PartDocument>()),
        ("\n## Versions\n", fields::<VersionDocument>()),
    ] {
        assert!(!fields.is_empty());
        assert_eq!(listed(heading), fields, "{heading}");
    }
}

/// Returns the next reason. The match is exhaustive, so that a new reason cannot be forgotten.
fn next_reason(missing: Missing) -> Option<Missing> {
    match missing {
        Missing::Forbidden => Some(Missing::Throttled),
        Missing::Throttled => Some(Missing::Unavailable),
        Missing::Unavailable => Some(Missing::InvalidValue),
        Missing::InvalidValue => Some(Missing::Dependency),
        Missing::Dependency => Some(Missing::Timeout),
        Missing::Timeout => Some(Missing::Unreachable),
        Missing::Unreachable => Some(Missing::CircuitOpen),
        Missing::CircuitOpen => Some(Missing::Overloaded),
        Missing::Overloaded => Some(Missing::Status(503)),
        Missing::Status(_) => Some(Missing::InvalidResponse),
        Missing::InvalidResponse => Some(Missing::TooLarge),
        Missing::TooLarge => None,
    }
}

#[test]
fn page_lists_every_reason_of_a_missing_part() {
    let reasons = std::iter::successors(Some(Missing::Forbidden), |missing| next_reason(*missing));
    assert_eq!(
        listed("| `reason` | cause |"),
        reasons.map(Missing::as_str).collect()
    );
}

fn settings() -> Settings<'static> {
    Settings {
        prefix: "/bff",
        key_header: "x-api-key",
        default_url: Some(http::Uri::from_static("https://backend.example.com")),
        replaced: None,
        is_deployed: true,
    }
}

/// Returns the documents on a page.
fn documents(page: &'static str) -> Vec<&'static str> {
    let blocks = page.split("```json\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .filter(|block| block.contains("\"routes\""))
        .collect()
}

#[test]
fn documents_on_the_pages_are_valid() {
    for (page, count) in [(PAGE, 2), (GUIDE, 3)] {
        let documents = documents(page);
        assert_eq!(documents.len(), count);

        for document in documents {
            let compositions = Compositions::parse(document, &settings()).unwrap();
            assert_eq!(compositions.warnings(), [], "{document}");
        }
    }
    assert!(Compositions::parse(EXAMPLE, &settings()).is_ok());
}

#[test]
fn page_shows_the_message_for_its_own_example() {
    let document = documents(PAGE)[0].replace("\"after\": \"user\"", "\"after\": \"usr\"");
    let error = Compositions::parse(&document, &settings()).unwrap_err();
    let position = error.position(&document).unwrap();

    let message = format!("```text\ncompositions.json:{position}: {error}\n```");
    assert!(PAGE.contains(&message), "{message}");
}

#[test]
fn page_states_the_limits() {
    use crate::check::limits;

    let thousands = |number: u64| {
        let text = number.to_string();
        match text.len() {
            0..=3 => text,
            length => format!("{},{}", &text[..length - 3], &text[length - 3..]),
        }
    };
    for text in [
        format!("services by name, at most {}", limits::MAX_SERVICES),
        format!("routes by method and path, 1 to {}", limits::MAX_ROUTES),
        format!("parts by name, 1 to {}", limits::MAX_PARTS),
        format!("A route has at most {} stages", limits::MAX_STAGES),
        format!("templates may use, at most {}", limits::MAX_HEADERS),
        format!("for client versions, at most {}", limits::MAX_VERSIONS),
        format!("At most {} changes per entry", limits::MAX_CHANGES),
        format!("with dots between them, at most {}", limits::MAX_PATH_NAMES),
        format!(
            "| `max_concurrent_calls` | {} |",
            limits::DEFAULT_CONCURRENT_CALLS
        ),
        format!(
            "at the same time, 1 to {}",
            thousands(*limits::CONCURRENT_CALLS.end())
        ),
        format!("| `timeout_ms` | {} |", limits::DEFAULT_PART_TIMEOUT_MS),
        format!(
            "in milliseconds, 50 to {}, and at most",
            thousands(*limits::PART_TIMEOUT_MS.end())
        ),
        format!("| `timeout_ms` | {} |", limits::DEFAULT_ROUTE_TIMEOUT_MS),
        format!(
            "in milliseconds, 50 to {} |",
            thousands(*limits::ROUTE_TIMEOUT_MS.end())
        ),
        format!(
            "has at most {} bytes",
            thousands(super::MAX_DOCUMENT_BYTES as u64)
        ),
        format!(
            "at most {} bytes, and a filled one",
            thousands(crate::template::MAX_TEMPLATE_BYTES as u64)
        ),
        format!(
            "a filled one at most {}",
            thousands(crate::template::MAX_TARGET_BYTES as u64)
        ),
        format!(
            "has at most {} bytes, {} names",
            thousands(crate::MAX_FIELDS_BYTES as u64),
            crate::MAX_FIELDS_NAMES
        ),
        format!("more than {} levels", crate::MAX_JSON_DEPTH),
    ] {
        assert!(PAGE.contains(&text), "{text}");
    }
}
