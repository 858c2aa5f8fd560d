//! The evidence that a target's address has left DNS.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::observation::NameObservation;
use super::snapshot::Snapshot;
use crate::coverage::{MIN_RESPONSES_FOR_RARE, responses_for_one};
use crate::sampling::{Evidence, MAX_CACHE_TIME};
use crate::state::Record;
use crate::target::{Health, TargetHealth};

/// The evidence that an address is absent. Without evidence, no miss is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// The responses contained all addresses of every relevant name.
    Certain,
    /// The address was absent from a sample of responses.
    Likely {
        /// The number of independent responses without the address.
        answers: u32,
        /// The number of such responses that make one miss.
        needed: u32,
        /// Until when caches may repeat these responses, in milliseconds since 1970. 0 if they are
        /// not cached.
        copies_until: i64,
    },
}

impl Absence {
    /// Returns the evidence that a target is absent, or `None` if a relevant name is unresolved or
    /// doubtful.
    ///
    /// The relevant names are those that last resolved to the target, else all names of its port. A
    /// target on a port that has no name any more is absent once every name is resolved.
    pub(super) fn of_target(
        target: &TargetHealth,
        record: &Record,
        snapshot: &Snapshot<'_>,
    ) -> Option<Self> {
        let port = target.address.port();
        let on_port = || {
            snapshot
                .observations
                .iter()
                .filter(|observation| observation.port == port)
        };
        if on_port().next().is_none() {
            let all_certain = snapshot
                .observations
                .iter()
                .all(NameObservation::is_certain);
            return all_certain.then_some(Self::Certain);
        }

        let resolved_before =
            |observation: &NameObservation| record.names.contains(&observation.name);
        let has_known_name = on_port().any(resolved_before);

        on_port()
            .filter(|observation| !has_known_name || resolved_before(observation))
            .try_fold(Self::Certain, |absence, observation| {
                Some(absence.weaker(Self::in_name(target, observation, snapshot)?))
            })
    }

    /// Returns the evidence from one name.
    fn in_name(
        target: &TargetHealth,
        observation: &NameObservation,
        snapshot: &Snapshot<'_>,
    ) -> Option<Self> {
        let Evidence::Sample {
            answers,
            size,
            copies_for,
            is_uniform,
        } = &observation.resolved.as_ref()?.evidence
        else {
            let is_certain = observation.is_certain();
            return is_certain.then_some(Self::Certain);
        };

        let copies_ms = i64::try_from(copies_for.as_millis()).unwrap_or(i64::MAX);
        let copies_until = if copies_ms == 0 {
            0
        } else {
            snapshot.now.saturating_add(copies_ms)
        };

        // A target that still serves may be in fewer responses than others.
        let nodes = max_addresses(target.address.port(), observation, snapshot);
        let needed = responses_for_one(nodes, *size);
        let may_be_rare = !is_uniform && target.health != Health::Unhealthy;
        let needed = if may_be_rare {
            needed.max(MIN_RESPONSES_FOR_RARE)
        } else {
            needed
        };

        Some(Self::Likely {
            answers: *answers,
            needed,
            copies_until,
        })
    }

    /// Returns the weaker evidence of two names.
    fn weaker(self, other: Self) -> Self {
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
                    answers: other_answers,
                    needed: other_needed,
                    copies_until: other_until,
                },
            ) => Self::Likely {
                answers: answers.min(other_answers),
                needed: needed.max(other_needed),
                copies_until: copies_until.max(other_until),
            },
        }
    }

    /// Returns the record after this run: with another miss or more responses, or unchanged if it is
    /// too early to count.
    pub(super) fn count(self, record: &Record, snapshot: &Snapshot<'_>) -> Record {
        let now = snapshot.now;
        if !snapshot
            .settings
            .has_interval_passed(record.counted_at, now)
        {
            return record.clone();
        }

        let with_miss = || Record {
            misses: record.misses.saturating_add(1),
            answers: 0,
            counted_at: Some(now),
            ..record.clone()
        };
        match self {
            Self::Certain => with_miss(),
            Self::Likely { copies_until, .. }
                if copies_until != 0 && has_cached_copies(snapshot) =>
            {
                record.clone()
            }
            Self::Likely {
                answers, needed, ..
            } if record.answers.saturating_add(answers) >= needed => with_miss(),
            Self::Likely { answers, .. } => Record {
                answers: record.answers.saturating_add(answers),
                counted_at: Some(now),
                ..record.clone()
            },
        }
    }
}

/// Returns whether caches may still repeat responses that are already counted. Ignores an instant
/// further ahead than any cache time, so that a fast clock cannot stop the counting.
fn has_cached_copies(snapshot: &Snapshot<'_>) -> bool {
    let max_cache_ms = i64::try_from(MAX_CACHE_TIME.as_millis()).unwrap_or(i64::MAX);
    let now = snapshot.now;

    snapshot
        .state
        .copies_until
        .is_some_and(|until| now < until && until.saturating_sub(now) <= max_cache_ms)
}

/// Returns the largest number of addresses that a name may have: those it resolves to, and all
/// current and recorded targets of its port.
fn max_addresses(port: u16, observation: &NameObservation, snapshot: &Snapshot<'_>) -> usize {
    let recorded = snapshot
        .state
        .targets
        .iter()
        .filter(|(_, record)| record.ours)
        .map(|(address, _)| address);
    let on_port = recorded
        .chain(snapshot.group.keys())
        .filter(|address| address.port() == port)
        .map(SocketAddr::ip);
    let resolved = observation
        .resolved
        .iter()
        .flat_map(|resolved| resolved.addresses.iter().copied());

    on_port.chain(resolved).collect::<BTreeSet<_>>().len()
}
