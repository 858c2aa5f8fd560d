//! The shapes of a client version, and the names that its client sees.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use http::HeaderName;
use semver::Version;

use crate::{Change, Route, VersionShape};

impl Route {
    /// Returns the shapes that apply to a request, in the order of the document.
    ///
    /// `header` returns the value of a request header. Versions follow Semantic Versioning 2.0.0,
    /// without a leading `v`. An absent or invalid version matches no shape.
    pub fn shapes_for<'r, 'h>(
        &'r self,
        header: impl Fn(&HeaderName) -> Option<&'h str>,
    ) -> Vec<&'r VersionShape> {
        let applies = |shape: &&VersionShape| {
            let version = header(&shape.header).and_then(|value| Version::parse(value.trim()).ok());
            version.is_some_and(|version| shape.contains(&version))
        };

        self.versions.iter().filter(applies).collect()
    }

    /// Returns the names at the top of the response that a client of these shapes can see.
    #[must_use]
    pub fn fields<'r>(&'r self, shapes: &[&'r VersionShape]) -> BTreeSet<&'r str> {
        let mut names: BTreeSet<_> = self.parts.iter().map(|part| part.field.as_str()).collect();

        for change in shapes.iter().flat_map(|shape| &shape.changes) {
            change.apply_to_names(&mut names);
        }
        names
    }
}

impl VersionShape {
    /// True if the shape applies to a version. Build metadata does not count.
    fn contains(&self, version: &Version) -> bool {
        let is_from = |from: &Version| version.cmp_precedence(from) != Ordering::Less;
        let is_below = |below: &Version| version.cmp_precedence(below) == Ordering::Less;

        self.from.as_ref().is_none_or(is_from) && self.below.as_ref().is_none_or(is_below)
    }
}

impl Change {
    fn apply_to_names<'c>(&'c self, names: &mut BTreeSet<&'c str>) {
        match self {
            Self::Rename { path, name } => {
                if let [field] = path.as_slice()
                    && names.remove(field.as_str())
                {
                    names.insert(name);
                }
            }
            Self::Drop { path } => {
                if let [field] = path.as_slice() {
                    names.remove(field.as_str());
                }
            }
            Self::Move { from, to } => {
                let is_known = from
                    .first()
                    .is_some_and(|field| names.contains(field.as_str()));
                if let [field] = from.as_slice() {
                    names.remove(field.as_str());
                }
                names.extend(to.first().filter(|_| is_known).map(String::as_str));
            }
        }
    }
}
