//! One simulation: arrivals, instances, and the decision on each call by the product's code.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws::{AwsCalls, Deadline, Timeouts};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use limits::Nanos;
use registry::KeyHash;
use store::{Clock, DynamoDbConfig, DynamoDbStore};
use telemetry::RecordLog;

use crate::call::{self, Outcome};
use crate::documents::{Documents, PLAN};
use crate::results::{Results, Tally};
use crate::scenario::{Routing, Scenario};
use crate::tables::{REGISTRY, Tables, USAGE};
use crate::timeline::{Instant, MILLISECOND, Timeline};
use crate::transport::{Transport, exponential};
use crate::zipf::Zipf;

/// The instant at which a simulation begins: 2026-11-22T12:00:00Z.
const NOON: Nanos = 1_795_348_800 * 1_000_000_000;
/// The greatest error of an instance's clock.
const CLOCK_ERROR: i64 = 500_000;
/// The time between the starts of two instances.
const START_UP_INTERVAL: Instant = MILLISECOND;
/// The intervals between the last start and the first call.
const START_UP_PAUSE: Instant = 100;
/// The time that a call takes on its instance before and after the store's work: Lambda's runtime,
/// the event, and the response.
const HALF_OVERHEAD: Instant = 500_000;

/// Everything that the calls of a simulation share.
struct Simulation {
    scenario: Scenario,
    timeline: Timeline,
    transport: Transport,
    aws: AwsCalls,
    fleet: Mutex<Fleet>,
}

struct Fleet {
    stores: Vec<Arc<DynamoDbStore>>,
    /// The instances without a call. The last one was used last.
    idle: VecDeque<usize>,
    random: fastrand::Rng,
    tally: Tally,
}

/// Runs a scenario.
///
/// # Errors
/// A description of a setting that is invalid.
pub fn run(scenario: &Scenario) -> Result<Results, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime
        .map_err(|error| error.to_string())?
        .block_on(Simulation::run(scenario))
}

impl Simulation {
    async fn run(scenario: &Scenario) -> Result<Results, String> {
        // The pauses before retries are random.
        fastrand::seed(scenario.seed);
        let simulation = Arc::new(Self::new(scenario).await?);
        let started = simulation.start_up().await;
        let begin = started + u64::from(scenario.warm_up_ms) * MILLISECOND;
        let end = begin + u64::from(scenario.measured_ms) * MILLISECOND;
        let arrivals = simulation.arrive(end);

        while simulation.timeline.advance(begin).await {}
        simulation.transport.tables().counts.reset();
        simulation.fleet().tally.begin(begin);
        while simulation.timeline.advance(end).await {}

        arrivals.abort();
        let fleet = simulation.fleet();
        let tables = simulation.transport.tables();
        Ok(Results::new(
            scenario,
            &fleet.tally,
            fleet.stores.len(),
            &tables,
        ))
    }

    async fn new(scenario: &Scenario) -> Result<Self, String> {
        let timeline = Timeline::default();
        let documents = Documents::new(scenario.keys, &scenario.plan);
        let tables = Tables::new(scenario.usage, scenario.registry, documents);
        let transport = Transport::new(timeline.clone(), tables, scenario.seed + 1);
        let aws = AwsCalls::load(
            environment,
            Timeouts::default(),
            RecordLog::to(std::io::sink()),
        );
        let aws = aws.await.map_err(|error| error.to_string())?;
        let simulation = Self {
            aws: aws.with_transport(SharedHttpClient::new(transport.clone())),
            timeline,
            transport,
            fleet: Mutex::new(Fleet {
                stores: Vec::new(),
                idle: VecDeque::new(),
                random: fastrand::Rng::with_seed(scenario.seed + 2),
                tally: Tally::new(scenario.keys),
            }),
            scenario: scenario.clone(),
        };

        for number in 0..scenario.instances {
            simulation.start_instance();
            simulation.fleet().idle.push_back(number);
        }
        Ok(simulation)
    }

    /// Lets each instance read the plan and the blocks, one after the other. Returns the instant at
    /// which all of them have.
    async fn start_up(self: &Arc<Self>) -> Instant {
        let simulation = Arc::clone(self);
        tokio::spawn(async move {
            for number in 0..simulation.scenario.instances {
                tokio::spawn(Arc::clone(&simulation).start_up_of(number));
                simulation.timeline.wait(START_UP_INTERVAL).await;
            }
        });
        let wait = START_UP_INTERVAL * (self.scenario.instances as Instant + START_UP_PAUSE);
        while self.timeline.advance(wait).await {}
        wait
    }

    async fn start_up_of(self: Arc<Self>, number: usize) {
        let store = self.fleet().stores.get(number).cloned();
        let Some(store) = store else { return };
        let now = tokio::time::Instant::now().into_std();
        let deadline = Deadline::after(now, store.deadline());
        // The first call reads what is missing.
        let _ = store.blocks(deadline).await;
        let _ = store.plan(PLAN, deadline).await;
    }

    /// Lets calls arrive as a Poisson process until `end`.
    fn arrive(self: &Arc<Self>, end: Instant) -> tokio::task::JoinHandle<()> {
        let simulation = Arc::clone(self);
        let zipf = Zipf::new(self.scenario.keys, self.scenario.exponent);
        let mut random = fastrand::Rng::with_seed(self.scenario.seed);
        let mean = 1e9 / f64::from(self.scenario.calls_per_s);
        tokio::spawn(async move {
            while simulation.timeline.now() < end {
                simulation
                    .timeline
                    .wait(exponential(random.f64(), mean))
                    .await;
                let rank = zipf.rank(random.f64());
                tokio::spawn(Arc::clone(&simulation).call(rank));
            }
        })
    }

