//! Runs over a name whose answers are independent, without the wire.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use alb_sync::{DnsAnswer, Evidence, Sampling};

pub(crate) struct Found {
    pub(crate) whole_percent: f64,
    /// The mean.
    pub(crate) lookups: f64,
}

pub(crate) fn runs(nodes: u8, count: u32) -> Found {
    let mut random = fastrand::Rng::new();
    let (mut whole, mut lookups) = (0, 0);
    for _ in 0..count {
        let mut sampling = Sampling::new(alb_sync::Answers::Auto, 150);
        loop {
            sampling.add(answer(nodes, &mut random));
            if sampling.wanted(4) == 0 {
                break;
            }
        }
        let resolution = sampling.finish();
        whole += u32::from(
            resolution.evidence == Evidence::Whole
                && resolution.addresses.len() == usize::from(nodes),
        );
        lookups += resolution.lookups;
    }
    Found {
        whole_percent: 100.0 * f64::from(whole) / f64::from(count),
        lookups: f64::from(lookups) / f64::from(count),
    }
}

fn answer(nodes: u8, random: &mut fastrand::Rng) -> DnsAnswer {
    let mut addresses = BTreeSet::new();
    while addresses.len() < 8 {
        addresses.insert(IpAddr::from([10, 0, 0, random.u8(..nodes)]));
    }
    DnsAnswer {
        addresses,
        ttl: Duration::from_secs(60),
        authoritative: false,
    }
}
