//! The parts that a response lacks while versions change it.

use crate::{Change, MissingPart};

/// The current names of parts that are missing without a fallback.
#[derive(Debug)]
pub(crate) struct AbsentParts<'a>(Vec<&'a str>);

impl<'a> AbsentParts<'a> {
    pub(crate) fn new(missing: &[MissingPart<'a>]) -> Self {
        let absent = missing.iter().filter(|part| !part.has_fallback);
        Self(absent.map(|part| part.name).collect())
    }

    /// Returns false for a change that would create an absent part, which `_metadata` calls missing.
    /// Renames of absent parts are followed.
    pub(crate) fn admit(&mut self, change: &'a Change) -> bool {
        match change {
            Change::Move { to, .. } if self.has(to) => return false,
            Change::Rename { path, name } => self.replace(path, Some(name)),
            Change::Move { from, to } => {
                let name = (to.len() == 1).then(|| to[0].as_str());
                self.replace(from, name);
            }
            Change::Drop { path } => self.replace(path, None),
        }
        true
    }

    fn has(&self, path: &[String]) -> bool {
        path.first()
            .is_some_and(|name| self.0.contains(&name.as_str()))
    }

    /// Gives a part another name, or forgets it.
    fn replace(&mut self, path: &[String], name: Option<&'a str>) {
        let [field] = path else { return };
        if let Some(index) = self.0.iter().position(|known| known == field) {
            self.0.remove(index);
            self.0.extend(name);
        }
    }
}