    async fn call(self: Arc<Self>, rank: u32) {
        let Some(hash) = self.hash(rank) else { return };
        let (number, store) = self.instance();
        let began = self.timeline.now();
        self.fleet().tally.start(began);

        self.timeline.wait(HALF_OVERHEAD).await;
        let now = tokio::time::Instant::now().into_std();
        let deadline = Deadline::after(now, store.deadline());
        let outcome = call::decide(&store, &hash, deadline).await;
        self.timeline.wait(HALF_OVERHEAD).await;

        self.end(number, rank, outcome, began);
    }

    fn end(&self, number: usize, rank: u32, outcome: Outcome, began: Instant) {
        let now = self.timeline.now();
        let mut fleet = self.fleet();
        fleet.tally.end(rank, outcome, began, now);
        fleet.idle.push_back(number);
    }

    /// Returns an instance without a call, and starts one if there is none.
    fn instance(&self) -> (usize, Arc<DynamoDbStore>) {
        let mut fleet = self.fleet();
        let idle = match self.scenario.routing {
            Routing::LastUsed => fleet.idle.pop_back(),
            Routing::LongestIdle => fleet.idle.pop_front(),
        };
        let number = idle.unwrap_or(fleet.stores.len());
        if let Some(store) = fleet.stores.get(number) {
            return (number, Arc::clone(store));
        }
        drop(fleet);
        (number, self.start_instance())
    }

    fn start_instance(&self) -> Arc<DynamoDbStore> {
        let mut fleet = self.fleet();
        let error = Nanos::from(fleet.random.i64(-CLOCK_ERROR..=CLOCK_ERROR));
        let timeline = self.timeline.clone();
        let clock = Clock::new(move || NOON + error + Nanos::from(timeline.now()));
        let store = DynamoDbStore::new(&self.aws, config()).with_clock(clock);
        let store = Arc::new(store);
        fleet.stores.push(Arc::clone(&store));
        store
    }

    fn hash(&self, rank: u32) -> Option<KeyHash> {
        self.transport.tables().hash(rank)
    }

    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn config() -> DynamoDbConfig {
    DynamoDbConfig {
        registry_table: REGISTRY.to_owned(),
        usage_table: USAGE.to_owned(),
        deadline: DynamoDbConfig::DEADLINE,
        local_instances: NonZeroU32::MIN.saturating_add(9),
    }
}

/// The environment of an instance. Nothing listens on the address.
fn environment(name: &str) -> Option<String> {
    let value = match name {
        "AWS_REGION" => "us-east-1",
        "AWS_ENDPOINT_URL" => "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "simulated",
        _ => return None,
    };
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::Capacity;
    use crate::scenario::plan;

    /// Two keys with two thirds and one third of the calls, in different partitions.
    fn two_keys(calls_per_s: u32, plan: String) -> Scenario {
        Scenario {
            keys: 2,
            calls_per_s,
            plan,
            usage: Capacity::warm(100_000.0),
            registry: Capacity::new_table(),
            instances: 10,
            warm_up_ms: 2000,
            measured_ms: 2000,
            ..Scenario::million_keys("two keys")
        }
    }

    fn figures(scenario: &Scenario) -> serde_json::Value {
        let Results(figures) = run(scenario).unwrap();
        assert_eq!(figures["unknown_requests"], 0, "{figures}");
        assert_eq!(figures["calls_above_limit"], 0.0, "{figures}");
        figures
    }

    #[test]
    fn key_above_a_thousand_writes_per_second_is_refused_and_others_are_not() {
        let figures = figures(&two_keys(2400, plan(20_000, 40_000, 0)));
        let [hot, cool] = [0, 1].map(|row| &figures["ranks"][row]["outcomes"]);
        // 1,600 calls per second for two seconds, of which the item takes 2,000.
        let refused = hot["hot_item"].as_u64().unwrap();
        assert!((1000..1400).contains(&refused), "{figures}");
        assert_eq!(
            (&cool["hot_item"], &cool["degraded"]),
            (&0.into(), &0.into()),
            "{figures}"
        );
        assert_eq!(hot["degraded"], 0, "{figures}");
    }

    #[test]
    fn lease_lets_the_same_key_pass() {
        let figures = figures(&two_keys(2400, plan(20_000, 40_000, 16)));
        let decisions = figures["decisions"].as_u64().unwrap();
        assert_eq!(figures["outcomes"]["allowed"], decisions, "{figures}");
        assert!(
            figures["writes"]["made"].as_u64().unwrap() < decisions / 4,
            "{figures}"
        );
    }

    #[test]
    fn rate_of_the_plan_refuses_from_memory() {
        let figures = figures(&two_keys(600, plan(50, 20, 8)));
        let outcomes = &figures["outcomes"];
        // 50 calls per second for two seconds and two keys.
        assert!(
            outcomes["allowed"].as_u64().unwrap() <= 200 + 40,
            "{figures}"
        );
        assert!(outcomes["limited"].as_u64().unwrap() > 900, "{figures}");
        assert_eq!(outcomes["hot_item"], 0, "{figures}");
    }

    #[test]
    fn same_seed_gives_the_same_figures() {
        let scenario = two_keys(900, plan(20_000, 40_000, 4));
        let other = Scenario {
            seed: scenario.seed + 1,
            ..scenario.clone()
        };
        assert_eq!(figures(&scenario), figures(&scenario));
        assert_ne!(figures(&scenario)["outcomes"], figures(&other)["outcomes"]);
    }
}
