use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::{FULL, parse, settings};
use crate::compositions::Compositions;
use crate::document::CompositionsDocument;

/// JSON that has some names of a document.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "services",
            "routes",
            "parts",
            "get",
            "post",
            "url",
            "default",
            "GET /bff/a",
            "POST /bff/{id}",
            "after",
            "as",
            "fallback",
            "versions",
            "header",
            "below",
            "rename",
            "drop",
            "move",
            "headers",
            "timeout_ms",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("/users/{user_id}")),
        Just(json!("http://a.example")),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A part of a valid document. `after` is the distance to an earlier part.
#[derive(Clone, Debug)]
struct ValidPart {
    after: Option<usize>,
    uses_after: bool,
    segment: &'static str,
    pair: &'static str,
    more: &'static str,
}

fn valid_part() -> impl Strategy<Value = ValidPart> {
    (
        prop::option::of(1..12_usize),
        any::<bool>(),
        prop::sample::select(vec![
            "a",
            "{user_id}",
            "v{id}",
            "{query.q}.json",
            "{header.x-a}",
            "{id}{key_id}",
        ]),
        prop::sample::select(vec![
            "?a=b",
            "?a={query.a}",
            "?a=%20{email}&b=1&b=2",
            "?x={header.x-a}&y",
            "?p[]={plan}",
        ]),
        prop::sample::select(vec![
            "\"required\": true",
            "\"fallback\": null",
            "\"fallback\": {\"a\": [1, 2.5e3]}",
            "\"timeout_ms\": 50",
            "\"charged\": true",
            "\"service\": \"other\"",
        ]),
    )
        .prop_map(|(after, uses_after, segment, pair, more)| ValidPart {
            after,
            uses_after,
            segment,
            pair,
            more,
        })
}

/// Returns a document with these parts, of which chains have at most four stages.
fn valid_document(parts: &[ValidPart]) -> String {
    let mut stages: Vec<usize> = Vec::new();
    let mut texts = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let before = part.after.and_then(|distance| index.checked_sub(distance));
        let before = before.filter(|before| stages[*before] < 4);
        stages.push(before.map_or(1, |before| stages[before] + 1));

        let value = before
            .filter(|_| part.uses_after)
            .map(|before| format!("/{{p{before}#/id}}"));
        let after = before.map(|before| format!(", \"after\": \"p{before}\""));
        texts.push(format!(
            "\"p{index}\": {{\"get\": \"/{}{}{}\", {}{}}}",
            part.segment,
            value.unwrap_or_default(),
            part.pair,
            part.more,
            after.unwrap_or_default()
        ));
    }
    format!(
        "{{\"services\": {{\"default\": {{\"url\": \"http://a.example\"}}, \"other\": {{\"url\": \"https://10.0.0.1/v1\"}}}}, \
         \"routes\": {{\"GET /bff/x/{{id}}\": {{\"headers\": [\"x-a\"], \"parts\": {{{}}}}}}}}}",
        texts.join(", ")
    )
}

/// Returns the JSON pointers of all values of a document.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, &crate::error::pointer_to(pointer, name), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Returns the error of a document, after checks of its place.
fn assert_place(text: &str) {
    if let Err(error) = Compositions::parse(text, &settings()) {
        assert!(!error.message().is_empty());
        assert!(
            error.position(text).is_some() || serde_json::from_str::<Value>(text).is_err(),
            "{error}"
        );
        assert!(!error.to_string().contains(char::is_control), "{error:?}");
        assert!(error.message().chars().count() <= 501, "{error:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_document_or_an_error(text in any::<String>()) {
        assert_place(&text);
    }

    #[test]
    fn any_json_is_a_document_or_an_error(value in any_json()) {
        assert_place(&value.to_string());
    }

    #[test]
    fn valid_document_is_accepted(parts in prop::collection::vec(valid_part(), 1..=12)) {
        let text = valid_document(&parts);
        let compositions = parse(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let route = compositions.find("GET", "/bff/x/7").unwrap().value;

        prop_assert_eq!(route.parts.len(), parts.len());
        for (part, expected) in route.parts.iter().zip(&parts) {
            let has_segment = part.template_text()[1..].starts_with(expected.segment);
            prop_assert!(has_segment);
            prop_assert_eq!(part.is_charged, expected.more.contains("charged"));
        }
    }

    #[test]
    fn replaced_value_is_valid_or_an_error_with_a_place(at in any::<Index>(), replacement in any_json()) {
        let mut document: Value = serde_json::from_str(FULL).unwrap();
        let mut places = Vec::new();
        pointers(&document, "", &mut places);
        let place = at.get(&places);
        *document.pointer_mut(place).unwrap() = replacement;
        assert_place(&document.to_string());
    }

    #[test]
    fn cut_document_is_an_error(at in any::<Index>()) {
        let cut = &FULL[..at.index(FULL.len() - 1)];
        prop_assert!(parse(cut).is_err());
        assert_place(cut);
    }

    #[test]
    fn changed_character_is_valid_or_an_error(at in any::<Index>(), letter in any::<char>()) {
        let mut letters: Vec<char> = FULL.chars().collect();
        let place = at.index(letters.len());
        letters[place] = letter;
        assert_place(&letters.into_iter().collect::<String>());
    }

    #[test]
    fn order_of_parts_decides_the_order_of_fields(names in prop::collection::hash_set("[a-z]{1,6}", 1..12)) {
        let names: Vec<_> = names.into_iter().collect();
        let parts: Vec<_> = names.iter().map(|name| format!("\"{name}\": {{\"get\": \"/{name}\"}}")).collect();
        let text = format!(
            "{{\"services\": {{\"default\": {{\"url\": \"http://a.example\"}}}}, \"routes\": {{\"GET /bff/a\": {{\"parts\": {{{}}}}}}}}}",
            parts.join(",")
        );
        let compositions = parse(&text).unwrap();
        let route = compositions.routes().next().unwrap();
        let fields: Vec<_> = route.parts.iter().map(|part| part.field.clone()).collect();
        prop_assert_eq!(fields, names);
    }
}

#[test]
fn documents_are_read_without_maps_that_sort() {
    let document: CompositionsDocument = crate::document::read(FULL).unwrap();
    let names: Vec<_> = document.routes.0[0].1.0.parts.names().collect();
    assert_eq!(names, ["user", "orders", "offers"]);
}
