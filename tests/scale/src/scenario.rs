//! The settings of a simulation.

use serde_json::{Value, json};

use crate::partitions::Capacity;

/// A simulation.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name in results.
    pub name: String,
    /// The number of keys.
    pub keys: u32,
    /// The exponent of Zipf's law.
    pub exponent: f64,
    /// The calls per second, of all keys together.
    pub calls_per_s: u32,
    /// The document of the plan of all keys.
    pub plan: String,
    /// The capacity of the usage table.
    pub usage: Capacity,
    /// The capacity of the registry table.
    pub registry: Capacity,
    /// The number of instances that are warm at the beginning. More start if all of them have a call.
    pub instances: usize,
    /// The instance that gets a call.
    pub routing: Routing,
    /// The milliseconds before the measurement. Leases begin when an instance knows how often a key
    /// called it in the last second.
    pub warm_up_ms: u32,
    /// The milliseconds of the measurement.
    pub measured_ms: u32,
    /// The seed of everything that is random.
    pub seed: u64,
}

/// The instance that gets a call. AWS does not publish how Lambda chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// The idle instance that was used last, so that few instances are enough.
    LastUsed,
    /// The instance that has been idle longest, so that all instances get as many calls.
    LongestIdle,
}

impl Scenario {
    /// Returns a million keys with 100,000 calls per second, an ample plan and warm tables.
    #[must_use]
    pub fn million_keys(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            keys: 1_000_000,
            exponent: 1.0,
            calls_per_s: 100_000,
            plan: plan(20_000, 40_000, 0),
            usage: Capacity::warm(400_000.0),
            registry: Capacity::warm(400_000.0),
            instances: 3_000,
            routing: Routing::LastUsed,
            warm_up_ms: 1_500,
            measured_ms: 150,
            seed: 26,
        }
    }

    /// Returns the settings as JSON.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({
            "keys": self.keys, "exponent": self.exponent, "calls_per_s": self.calls_per_s,
            "plan": serde_json::from_str::<Value>(&self.plan).unwrap_or_default(),
            "partitions": self.usage.partitions, "quota": self.usage.quota, "kept_s": self.usage.kept_s,
            "registry_partitions": self.registry.partitions, "registry_quota": self.registry.quota,
            "routing": match self.routing { Routing::LastUsed => "last used", Routing::LongestIdle => "longest idle" },
            "warm_up_ms": self.warm_up_ms, "measured_ms": self.measured_ms, "seed": self.seed,
        })
    }

    /// Returns the rate and the burst of the plan.
    #[must_use]
    pub fn throttle(&self) -> Option<[f64; 2]> {
        let plan: Value = serde_json::from_str(&self.plan).ok()?;
        let throttle = &plan["throttle"];
        Some([throttle["rate"].as_f64()?, throttle["burst"].as_f64()?])
    }
}

/// Returns the document of a plan with a rate, a burst, a quota per day and leases. A lease of 0 is
/// none.
#[must_use]
pub fn plan(rate: u32, burst: u32, lease: u32) -> String {
    let quotas = json!([{"limit": 1_000_000_000, "period": "day"}]);
    let mut plan = json!({"throttle": {"rate": rate, "burst": burst}, "quotas": quotas});
    if lease > 0 {
        plan["lease"] = json!(lease);
    }
    plan.to_string()
}
