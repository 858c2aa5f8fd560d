//! Other spellings of a path that a backend may treat alike.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fold::fold;
use crate::key::{RouteKey, Segment};

/// The most combinations of spellings that are examined.
const MAX_READINGS: usize = 64;

/// The spellings of literal segments in route keys, if folding changes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spellings {
    by_fold: HashMap<String, Vec<String>>,
}

/// The paths that a lenient backend may read a path as.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Readings {
    /// Only the path itself.
    One,
    /// Any of these.
    Several(Vec<String>),
    /// More than are examined.
    TooMany,
}

impl Spellings {
    /// Adds the spellings of a key.
    pub(crate) fn add(&mut self, key: &RouteKey) {
        for segment in key.segments() {
            let Segment::Literal(text) = segment else {
                continue;
            };
            if text.is_empty() {
                continue;
            }

            let path = format!("/{text}");
            let Cow::Owned(folded) = fold(&path) else {
                continue;
            };
            let spellings = self.by_fold.entry(folded[1..].to_owned()).or_default();
            if !spellings.contains(text) {
                spellings.push(text.clone());
            }
        }
    }

    /// Returns the readings of a path.
    pub(crate) fn readings(&self, path: &str) -> Readings {
        let folded = fold(path);
        let has_spellings = |segment: &str| self.by_fold.contains_key(segment);
        let is_changed = matches!(folded, Cow::Owned(_));
        if !is_changed && (self.by_fold.is_empty() || !folded.split('/').any(has_spellings)) {
            return Readings::One;
        }

        let mut readings = vec![String::new()];
        for segment in folded.split('/').skip(1) {
            let others = self.by_fold.get(segment).map_or(&[][..], Vec::as_slice);
            let spellings = || std::iter::once(segment).chain(others.iter().map(String::as_str));
            readings = readings
                .iter()
                .flat_map(|start| spellings().map(move |segment| format!("{start}/{segment}")))
                .take(MAX_READINGS + 1)
                .collect();
        }
        if readings.len() > MAX_READINGS {
            return Readings::TooMany;
        }

        let with_slash: Vec<String> = readings
            .iter()
            .filter(|path| path.len() > 1)
            .map(|path| format!("{path}/"))
            .collect();
        readings.extend(with_slash);
        Readings::Several(readings)
    }
}
