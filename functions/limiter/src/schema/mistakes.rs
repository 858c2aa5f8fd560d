//! The mistakes of one document, from its shape and from what it says.

use std::collections::BTreeSet;

use crate::problem::{Mistake, Problem};

/// More would help nobody.
const MOST: usize = 32;

/// Mistakes of shape, and what was left out because of them.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: Vec<Mistake>,
    /// Items that have been taken out of lists, by the list's pointer, so that those behind keep
    /// their numbers.
    left_out: BTreeSet<(String, usize)>,
}

impl Mistakes {
    /// One mistake a place.
    pub(crate) fn add(&mut self, mistake: Mistake) {
        if self.found.len() < MOST
            && !self
                .found
                .iter()
                .any(|known| known.pointer == mistake.pointer)
        {
            self.found.push(mistake);
        }
    }

    /// An item of a list, by its number in the document that was sent.
    pub(crate) fn left_out(&mut self, list: &str, index: usize) {
        self.left_out.insert((list.to_owned(), index));
    }

    /// For a document of which nothing can be read.
    pub(crate) fn or_unreadable(mut self) -> Problem {
        if self.found.is_empty() {
            self.add(Mistake::at("", "the body is not as its description has it"));
        }
        Problem::mistakes(self.found)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether a member is wrong, or a member of it.
    pub(crate) fn concern(&self, pointer: &str) -> bool {
        self.found
            .iter()
            .filter_map(|known| known.pointer.as_deref())
            .any(|known| is_within(known, pointer))
    }

    /// These, and `others` that were found in what was left of the document.
    pub(crate) fn with(mut self, others: Vec<Mistake>) -> Vec<Mistake> {
        for mut mistake in others {
            mistake.pointer = mistake.pointer.map(|pointer| self.as_sent(&pointer));
            let pointer = mistake.pointer.as_deref().unwrap_or_default();
            // What was taken out seems to be missing, and what stands in is nobody's.
            let spoilt = self
                .found
                .iter()
                .filter_map(|known| known.pointer.as_deref());
            if !spoilt.into_iter().any(|known| is_within(pointer, known)) {
                self.add(mistake);
            }
        }
        self.found
    }

    /// The pointer to a member of what `pointer` is about (RFC 6901).
    pub(crate) fn member(pointer: &str, name: &str) -> String {
        format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
    }

    /// A pointer into what was left, as one into what was sent.
    fn as_sent(&self, pointer: &str) -> String {
        pointer
            .split('/')
            .skip(1)
            .fold(String::new(), |list, step| {
                let gone = || self.left_out.iter().filter(|(known, _)| *known == list);
                match step.parse::<usize>() {
                    Ok(index) if gone().next().is_some() => {
                        let index =
                            gone().fold(
                                index,
                                |index, (_, gone)| if *gone <= index { index + 1 } else { index },
                            );
                        format!("{list}/{index}")
                    }
                    _ => format!("{list}/{step}"),
                }
            })
    }
}

/// Whether a place is another, or in it.
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
    fn what_was_found_in_the_rest_is_told_where_it_stood_and_not_about_what_was_taken_out() {
        let mut mistakes = Mistakes::default();
        mistakes.add(Mistake::at("/quotas/0", "wrong"));
        mistakes.left_out("/quotas", 0);
        mistakes.left_out("/quotas", 2);
        mistakes.add(Mistake::at("/window_s", "wrong"));
        let others = [
            "/quotas/0/name",
            "/quotas/1/name",
            "/window_s",
            "/window",
            "/window_s/x",
        ];
        let others = others
            .into_iter()
            .map(|pointer| Mistake::at(pointer, "wrong"))
            .collect();
        assert_eq!(
            pointers(mistakes.with(others)),
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
    fn any_number_of_mistakes_comes_to_an_end() {
        let mut mistakes = Mistakes::default();
        (0..1000).for_each(|index| mistakes.add(Mistake::at(format!("/{index}"), "wrong")));
        assert_eq!(mistakes.with(vec![Mistake::at("/x", "wrong")]).len(), MOST);
    }
}
