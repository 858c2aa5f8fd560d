//! Each store with the same plans and keys, and what tests of stores share.

use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws::{AwsCalls, Deadline, Timeouts};
use limits::{
    Caller, Decision, Grant, Nanos, Plan, PlanDocument, Refund, RouteLimit, SECOND, Verdict,
};
use registry::Seeds;
use store::{DynamoDbConfig, DynamoDbStore, EmbeddedStore, Store};
use telemetry::RecordLog;

use crate::store_time::{StoreAt as _, clock};

pub use crate::store_time::now;

/// The plans and keys that each store has.
pub const SEEDS: &str = r#"{
    "plans": {"free": {"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 100, "period": "day"}]}, "open": {}},
    "keys": [{"key": "local-free-key-000000000001", "key_id": "k1", "plan": "free", "scopes": ["orders:read"]},
             {"key": "disabled-key-00000000000001", "key_id": "k2", "plan": "free", "enabled": false},
             {"key": "expired-key-000000000000001", "key_id": "k3", "plan": "free", "expires_at": "2026-11-01T00:00:00Z"}]
}"#;

/// 2026-11-22T12:00:00Z, the time at which most cases begin.
pub const NOON: Nanos = 1_795_348_800 * SECOND;
/// One millisecond.
pub const MILLISECOND: Nanos = 1_000_000;
/// A deadline that no call misses.
pub const TEST_DEADLINE: Duration = Duration::from_secs(10);

/// Returns [`NOON`] plus the time since the first call in this process, so that no test crosses
/// midnight.
#[must_use]
pub fn from_noon() -> Nanos {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let elapsed = BEGAN.get_or_init(Instant::now).elapsed();
    NOON + Nanos::try_from(elapsed.as_nanos()).unwrap_or(Nanos::MAX - NOON)
}

/// A store with [`SEEDS`].
pub struct Subject {
    /// The name for messages.
    pub name: &'static str,
    /// The store.
    pub store: Store,
}

impl Subject {
    /// Returns the embedded store.
    ///
    /// # Panics
    /// Never: the seeds are valid.
    #[must_use]
    pub fn embedded() -> Self {
        let store = EmbeddedStore::new(&seeds()).expect("good seeds");
        Self {
            name: "embedded",
            store: Store::Embedded(store.with_clock(clock())),
        }
    }

    /// Returns a DynamoDB store, and creates its tables if they are missing.
    ///
    /// # Panics
    /// If the server refuses a call.
    pub async fn dynamodb(name: &'static str, url: &str) -> Self {
        let store = instance(&aws(url).await, TEST_DEADLINE);
        store.create_tables().await.expect("tables");
        store.registry().seed(&seeds()).await.expect("seeds");
        Self {
            name,
            store: Store::DynamoDb(Box::new(store)),
        }
    }

    /// Charges a call without a route limit.
    pub async fn call(&self, caller: &Caller, plan: &Plan, cost: u64, now: Nanos) -> Decision {
        self.call_route(caller, plan, None, cost, now).await
    }

    /// Charges a call.
    ///
    /// # Panics
    /// If the store fails or does not respond.
    pub async fn call_route(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
    ) -> Decision {
        let decision = self
            .store
            .charge_at(caller, plan, route, cost, now, patient())
            .await
            .expect("a decision");
        assert!(
            !decision.degraded,
            "{}: the store did not respond",
            self.name
        );
        decision
    }

    /// Charges a call and returns true if it is allowed.
    pub async fn passes(&self, caller: &Caller, plan: &Plan, cost: u64, now: Nanos) -> bool {
        self.call(caller, plan, cost, now).await.verdict == Verdict::Allowed
    }

    /// Charges `calls` calls at the same time and returns how many are allowed.
    pub async fn admitted(&self, caller: &Caller, plan: &Plan, calls: u64, now: Nanos) -> u64 {
        let mut admitted = 0;
        for _ in 0..calls {
            admitted += u64::from(self.passes(caller, plan, 1, now).await);
        }
        admitted
    }
}

impl Subject {
    /// Decides on a call without charging it.
    ///
    /// # Panics
    /// If the store fails.
    pub async fn peek(&self, caller: &Caller, plan: &Plan, cost: u64, now: i128) -> Decision {
        self.store
            .peek_at(caller, plan, None, cost, now, patient())
            .await
            .unwrap()
    }

    /// Refunds a charge.
    ///
    /// # Panics
    /// If the store fails, or the decision has no charge.
    pub async fn refund(&self, caller: &Caller, charged: &Decision, now: i128) -> Refund {
        // A client of the limiter sends the charge as a string.
        let charge = charged
            .charge
            .as_ref()
            .unwrap()
            .to_string()
            .parse()
            .unwrap();
        self.store
            .refund_at(caller, &charge, now, patient())
            .await
            .unwrap()
    }

    /// Returns the usage of each day of 2026 in a range of `(month, day)`, and `[used, remaining]` of
    /// each quota.
    ///
    /// # Panics
    /// If the store fails or a date is invalid.
    pub async fn report(
        &self,
        caller: &Caller,
        plan: &Plan,
        (from, to): ((i8, i8), (i8, i8)),
        now: i128,
    ) -> (Vec<u64>, Vec<[u64; 2]>) {
        let day = |(month, day)| jiff::civil::date(2026, month, day);
        let report = self
            .store
            .usage_at(caller, Some(plan), day(from), day(to), now, patient())
            .await
            .unwrap();
        let quotas = report
            .quotas
            .iter()
            .map(|quota| [quota.used, quota.remaining]);
        (
            report.days.iter().map(|day| day.units).collect(),
            quotas.collect(),
        )
    }

    /// Grants an amount to the quota per day.
    ///
    /// # Panics
    /// If the store fails.
    pub async fn grant(
        &self,
        caller: &Caller,
        plan: &Plan,
        amount: i64,
        id: Option<&str>,
        now: i128,
    ) -> Grant {
        self.store
            .grant_at(caller, plan, "day", amount, id, now, patient())
            .await
            .unwrap()
    }
}

/// Returns clients of the server at `url`.
///
/// # Panics
/// Never: the settings are valid.
pub async fn aws(url: &str) -> AwsCalls {
    let records = RecordLog::to(std::io::sink());
    AwsCalls::load(lookup(url), Timeouts::default(), records)
        .await
        .expect("good settings")
}

/// Returns the environment of a client of the server at `url`.
pub fn lookup(url: &str) -> impl Fn(&str) -> Option<String> {
    move |name| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(url.to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    }
}

/// Returns a DynamoDB store with an empty cache, like a new instance.
///
/// # Panics
/// Never: the settings are valid.
#[must_use]
pub fn instance(aws: &AwsCalls, deadline: Duration) -> DynamoDbStore {
    let config = DynamoDbConfig {
        registry_table: "tollgate-registry".to_owned(),
        usage_table: "tollgate-usage".to_owned(),
        deadline,
        local_instances: NonZeroU32::new(10).expect("not 0"),
    };
    DynamoDbStore::new(aws, config).with_clock(clock())
}

/// Returns [`SEEDS`].
///
/// # Panics
/// Never: they are valid.
#[must_use]
pub fn seeds() -> Seeds {
    serde_json::from_str(SEEDS).expect("JSON")
}

/// Returns a plan from its JSON document.
///
/// # Panics
/// If the document is invalid.
#[must_use]
pub fn plan(json: &str) -> Plan {
    Plan::new(
        "p",
        serde_json::from_str::<PlanDocument>(json).expect("JSON"),
    )
    .expect("a plan")
}

/// Returns a caller that no other test uses.
#[must_use]
pub fn caller() -> Caller {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Caller::Key(format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// Returns a string that no other test uses.
#[must_use]
pub fn unique() -> String {
    caller().to_string()
}

/// Returns [`TEST_DEADLINE`] from now.
#[must_use]
pub fn patient() -> Deadline {
    Deadline::after(Instant::now(), TEST_DEADLINE)
}

/// Returns the seconds of `Retry-After` of a throttled call.
///
/// # Panics
/// If the call was not throttled.
#[must_use]
pub fn retry_after_s(decision: &Decision) -> u64 {
    match &decision.verdict {
        Verdict::Throttled { retry_after_s, .. } => *retry_after_s,
        other => panic!("not throttled: {other:?}"),
    }
}

/// Returns the names of the limits that throttled a call.
///
/// # Panics
/// If the call was not throttled.
#[must_use]
pub fn violated(decision: &Decision) -> Vec<&str> {
    match &decision.verdict {
        Verdict::Throttled { violated, .. } => violated.iter().map(AsRef::as_ref).collect(),
        other => panic!("not throttled: {other:?}"),
    }
}
