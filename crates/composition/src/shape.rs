//! The shapes of a client version, and the names that its client sees.

use std::collections::BTreeSet;

use http::HeaderName;

use crate::{Change, Route, VersionShape, client_version};

impl Route {
    /// Returns the shapes that apply to a request, in the order of the document.
    ///
    /// `header` returns the value of a request header. An absent or invalid version matches no
    /// shape.
    pub fn shapes_for<'r, 'h>(
        &'r self,
        header: impl Fn(&HeaderName) -> Option<&'h str>,
    ) -> Vec<&'r VersionShape> {
        let applies = |shape: &&VersionShape| {
            let version = header(&shape.header).and_then(client_version);
            version.is_some_and(|version| shape.applies_to(&version))
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

#[cfg(test)]
mod tests;
