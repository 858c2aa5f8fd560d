//! Reads a document and finds every member that is wrong, not only the first.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::Mistake;

/// More would help nobody.
const MOST: usize = 32;

/// The document that `value` is. What is wrong is taken out, and the rest read again, until nothing more is found.
///
/// # Errors
/// Every mistake, each with a JSON pointer.
pub(crate) fn read<T: DeserializeOwned>(mut value: Value, required: &[&str]) -> Result<T, Vec<Mistake>> {
    let Some(members) = value.as_object() else {
        return Err(vec![Mistake::at("", "it is a JSON object")]);
    };
    let missing = required.iter().filter(|name| members.get(**name).is_none_or(Value::is_null));
    let mut found = Found::default();
    missing.for_each(|name| found.add(format!("/{name}"), "it is required"));
    while found.mistakes.len() < MOST {
        match serde_path_to_error::deserialize(&value) {
            Ok(document) if found.mistakes.is_empty() => return Ok(document),
            Ok(_) => break,
            Err(error) => {
                let (steps, text) = (steps(error.path()), error.inner().to_string());
                if !found.take_out(&mut value, &steps, &text) {
                    break;
                }
            }
        }
    }
    Err(found.mistakes)
}

#[derive(Default)]
struct Found {
    mistakes: Vec<Mistake>,
    /// Items that have been taken out of lists, by the list's pointer, so that those behind keep their numbers.
    gone: BTreeSet<(String, usize)>,
}

impl Found {
    fn add(&mut self, pointer: String, detail: &str) {
        if !self.mistakes.iter().any(|known| known.pointer.as_ref() == Some(&pointer)) {
            self.mistakes.push(Mistake::at(pointer, detail));
        }
    }

    /// Notes a mistake and takes the member out; false where there is nothing left to read.
    fn take_out(&mut self, value: &mut Value, steps: &[Step], text: &str) -> bool {
        let pointer = self.pointer(steps);
        match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(member) => self.add(format!("{pointer}/{}", escaped(member)), "it is required"),
            None => self.add(pointer, &plain(text)),
        }
        let Some((last, before)) = steps.split_last() else { return false };
        let Some(container) = at(value, before) else { return false };
        match (last, container) {
            (Step::Member(name), Value::Object(members)) => members.remove(name).is_some(),
            (Step::Item(index), Value::Array(items)) if *index < items.len() => {
                items.remove(*index);
                let list = self.pointer(before);
                let original = self.original(&list, *index);
                self.gone.insert((list, original))
            }
            _ => false,
        }
    }

    /// As it was in the document that was sent.
    fn pointer(&self, steps: &[Step]) -> String {
        steps.iter().fold(String::new(), |pointer, step| match step {
            Step::Member(name) => format!("{pointer}/{}", escaped(name)),
            Step::Item(index) => {
                let index = self.original(&pointer, *index);
                format!("{pointer}/{index}")
            }
        })
    }

    fn original(&self, list: &str, index: usize) -> usize {
        let gone = self.gone.iter().filter(|(known, _)| known == list);
        gone.fold(index, |index, (_, gone)| if *gone <= index { index + 1 } else { index })
    }
}

enum Step {
    Member(String),
    Item(usize),
}

fn steps(path: &Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Item(*index)),
        Segment::Map { key } => Some(Step::Member(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

fn at<'v>(value: &'v mut Value, steps: &[Step]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Item(index) => value.get_mut(*index),
    })
}

/// A name as a part of a JSON pointer (RFC 6901).
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// serde's words, without Rust's types.
fn plain(text: &str) -> String {
    let types =
        [("expected u64", "expected a whole number from 0"), ("expected u32", "expected a whole number from 0")];
    let types =
        types.into_iter().chain([("expected i64", "expected a whole number"), ("expected f64", "expected a number")]);
    types.fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use usage::PlanDocument;

    fn pointers(value: Value) -> Vec<String> {
        let mistakes = read::<PlanDocument>(value, &[]).expect_err("mistakes");
        mistakes.into_iter().filter_map(|mistake| mistake.pointer).collect()
    }

    #[test]
    fn a_document_without_mistakes_is_read() {
        let plan: PlanDocument = read(json!({"throttle": {"rate": 1, "burst": 2}}), &[]).unwrap();
        assert_eq!(plan.throttle.map(|throttle| throttle.burst), Some(2));
    }

    #[test]
    fn every_wrong_member_is_named_at_once_where_it_stood() {
        let found = pointers(json!({
            "trottle": 1,
            "throttle": {"rate": "fast", "burst": 1.5, "more": true},
            "quotas": [{"limit": 1, "period": "year"}, {"limit": 1, "period": "day"}, {"period": "day"}, 7],
            "routes": {"GET /a": {"rate": 1}, "GET /b": {"rate": 1, "burst": 1}},
            "near_limit": []
        }));
        let mut found: Vec<_> = found.iter().map(String::as_str).collect();
        found.sort_unstable();
        let expected = [
            "/near_limit",
            "/quotas/0/period",
            "/quotas/2/limit",
            "/quotas/3",
            "/routes/GET ~1a/burst",
            "/throttle/burst",
            "/throttle/more",
            "/throttle/rate",
            "/trottle",
        ];
        for pointer in expected {
            assert!(found.contains(&pointer), "{pointer} is not in {found:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_one_mistake() {
        for value in [json!([]), json!(null), json!("x")] {
            assert_eq!(pointers(value), [""]);
        }
    }

    #[test]
    fn all_that_is_required_is_asked_for_at_once() {
        let mistakes = read::<PlanDocument>(json!({"near_limit": "x"}), &["plan", "name"]).expect_err("mistakes");
        let pointers: Vec<_> = mistakes.into_iter().filter_map(|mistake| mistake.pointer).collect();
        assert_eq!(pointers, ["/plan", "/name", "/near_limit"]);
    }

    #[test]
    fn any_number_of_mistakes_comes_to_an_end() {
        let quotas: Vec<_> = (0..1000).map(|n| json!(n)).collect();
        assert_eq!(pointers(json!({"quotas": quotas})).len(), MOST);
    }
}
