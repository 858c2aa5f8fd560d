//! What a run's answers say about a target that none of them shows, and when that counts.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use crate::coverage::{ANSWERS_FOR_RARE, answers_for_one};
use crate::reconcile::{Run, Sighting};
use crate::sampling::{Evidence, MAX_COPIES_FOR};
use crate::state::Record;
use crate::target::{Health, Reported};

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
    /// Returns what speaks for the absence of a target that `record` is about. The names that
    /// showed it last decide, else all names of its port. A port that no entry has any more is
    /// absent for certain, once every name is known. `None` if one of these names could not be
    /// resolved, or not be believed.
    pub(crate) fn of(target: &Reported, record: &Record, run: &Run<'_>) -> Option<Self> {
        let Run { sightings, now, .. } = *run;
        let at = target.at;
        let of_port = || {
            sightings
                .iter()
                .filter(|sighting| sighting.port == at.port())
        };
        if of_port().next().is_none() {
            return sightings
                .iter()
                .all(Sighting::is_certain)
                .then_some(Self::Certain);
        }

        let showed_it = |sighting: &&Sighting| record.names.contains(&sighting.name);
        let known = of_port().any(|sighting| showed_it(&sighting));
        let mut absence = Self::Certain;
        for sighting in of_port().filter(|sighting| !known || showed_it(sighting)) {
            let seen = sighting.seen.as_ref()?;
            let of_name = match &seen.evidence {
                Evidence::Doubtful => return None,
                Evidence::Whole => Self::Certain,
                Evidence::Sample {
                    answers,
                    size,
                    copies_for,
                    is_uniform,
                } => {
                    let copies_until = i64::try_from(copies_for.as_millis()).unwrap_or(i64::MAX);
                    let copies_until = if copies_until == 0 {
                        0
                    } else {
                        now.saturating_add(copies_until)
                    };
                    let needed = answers_for_one(nodes(at.port(), sighting, run), *size);
                    // Whatever still serves may be shown more seldom than others.
                    let is_rare = !is_uniform && target.health != Health::Unhealthy;
                    let needed = if is_rare {
                        needed.max(ANSWERS_FOR_RARE)
                    } else {
                        needed
                    };
                    Self::Likely {
                        answers: *answers,
                        needed,
                        copies_until,
                    }
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
                Self::Likely {
                    answers,
                    needed,
                    copies_until,
                },
                Self::Likely {
                    answers: others,
                    needed: other_needed,
                    copies_until: other_until,
                },
            ) => Self::Likely {
                answers: answers.min(others),
                needed: needed.max(other_needed),
                copies_until: copies_until.max(other_until),
            },
        }
    }

    /// The record after this run: a miss more, some answers more, or the same where it is too early
    /// to count.
    pub(crate) fn count(self, record: &Record, run: &Run<'_>) -> Record {
        let Run {
            state,
            settings,
            now,
            ..
        } = *run;
        if !settings.interval_is_over(record.counted_at, now) {
            return record.clone();
        }
        let misses = record.misses.saturating_add(1);
        let miss = || Record {
            misses,
            answers: 0,
            counted_at: Some(now),
            ..record.clone()
        };
        match self {
            Self::Certain => miss(),
            Self::Likely { copies_until, .. }
                if copies_until != 0
                    && state
                        .copies_until
                        .is_some_and(|until| is_ahead_plausibly(until, now)) =>
            {
                record.clone()
            }
            Self::Likely {
                answers, needed, ..
            } if record.answers.saturating_add(answers) >= needed => miss(),
            Self::Likely { answers, .. } => {
                let answers = record.answers.saturating_add(answers);
                Record {
                    answers,
                    counted_at: Some(now),
                    ..record.clone()
                }
            }
        }
    }
}

/// True if an instant is in the future, but not further than a cache can keep an answer: a clock
/// that was ahead must not stop the counting.
fn is_ahead_plausibly(until: i64, now: i64) -> bool {
    let longest = i64::try_from(MAX_COPIES_FOR.as_millis()).unwrap_or(i64::MAX);
    now < until && until.saturating_sub(now) <= longest
}

/// How many addresses a name may have: what it shows, and whatever else its port has or had.
fn nodes(port: u16, sighting: &Sighting, run: &Run<'_>) -> usize {
    let remembered = run
        .state
        .targets
        .iter()
        .filter(|(_, record)| record.ours)
        .map(|(at, _)| at);
    let of_port = remembered
        .chain(run.group.keys())
        .filter(|at| at.port() == port)
        .map(SocketAddr::ip);
    let shown = sighting
        .seen
        .iter()
        .flat_map(|seen| seen.addresses.iter().copied());
    of_port.chain(shown).collect::<BTreeSet<_>>().len()
}
