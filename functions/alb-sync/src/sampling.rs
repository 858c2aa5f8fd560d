//! Samples the DNS responses of one name, and decides when to stop.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use sync_targets::ResponseScope;

use crate::coverage::{MIN_PARTIAL_ADDRESSES, MIN_RESPONSES_FOR_RARE, responses_for_all};

/// The number of consecutive repeated responses after which sampling ends. A cache has nothing new
/// to say before its entry expires.
const MAX_REPEATS: u32 = 16;

/// The longest time that a cache is assumed to keep a response.
pub(crate) const MAX_CACHE_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The response to one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsResponse {
    /// The addresses, at least one.
    pub addresses: BTreeSet<IpAddr>,
    /// The shortest time to live of the records.
    pub ttl: Duration,
    /// True if the response comes from a server of the name's own zone (RFC 1035, AA), and not from
    /// a cache.
    pub authoritative: bool,
}

/// What the responses of a name prove about addresses that they do not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The responses contain all addresses. Any other address is gone.
    Whole,
    /// The responses contain some addresses. Another address may be gone.
    Sample {
        /// The number of independent responses.
        answers: u32,
        /// The number of addresses in the smallest response.
        size: usize,
        /// How long caches may repeat these responses.
        copies_for: Duration,
        /// True if all addresses are equally frequent, as those of a load balancer are.
        is_uniform: bool,
    },
    /// Part of the addresses cannot be right. They prove nothing about others.
    Doubtful,
}

/// The result of resolving a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The addresses of all responses.
    pub addresses: BTreeSet<IpAddr>,
    /// What the responses prove about other addresses.
    pub evidence: Evidence,
    /// The shortest time to live of all responses.
    pub ttl: Duration,
    /// The number of queries.
    pub lookups: u32,
}

/// Collects the responses of one name in one run.
#[derive(Debug)]
pub struct Sampler {
    scope: ResponseScope,
    max_lookups: u32,
    lookups: u32,
    addresses: BTreeSet<IpAddr>,
    /// The different sets of addresses so far.
    sets: HashSet<BTreeSet<IpAddr>>,
    /// The number of responses from the zone's own servers, or with a new set. Cached copies of a
    /// response count once.
    independent: u32,
    all_authoritative: bool,
    repeats: u32,
    /// The number of addresses in the smallest response.
    size: usize,
    ttl: Duration,
    is_whole: bool,
    is_ended: bool,
}

impl Sampler {
    /// Creates a sampler for a name whose responses have the given scope, with at most `max_lookups`
    /// queries.
    #[must_use]
    pub fn new(scope: ResponseScope, max_lookups: u32) -> Self {
        Self {
            scope,
            max_lookups,
            lookups: 0,
            addresses: BTreeSet::new(),
            sets: HashSet::new(),
            independent: 0,
            all_authoritative: true,
            repeats: 0,
            size: usize::MAX,
            ttl: Duration::MAX,
            is_whole: false,
            is_ended: false,
        }
    }

    /// Adds a response.
    pub fn add(&mut self, response: DnsResponse) {
        self.lookups += 1;
        self.is_whole = match self.scope {
            ResponseScope::Auto => response.addresses.len() < MIN_PARTIAL_ADDRESSES,
            ResponseScope::Whole => true,
            ResponseScope::Part => false,
        };
        self.size = self.size.min(response.addresses.len());
        self.ttl = self.ttl.min(response.ttl);
        self.all_authoritative &= response.authoritative;
        self.addresses.extend(&response.addresses);

        let is_new = self.sets.insert(response.addresses);
        let is_independent = is_new || response.authoritative;
        self.independent += u32::from(is_independent);
        self.repeats = if is_independent { 0 } else { self.repeats + 1 };
    }

    /// Ends the sampling after a failed query or at the deadline.
    pub fn end(&mut self) {
        self.is_ended = true;
    }

    /// Returns the number of queries to make next, at most `max_parallel`.
    ///
    /// The number is 0 once the responses are complete, cover the name or repeat themselves, and
    /// after `max_lookups` queries.
    #[must_use]
    pub fn next_queries(&self, max_parallel: u32) -> u32 {
        let is_done =
            self.is_ended || self.is_whole || self.covers_name() || self.repeats >= MAX_REPEATS;

        if is_done {
            0
        } else {
            max_parallel.min(self.max_lookups.saturating_sub(self.lookups))
        }
    }

    /// Returns whether the responses would contain one more address if the name had it.
    fn covers_name(&self) -> bool {
        let if_uniform = responses_for_all(self.addresses.len() + 1, self.size);
        let needed = if self.scope == ResponseScope::Part {
            if_uniform.max(MIN_RESPONSES_FOR_RARE)
        } else {
            if_uniform
        };

        self.lookups > 0 && self.independent >= needed
    }

