//! The mistakes of one document: those against its schema, and those in its meaning.

use std::collections::BTreeSet;

use crate::problem::{Mistake, Problem};

/// The most mistakes that a response lists.
const MAX_MISTAKES: usize = 32;

/// The mistakes against the schema, and the list items that were removed because of them.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: Vec<Mistake>,
    /// The pointer of the list, and the index of each removed item. The indexes of the items after
    /// it have to be corrected.
    removed_items: BTreeSet<(String, usize)>,
}

impl Mistakes {
    /// Adds a mistake, unless there is one at the same place.
    pub(crate) fn add(&mut self, mistake: Mistake) {
        let is_known = |known: &Mistake| known.pointer == mistake.pointer;
        if self.found.len() < MAX_MISTAKES && !self.found.iter().any(is_known) {
            self.found.push(mistake);
        }
    }

    /// Marks an item of a list as removed. `index` is its position in the request.
    pub(super) fn item_removed(&mut self, list: &str, index: usize) {
        self.removed_items.insert((list.to_owned(), index));
    }

    /// Returns the problem of a document that cannot be read.
    pub(crate) fn into_problem(mut self) -> Problem {
        if self.found.is_empty() {
            self.add(Mistake::at("", "the body does not match its schema"));
        }
        Problem::invalid_body(self.found)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns true if a field, or something in it, is invalid.
    pub(crate) fn affect(&self, pointer: &str) -> bool {
        self.found
            .iter()
            .filter_map(|known| known.pointer.as_deref())
            .any(|known| is_within(known, pointer))
    }

    /// Returns all mistakes. `others` are those that were found in the document after invalid values
    /// were removed.
    pub(crate) fn with(mut self, others: Vec<Mistake>) -> Vec<Mistake> {
        for mut mistake in others {
            mistake.pointer = mistake
                .pointer
                .map(|pointer| self.original_pointer(&pointer));
            let pointer = mistake.pointer.as_deref().unwrap_or_default();

            // A removed value seems to be missing, and a default was not sent by the client.
            let mut replaced = self
                .found
                .iter()
                .filter_map(|known| known.pointer.as_deref());
            if !replaced.any(|known| is_within(pointer, known)) {
                self.add(mistake);
            }
        }
        self.found
    }

    /// Returns the pointer to a field of the object at `pointer` (RFC 6901).
    pub(crate) fn field(pointer: &str, name: &str) -> String {
        format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
    }

    /// Converts a pointer into the remaining document to one into the request.
    fn original_pointer(&self, pointer: &str) -> String {
        let steps = pointer.split('/').skip(1);
        steps.fold(String::new(), |list, step| {
            let removed = self.removed_items.iter();
            let mut removed = removed.filter(|(known, _)| *known == list).peekable();

            match step.parse::<usize>() {
                Ok(index) if removed.peek().is_some() => {
                    // The set is in order, so each removed item shifts the index at most once.
                    let index =
                        removed.fold(
                            index,
                            |index, (_, removed)| {
                                if *removed <= index { index + 1 } else { index }
                            },
                        );
                    format!("{list}/{index}")
                }
                _ => format!("{list}/{step}"),
            }
        })
    }
}

/// Returns true if `pointer` is `outer`, or a place in it.
fn is_within(pointer: &str, outer: &str) -> bool {
    pointer
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(mistakes: Vec<Mistake>) -> Vec<String> {
        mistakes
            .into_iter()
            .filter_map(|mistake| mistake.pointer)
            .collect()
    }

    #[test]
    fn mistakes_have_the_pointers_of_the_request() {
        let mut mistakes = Mistakes::default();
        mistakes.add(Mistake::at("/quotas/0", "wrong"));
        mistakes.item_removed("/quotas", 0);
        mistakes.item_removed("/quotas", 2);
        mistakes.add(Mistake::at("/window_s", "wrong"));

        let others = [
            "/quotas/0/name",
            "/quotas/1/name",
            "/window_s",
            "/window",
            "/window_s/x",
        ];
        let others = others.map(|pointer| Mistake::at(pointer, "wrong"));
        assert_eq!(
            pointers(mistakes.with(others.into())),
            [
                "/quotas/0",
                "/window_s",
                "/quotas/1/name",
                "/quotas/3/name",
                "/window"
            ]
        );
    }

    #[test]
    fn number_of_mistakes_is_bounded() {
        let mut mistakes = Mistakes::default();
        for index in 0..1000 {
            mistakes.add(Mistake::at(format!("/{index}"), "wrong"));
        }
        let all = mistakes.with(vec![Mistake::at("/x", "wrong")]);
        assert_eq!(all.len(), MAX_MISTAKES);
    }
}
