//! Properties of merging and shaping, checked against a plain implementation.
//!
//! `PROPTEST_CASES=100000` checks more cases than the default.

mod model;

use proptest::prelude::*;

use crate::{
    Answer, Change, FieldSelection, Missing, MissingPart, VersionShape, check_json, render,
};
pub(crate) use model::Json;
use model::{change, parts, printed, selection};

/// Returns JSON text.
pub(crate) fn json_text() -> impl Strategy<Value = String> + Clone {
    model::json().prop_map(|json| printed(&json))
}

fn shape(changes: Vec<Change>) -> VersionShape {
    let header = http::HeaderName::from_static("x-app-version");
    VersionShape {
        header,
        from: None,
        below: None,
        changes,
    }
}

fn rendered(
    parts: &[(String, Json)],
    changes: &[Change],
    fields: Option<&FieldSelection>,
) -> String {
    let texts: Vec<_> = parts
        .iter()
        .map(|(name, json)| (name.as_str(), printed(json)))
        .collect();
    let parts = texts
        .iter()
        .map(|(name, json)| (*name, json.as_str()))
        .collect();
    let shape = shape(changes.to_vec());

    let body = render(
        &Answer {
            parts,
            missing: Vec::new(),
        },
        &[&shape],
        fields,
    );
    String::from_utf8(body).unwrap()
}

proptest! {
    #[test]
    fn changes_and_selections_do_what_the_plain_implementation_does(
        parts in parts(), changes in proptest::collection::vec(change(), 0..5), fields in proptest::option::of(selection()),
    ) {
        let fields = fields.map(|fields| FieldSelection::parse(&fields).unwrap());
        let found = rendered(&parts, &changes, fields.as_ref());

        let mut expected = Json::Object(parts).normalized();
        for change in &changes {
            expected.change(change);
        }
        if let Some(fields) = &fields {
            expected.select(fields.names());
        }
        prop_assert_eq!(Json::parse(&found).normalized(), expected);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&found).is_ok());
    }

    #[test]
    fn a_selection_never_adds(parts in parts(), fields in selection()) {
        let fields = FieldSelection::parse(&fields).unwrap();
        let selected = Json::parse(&rendered(&parts, &[], Some(&fields))).normalized();

        prop_assert!(selected.is_within(&Json::Object(parts).normalized()));
    }

    #[test]
    fn a_selection_is_idempotent(parts in parts(), fields in selection()) {
        let fields = FieldSelection::parse(&fields).unwrap();
        let once = rendered(&parts, &[], Some(&fields));
        let Json::Object(selected) = Json::parse(&once) else { panic!("{once}") };

        prop_assert_eq!(Json::parse(&rendered(&selected, &[], Some(&fields))), Json::parse(&once));
    }

    #[test]
    fn a_selection_of_everything_changes_nothing(parts in parts(), last in model::json()) {
        let parts = [parts, vec![("last".to_owned(), last)]].concat();
        let whole = Json::Object(parts.clone()).normalized();
        let fields = FieldSelection::parse(&whole.everything().join(",")).unwrap();

        prop_assert_eq!(Json::parse(&rendered(&parts, &[], Some(&fields))).normalized(), whole);
    }

    #[test]
    fn more_fields_never_select_less(parts in parts(), fields in selection(), more in selection()) {
        let less = FieldSelection::parse(&fields).unwrap();
        let more = FieldSelection::parse(&format!("{fields},{more}")).unwrap();
        let [less, more] = [less, more].map(|fields| Json::parse(&rendered(&parts, &[], Some(&fields))).normalized());

        prop_assert!(less.is_within(&more));
    }

    #[test]
    fn a_printed_selection_selects_the_same(fields in selection()) {
        let selection = FieldSelection::parse(&fields).unwrap();
        let printed = selection.to_string();

        prop_assert!(printed.len() <= fields.len() * 2);
        prop_assert_eq!(FieldSelection::parse(&printed).unwrap(), selection);
    }

    #[test]
    fn arbitrary_fields_are_never_a_panic(fields in any::<String>(), names in "[a-c,.() é]{0,60}") {
        for text in [fields, names] {
            if let Ok(selection) = FieldSelection::parse(&text) {
                prop_assert_eq!(FieldSelection::parse(&selection.to_string()).unwrap(), selection);
            }
        }
    }

    #[test]
    fn versions_do_not_change_other_parts(parts in parts(), changes in proptest::collection::vec(change(), 0..5), other in model::json()) {
        let mut parts = parts;
        parts.insert(parts.len() / 2, ("other".to_owned(), other.clone()));
        let found = rendered(&parts, &changes, None);

        let text = format!("\"other\":{}", printed(&other));
        prop_assert!(found.contains(&text), "{} in {}", text, found);
    }

    #[test]
    fn arbitrary_parts_give_valid_json(bodies in proptest::collection::vec(any::<Vec<u8>>(), 0..4), fields in selection(), changes in proptest::collection::vec(change(), 0..5)) {
        let parts = bodies.iter().filter_map(|body| Some(("a", check_json(body).ok()?))).collect();
        let missing = vec![MissingPart { name: "a\"", missing: Missing::Status(500), has_fallback: true }];
        let fields = FieldSelection::parse(&fields).unwrap();

        let body = render(&Answer { parts, missing }, &[&shape(changes)], Some(&fields));
        prop_assert!(check_json(&body).is_ok());
    }
}
