//! From answers of one name to what is known of its addresses, and when to stop asking.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::coverage::{ANSWERS_FOR_RARE, WHOLE_BELOW, answers_for_all};
use crate::sync_targets::Answers;

/// A cache that repeats itself this often has nothing new to say before its answers' time to live
/// is over.
const REPEATS: u32 = 16;

/// No cache is taken to keep an answer for longer.
pub(crate) const MAX_COPIES_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// One answer to one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its addresses, one at least.
    pub addresses: BTreeSet<IpAddr>,
    /// How long they hold: the least of its records.
    pub ttl: Duration,
    /// Whether it comes from a server of the name's own zone (RFC 1035, AA), and not from a cache.
    pub authoritative: bool,
}

/// What a name's answers say about addresses that they do not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// That they are gone.
    Whole,
    /// That they may be gone.
    Sample {
        /// How many answers count as independent.
        answers: u32,
        /// How many addresses the smallest of them shows.
        size: usize,
        /// How long copies of them may be given out again.
        copies_for: Duration,
        /// True if every address is shown equally often, as those of a load balancer are.
        is_uniform: bool,
    },
    /// Nothing: part of what they show cannot be right.
    Doubtful,
}

/// What a name resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Every address that an answer showed.
    pub addresses: BTreeSet<IpAddr>,
    /// What they say about others.
    pub evidence: Evidence,
    /// How long the addresses hold: the least of all answers.
    pub ttl: Duration,
    /// How many queries were made.
    pub lookups: u32,
}

/// The answers of one name in one run.
#[derive(Debug)]
pub struct Sampling {
    answers: Answers,
    max_lookups: u32,
    lookups: u32,
    addresses: BTreeSet<IpAddr>,
    sets: HashSet<BTreeSet<IpAddr>>,
    /// Answers from the zone's own servers, or different ones: copies of one answer are one answer.
    independent: u32,
    all_authoritative: bool,
    repeats: u32,
    size: usize,
    ttl: Duration,
    whole: bool,
    over: bool,
}

impl Sampling {
    /// Samples a name whose answers show what `answers` says, with at most `max_lookups` queries.
    #[must_use]
    pub fn new(answers: Answers, max_lookups: u32) -> Self {
        Self {
            answers,
            max_lookups,
            lookups: 0,
            addresses: BTreeSet::new(),
            sets: HashSet::new(),
            independent: 0,
            all_authoritative: true,
            repeats: 0,
            size: usize::MAX,
            ttl: Duration::MAX,
            whole: false,
            over: false,
        }
    }

    /// Takes an answer in.
    pub fn add(&mut self, answer: Answer) {
        self.lookups += 1;
        self.whole = match self.answers {
            Answers::Auto => answer.addresses.len() < WHOLE_BELOW,
            Answers::Whole => true,
            Answers::Part => false,
        };
        self.size = self.size.min(answer.addresses.len());
        self.ttl = self.ttl.min(answer.ttl);
        self.all_authoritative &= answer.authoritative;
        self.addresses.extend(&answer.addresses);
        let new = self.sets.insert(answer.addresses);
        self.independent += u32::from(new || answer.authoritative);
        self.repeats = if new || answer.authoritative {
            0
        } else {
            self.repeats + 1
        };
    }

    /// Ends the sampling: a query failed, or the time is over.
    pub fn end(&mut self) {
        self.over = true;
    }

    /// How many queries are to be made next: none where the answers are whole or cover the name,
    /// where they repeat themselves, and behind the last of `max_lookups`.
    #[must_use]
    pub fn wanted(&self, at_once: u32) -> u32 {
        let enough = self.over || self.whole || self.covers() || self.repeats >= REPEATS;
        if enough {
            0
        } else {
            at_once.min(self.max_lookups.saturating_sub(self.lookups))
        }
    }

    /// True if one more address than are known would have been seen.
    fn covers(&self) -> bool {
        let of_equals = answers_for_all(self.addresses.len() + 1, self.size);
        let needed = if self.answers == Answers::Part {
            of_equals.max(ANSWERS_FOR_RARE)
        } else {
            of_equals
        };
        self.lookups > 0 && self.independent >= needed
    }

