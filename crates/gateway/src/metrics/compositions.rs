//! The metrics of composed responses and their parts.

use composer::{Reply, ReplyKind};
use composition::Missing;

use super::definition as families;
use super::series::Counters;
use super::snapshot::FamilySnapshot;

/// The result of a part that is not missing.
const OK: &str = "ok";

/// The metrics of compositions. Their labels are names of the configuration and words of Tollgate.
#[derive(Debug)]
pub(super) struct Compositions {
    responses: Counters,
    parts: Counters,
}

impl Default for Compositions {
    fn default() -> Self {
        Self {
            responses: Counters::new(&families::COMPOSED_RESPONSES),
            parts: Counters::new(&families::COMPOSITION_PARTS),
        }
    }
}

impl Compositions {
    /// Counts a response and its parts. A request that is refused before any call is not counted.
    pub(super) fn count(&mut self, route: &str, reply: &Reply) {
        if matches!(reply.kind, ReplyKind::Refused | ReplyKind::Fault) {
            return;
        }

        *self.responses.at([route, reply.kind.as_str()]) += 1;
        for part in &reply.parts {
            let result = part.outcome.map_or_else(Missing::as_str, |_| OK);
            *self.parts.at([route, &part.name, result]) += 1;
        }
    }

    /// Returns a copy of the families.
    pub(super) fn copy(&self) -> [FamilySnapshot; 2] {
        [(&self.responses).into(), (&self.parts).into()]
    }

    /// Returns the number of series that are counted in other series.
    pub(super) fn overflowed(&self) -> usize {
        self.responses.overflowed() + self.parts.overflowed()
    }
}