    /// Returns the result. At least one response must have been added.
    ///
    /// Partial responses ([`ResponseScope::Part`]) are never complete together, because the
    /// frequency of an address is unknown.
    #[must_use]
    pub fn finish(self) -> Resolution {
        let covers_uniform_name = self.scope == ResponseScope::Auto && self.covers_name();
        let evidence = if self.is_whole || covers_uniform_name {
            Evidence::Whole
        } else {
            Evidence::Sample {
                answers: self.independent,
                size: self.size,
                copies_for: if self.all_authoritative {
                    Duration::ZERO
                } else {
                    self.ttl.min(MAX_CACHE_TIME)
                },
                is_uniform: self.scope == ResponseScope::Auto,
            }
        };

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

    fn response(addresses: impl IntoIterator<Item = u8>, authoritative: bool) -> DnsResponse {
        let addresses = addresses
            .into_iter()
            .map(|last| IpAddr::from([10, 0, 0, last]))
            .collect();
        DnsResponse {
            addresses,
            ttl: Duration::from_secs(60),
            authoritative,
        }
    }

    /// Samples responses with 8 of `nodes` addresses.
    fn sampled(nodes: u8, max_lookups: u32, random: &mut fastrand::Rng) -> Resolution {
        let mut sampler = Sampler::new(ResponseScope::Auto, max_lookups);
        loop {
            let mut all: Vec<u8> = (0..nodes).collect();
            random.shuffle(&mut all);
            sampler.add(response(all.into_iter().take(8), false));
            if sampler.next_queries(1) == 0 {
                return sampler.finish();
            }
        }
    }

    #[test]
    fn a_response_of_seven_addresses_is_whole() {
        let mut sampler = Sampler::new(ResponseScope::Auto, 150);
        sampler.add(response(0..7, false));
        assert_eq!(sampler.next_queries(4), 0);
        assert_eq!(sampler.finish().evidence, Evidence::Whole);
    }

    #[test]
    fn sampling_ends_after_max_lookups() {
        let mut sampler = Sampler::new(ResponseScope::Auto, 3);
        sampler.add(response(0..8, false));
        assert_eq!(sampler.next_queries(4), 2);
        sampler.add(response(0..8, false));
        sampler.add(response(0..8, false));
        assert_eq!(sampler.next_queries(4), 0);
        assert!(matches!(
            sampler.finish().evidence,
            Evidence::Sample {
                answers: 1,
                size: 8,
                ..
            }
        ));
    }

    #[test]
    fn a_cache_that_repeats_its_response_counts_once_and_ends_sampling() {
        let mut sampler = Sampler::new(ResponseScope::Auto, 150);
        while sampler.next_queries(1) > 0 || sampler.lookups == 0 {
            sampler.add(response(0..8, false));
        }
        assert_eq!(sampler.lookups, 1 + MAX_REPEATS);
        let copies_for = Duration::from_secs(60);
        assert_eq!(
            sampler.finish().evidence,
            Evidence::Sample {
                answers: 1,
                size: 8,
                copies_for,
                is_uniform: true
            }
        );
    }

    #[test]
    fn authoritative_responses_are_independent() {
        let mut sampler = Sampler::new(ResponseScope::Auto, 150);
        while sampler.next_queries(1) > 0 || sampler.lookups == 0 {
            sampler.add(response(0..8, true));
        }
        assert_eq!(sampler.lookups, 5);
        assert_eq!(sampler.finish().evidence, Evidence::Whole);
    }

    #[test]
    fn one_response_of_whole_scope_is_enough() {
        let mut sampler = Sampler::new(ResponseScope::Whole, 150);
        sampler.add(response(0..100, false));
        assert_eq!(sampler.next_queries(4), 0);
        assert_eq!(sampler.finish().evidence, Evidence::Whole);
    }

    #[test]
    fn responses_of_partial_scope_never_become_whole() {
        for (authoritative, lookups, answers) in [
            (true, MIN_RESPONSES_FOR_RARE, MIN_RESPONSES_FOR_RARE),
            (false, 1 + MAX_REPEATS, 1),
        ] {
            let mut sampler = Sampler::new(ResponseScope::Part, 150);
            while sampler.next_queries(1) > 0 || sampler.lookups == 0 {
                sampler.add(response(0..1, authoritative));
            }
            assert_eq!(sampler.lookups, lookups);
            let evidence = sampler.finish().evidence;
            assert!(
                matches!(evidence, Evidence::Sample { answers: seen, is_uniform: false, .. } if seen == answers)
            );
        }
    }

    #[test]
    fn a_time_to_live_over_a_day_counts_as_a_day() {
        let mut sampler = Sampler::new(ResponseScope::Part, 1);
        sampler.add(DnsResponse {
            ttl: Duration::from_secs(u64::from(u32::MAX)),
            ..response(0..1, false)
        });
        let evidence = sampler.finish().evidence;
        assert!(matches!(
            evidence,
            Evidence::Sample {
                copies_for: MAX_CACHE_TIME,
                ..
            }
        ));
    }

    #[test]
    fn an_ended_sampling_is_a_sample() {
        let mut sampler = Sampler::new(ResponseScope::Auto, 150);
        sampler.add(response(0..8, true));
        sampler.end();
        assert_eq!(sampler.next_queries(4), 0);
        assert!(matches!(
            sampler.finish().evidence,
            Evidence::Sample { answers: 1, .. }
        ));
    }

    #[test]
    fn whole_evidence_is_right_in_999_of_1000_runs() {
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
