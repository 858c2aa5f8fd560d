//! The simulations whose figures are in docs/concepts/scale.md.

use crate::partitions::{Capacity, TABLE_QUOTA};
use crate::scenario::{Routing, Scenario, plan};

/// The instances that Lambda needs for 100,000 calls per second, if each gets at most 10 per second.
const TEN_PER_S: usize = 10_000;
/// The instances that are busy while many calls wait for a throttled table.
const WAITING: usize = 8_000;
/// The milliseconds after which the keys above a limit have used their bursts.
const BURSTS_END_MS: u32 = 2_000;

/// Returns all simulations.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    scenarios.extend(leases());
    scenarios.extend(tables());
    scenarios.extend(limits());
    scenarios.extend(rates());
    scenarios
}

/// Leases on warm tables, with few busy instances, and with as many as Lambda may use.
fn leases() -> impl Iterator<Item = Scenario> {
    let few = [0, 16].map(|lease| Scenario {
        plan: plan(20_000, 40_000, lease),
        ..Scenario::million_keys(&format!("few instances, lease {lease}"))
    });
    let many = [0, 16].map(|lease| Scenario {
        plan: plan(20_000, 40_000, lease),
        routing: Routing::LongestIdle,
        instances: TEN_PER_S,
        ..Scenario::million_keys(&format!("many instances, lease {lease}"))
    });
    few.into_iter().chain(many)
}

/// A new table, one that is warm for 40,000 writes per second, and one that is warm but whose quota
/// was not raised.
fn tables() -> [Scenario; 3] {
    [
        Scenario {
            usage: Capacity::new_table(),
            instances: WAITING,
            ..Scenario::million_keys("new table")
        },
        Scenario {
            usage: Capacity::warm(TABLE_QUOTA),
            instances: WAITING,
            ..Scenario::million_keys("table for 40,000 writes/s")
        },
        Scenario {
            usage: Capacity {
                quota: TABLE_QUOTA,
                ..Capacity::warm(400_000.0)
            },
            instances: WAITING,
            ..Scenario::million_keys("warm table, default quota")
        },
    ]
}

/// Plans whose rate is below what an item takes.
fn limits() -> impl Iterator<Item = Scenario> {
    [(500, 100), (50, 20)]
        .into_iter()
        .map(|(rate, burst)| Scenario {
            plan: plan(rate, burst, 0),
            warm_up_ms: BURSTS_END_MS,
            ..Scenario::million_keys(&format!("plan of {rate} calls/s"))
        })
}

/// Less traffic, on new tables.
fn rates() -> impl Iterator<Item = Scenario> {
    [(1_000, 100), (10_000, 1_000)]
        .into_iter()
        .map(|(calls_per_s, instances)| Scenario {
            calls_per_s,
            instances,
            usage: Capacity::new_table(),
            registry: Capacity::new_table(),
            warm_up_ms: 3000,
            measured_ms: 1000,
            ..Scenario::million_keys(&format!("{calls_per_s} calls/s, new tables"))
        })
}
