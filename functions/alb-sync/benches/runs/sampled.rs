//! Runs over a name whose answers are independent, without the wire.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use alb_sync::testing::{DnsResponse, Evidence, Sampler};

pub(crate) struct SampledRuns {
    pub(crate) whole_percent: f64,
    /// The mean.
    pub(crate) lookups: f64,
}

pub(crate) fn runs(nodes: u8, count: u32) -> SampledRuns {
    let mut random = fastrand::Rng::new();
    let (mut whole, mut lookups) = (0, 0);
    for _ in 0..count {
        let mut sampler = Sampler::new(alb_sync::testing::ResponseScope::Auto, 150);
        loop {
            sampler.add(response(nodes, &mut random));
            if sampler.next_queries(4) == 0 {
                break;
            }
        }
        let resolution = sampler.finish();
        whole += u32::from(
            resolution.evidence == Evidence::Whole
                && resolution.addresses.len() == usize::from(nodes),
        );
        lookups += resolution.lookups;
    }
    SampledRuns {
        whole_percent: 100.0 * f64::from(whole) / f64::from(count),
        lookups: f64::from(lookups) / f64::from(count),
    }
}

fn response(nodes: u8, random: &mut fastrand::Rng) -> DnsResponse {
    let mut addresses = BTreeSet::new();
    while addresses.len() < 8 {
        addresses.insert(IpAddr::from([10, 0, 0, random.u8(..nodes)]));
    }
    DnsResponse {
        addresses,
        ttl: Duration::from_secs(60),
        authoritative: false,
    }
}
