//! What a run's answers say about a target that none of them shows, and when that counts.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::coverage::answers_for_one;
use crate::reconcile::{Run, Sighting};
use crate::sampling::Evidence;
use crate::state::Record;

/// What speaks for a target's absence. Without it nothing is counted and nothing leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Every name shows all it has.
    Certain,
    /// So many answers do not show it, of so many that one interval's miss takes.
    Likely {
        answers: u32,
        needed: u32,
        /// Until when copies of these answers may come; 0 where none do.
        copies_until: i64,
    },
}

impl Absence {
    /// Of a target that `record` is about: the names that showed it last decide, else all of its port. `None` where
    /// one of them could not be resolved, or not be believed.
    pub(crate) fn of(at: SocketAddr, record: &Record, run: &Run<'_>) -> Option<Self> {
        let Run { sightings, now, .. } = *run;
        let of_port = || sightings.iter().filter(|sighting| sighting.port == at.port());
        let showed_it = |sighting: &&Sighting| record.names.contains(&sighting.name);
        let known = of_port().any(|sighting| showed_it(&sighting));
        let mut absence = Self::Certain;
        for sighting in of_port().filter(|sighting| !known || showed_it(sighting)) {
            let seen = sighting.seen.as_ref()?;
            let of_name = match &seen.evidence {
                Evidence::Doubtful => return None,
                Evidence::Whole => Self::Certain,
                Evidence::Sample { answers, size, copies_for } => {
                    let copies_until = i64::try_from(copies_for.as_millis()).unwrap_or(i64::MAX);
                    let copies_until = if copies_until == 0 { 0 } else { now.saturating_add(copies_until) };
                    let needed = answers_for_one(nodes(at.port(), sighting, run), *size);
                    Self::Likely { answers: *answers, needed, copies_until }
                }
            };
            absence = absence.and(of_name);
        }
        Some(absence)
    }

    /// Of two names, the one that says less.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Certain, other) => other,
            (likely, Self::Certain) => likely,
            (
                Self::Likely { answers, needed, copies_until },
                Self::Likely { answers: others, needed: other_needed, copies_until: other_until },
            ) => Self::Likely {
                answers: answers.min(others),
                needed: needed.max(other_needed),
                copies_until: copies_until.max(other_until),
            },
        }
    }

    /// The record after this run: a miss more, some answers more, or the same where it is too early to count.
    pub(crate) fn count(self, record: &Record, run: &Run<'_>) -> Record {
        let Run { state, settings, now, .. } = *run;
        if !settings.interval_is_over(record.counted_at, now) {
            return record.clone();
        }
        let miss = || Record { misses: record.misses + 1, answers: 0, counted_at: Some(now), ..record.clone() };
        match self {
            Self::Certain => miss(),
            Self::Likely { copies_until, .. }
                if copies_until != 0 && state.copies_until.is_some_and(|until| now < until) =>
            {
                record.clone()
            }
            Self::Likely { answers, needed, .. } if record.answers.saturating_add(answers) >= needed => miss(),
            Self::Likely { answers, .. } => {
                Record { answers: record.answers + answers, counted_at: Some(now), ..record.clone() }
            }
        }
    }
}

/// How many addresses a name may have: what it shows, and whatever else its port has or had.
fn nodes(port: u16, sighting: &Sighting, run: &Run<'_>) -> usize {
    let remembered = run.state.targets.iter().filter(|(_, record)| record.ours).map(|(at, _)| at);
    let of_port = remembered.chain(run.group.keys()).filter(|at| at.port() == port).map(SocketAddr::ip);
    let shown = sighting.seen.iter().flat_map(|seen| seen.addresses.iter().copied());
    of_port.chain(shown).collect::<BTreeSet<_>>().len()
}