    /// What is known. At least one answer has been added. Answers that are parts never make a
    /// whole: how seldom an address is shown is not known.
    #[must_use]
    pub fn finish(self) -> Resolution {
        let sample = Evidence::Sample {
            answers: self.independent,
            size: self.size,
            copies_for: if self.all_authoritative {
                Duration::ZERO
            } else {
                self.ttl.min(MAX_COPIES_FOR)
            },
            is_uniform: self.answers == Answers::Auto,
        };
        let is_whole = self.whole || (self.answers == Answers::Auto && self.covers());
        let evidence = if is_whole { Evidence::Whole } else { sample };
        Resolution {
            addresses: self.addresses,
            evidence,
            ttl: self.ttl,
            lookups: self.lookups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(addresses: impl IntoIterator<Item = u8>, authoritative: bool) -> Answer {
        let addresses = addresses
            .into_iter()
            .map(|last| IpAddr::from([10, 0, 0, last]))
            .collect();
        Answer {
            addresses,
            ttl: Duration::from_secs(60),
            authoritative,
        }
    }

    /// Answers with 8 of `nodes` until enough; what came of it.
    fn sampled(nodes: u8, max_lookups: u32, random: &mut fastrand::Rng) -> Resolution {
        let mut sampling = Sampling::new(Answers::Auto, max_lookups);
        loop {
            let mut all: Vec<u8> = (0..nodes).collect();
            random.shuffle(&mut all);
            sampling.add(answer(all.into_iter().take(8), false));
            if sampling.wanted(1) == 0 {
                return sampling.finish();
            }
        }
    }

    /// Scenario 15.
    #[test]
    fn an_answer_of_seven_is_whole_at_once() {
        let mut sampling = Sampling::new(Answers::Auto, 150);
        sampling.add(answer(0..7, false));
        assert_eq!(sampling.wanted(4), 0);
        assert_eq!(sampling.finish().evidence, Evidence::Whole);
    }

    /// Scenario 16.
    #[test]
    fn no_more_than_max_lookups_are_wanted() {
        let mut sampling = Sampling::new(Answers::Auto, 3);
        sampling.add(answer(0..8, false));
        assert_eq!(sampling.wanted(4), 2);
        sampling.add(answer(0..8, false));
        sampling.add(answer(0..8, false));
        assert_eq!(sampling.wanted(4), 0);
        assert!(matches!(
            sampling.finish().evidence,
            Evidence::Sample {
                answers: 1,
                size: 8,
                ..
            }
        ));
    }

    #[test]
    fn a_cache_that_repeats_its_answer_is_one_answer_and_is_left_alone() {
        let mut sampling = Sampling::new(Answers::Auto, 150);
        while sampling.wanted(1) > 0 || sampling.lookups == 0 {
            sampling.add(answer(0..8, false));
        }
        assert_eq!(sampling.lookups, 1 + REPEATS);
        let copies_for = Duration::from_secs(60);
        assert_eq!(
            sampling.finish().evidence,
            Evidence::Sample {
                answers: 1,
                size: 8,
                copies_for,
                is_uniform: true
            }
        );
    }

    #[test]
    fn the_zones_own_servers_answer_anew_each_time() {
        let mut sampling = Sampling::new(Answers::Auto, 150);
        while sampling.wanted(1) > 0 || sampling.lookups == 0 {
            sampling.add(answer(0..8, true));
        }
        assert_eq!(sampling.lookups, 5);
        assert_eq!(sampling.finish().evidence, Evidence::Whole);
    }

    #[test]
    fn an_answer_that_is_whole_whatever_its_size_needs_no_other() {
        let mut sampling = Sampling::new(Answers::Whole, 150);
        sampling.add(answer(0..100, false));
        assert_eq!(sampling.wanted(4), 0);
        assert_eq!(sampling.finish().evidence, Evidence::Whole);
    }

    #[test]
    fn answers_that_are_parts_never_make_a_whole() {
        for (authoritative, lookups, answers) in [
            (true, ANSWERS_FOR_RARE, ANSWERS_FOR_RARE),
            (false, 1 + REPEATS, 1),
        ] {
            let mut sampling = Sampling::new(Answers::Part, 150);
            while sampling.wanted(1) > 0 || sampling.lookups == 0 {
                sampling.add(answer(0..1, authoritative));
            }
            assert_eq!(sampling.lookups, lookups);
            let evidence = sampling.finish().evidence;
            assert!(
                matches!(evidence, Evidence::Sample { answers: seen, is_uniform: false, .. } if seen == answers)
            );
        }
    }

    #[test]
    fn a_time_to_live_of_more_than_a_day_counts_as_a_day() {
        let mut sampling = Sampling::new(Answers::Part, 1);
        sampling.add(Answer {
            ttl: Duration::from_secs(u64::from(u32::MAX)),
            ..answer(0..1, false)
        });
        let evidence = sampling.finish().evidence;
        assert!(matches!(
            evidence,
            Evidence::Sample {
                copies_for: MAX_COPIES_FOR,
                ..
            }
        ));
    }

    #[test]
    fn an_ended_sampling_is_a_sample() {
        let mut sampling = Sampling::new(Answers::Auto, 150);
        sampling.add(answer(0..8, true));
        sampling.end();
        assert_eq!(sampling.wanted(4), 0);
        assert!(matches!(
            sampling.finish().evidence,
            Evidence::Sample { answers: 1, .. }
        ));
    }

    #[test]
    fn what_is_taken_for_whole_is_whole_in_999_of_1000_runs_whatever_its_size() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut wrong = 0;
        for nodes in (9..=100).cycle().take(4_000) {
            let resolution = sampled(nodes, 150, &mut random);
            let missed = resolution.evidence == Evidence::Whole
                && resolution.addresses.len() < usize::from(nodes);
            wrong += u32::from(missed);
        }
        assert!(wrong <= 4, "{wrong} of 4,000");
    }
}
