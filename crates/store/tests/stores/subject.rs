//! The stores under test, with what all tests need of them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws::{AwsCalls, Deadline, Timeouts};
use limits::{Caller, Decision, Nanos, Plan, PlanDocument, RouteLimit, SECOND, Verdict};
use registry::Seeds;
use store::{DynamoDbConfig, DynamoDbStore, EmbeddedStore, Store};
use telemetry::RecordLog;

pub(crate) const SEEDS: &str = r#"{
    "plans": {"free": {"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 100, "period": "day"}]}, "open": {}},
    "keys": [{"key": "local-free-key-000000000001", "key_id": "k1", "plan": "free", "scopes": ["orders:read"]},
             {"key": "disabled-key-00000000000001", "key_id": "k2", "plan": "free", "enabled": false},
             {"key": "expired-key-000000000000001", "key_id": "k3", "plan": "free", "expires_at": "2026-11-01T00:00:00Z"}]
}"#;

/// 2026-11-22T12:00:00Z, the instant at which most cases begin.
pub(crate) const NOON: Nanos = 1_795_348_800 * SECOND;
pub(crate) const MILLISECOND: Nanos = 1_000_000;
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A store with the seeds in it.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
}

impl Subject {
    pub(crate) fn embedded() -> Self {
        let store = EmbeddedStore::new(&seeds()).expect("good seeds");
        Self {
            name: "embedded",
            store: Store::Embedded(store),
        }
    }

    /// Makes the tables, if need be.
    pub(crate) async fn dynamodb(name: &'static str, url: &str) -> Self {
        let store = instance(&aws(url).await, PATIENCE);
        store.create_tables().await.expect("tables");
        store.registry().seed(&seeds()).await.expect("seeds");
        Self {
            name,
            store: Store::DynamoDb(Box::new(store)),
        }
    }

    pub(crate) async fn call(
        &self,
        caller: &Caller,
        plan: &Plan,
        cost: u64,
        now: Nanos,
    ) -> Decision {
        self.call_route(caller, plan, None, cost, now).await
    }

    pub(crate) async fn call_route(
        &self,
        caller: &Caller,
        plan: &Plan,
        route: Option<&RouteLimit>,
        cost: u64,
        now: Nanos,
    ) -> Decision {
        let decision = self
            .store
            .charge(caller, plan, route, cost, now, patient())
            .await
            .expect("a decision");
        assert!(
            !decision.degraded,
            "{}: the store did not answer",
            self.name
        );
        decision
    }

    pub(crate) async fn passes(&self, caller: &Caller, plan: &Plan, cost: u64, now: Nanos) -> bool {
        self.call(caller, plan, cost, now).await.verdict == Verdict::Allowed
    }

    /// How many of `calls` calls at one instant pass.
    pub(crate) async fn admitted(
        &self,
        caller: &Caller,
        plan: &Plan,
        calls: u64,
        now: Nanos,
    ) -> u64 {
        let mut admitted = 0;
        for _ in 0..calls {
            admitted += u64::from(self.passes(caller, plan, 1, now).await);
        }
        admitted
    }
}

pub(crate) async fn aws(url: &str) -> AwsCalls {
    let records = RecordLog::to(std::io::sink());
    AwsCalls::load(lookup(url), Timeouts::default(), records)
        .await
        .expect("good settings")
}

/// The settings of a local server's client.
pub(crate) fn lookup(url: &str) -> impl Fn(&str) -> Option<String> {
    move |name| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(url.to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
        _ => None,
    }
}

/// A store of its own: an instance that remembers only what it saw itself.
pub(crate) fn instance(aws: &AwsCalls, deadline: Duration) -> DynamoDbStore {
    let config = DynamoDbConfig {
        registry_table: "tollgate-registry".to_owned(),
        usage_table: "tollgate-usage".to_owned(),
        deadline,
        local_instances: NonZeroU32::new(10).expect("not 0"),
    };
    DynamoDbStore::new(aws, config)
}

pub(crate) fn seeds() -> Seeds {
    serde_json::from_str(SEEDS).expect("JSON")
}

pub(crate) fn plan(json: &str) -> Plan {
    Plan::new(
        "p",
        serde_json::from_str::<PlanDocument>(json).expect("JSON"),
    )
    .expect("a plan")
}

/// A caller that nobody else uses.
pub(crate) fn caller() -> Caller {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Caller::Key(format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// A text that nobody else uses.
pub(crate) fn unique() -> String {
    caller().to_string()
}

pub(crate) fn patient() -> Deadline {
    Deadline::after(Instant::now(), PATIENCE)
}

pub(crate) fn now() -> Nanos {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    Nanos::try_from(since.as_nanos()).expect("before the year 5·10²¹")
}

pub(crate) fn retry_after_s(decision: &Decision) -> u64 {
    match &decision.verdict {
        Verdict::Throttled { retry_after_s, .. } => *retry_after_s,
        other => panic!("not throttled: {other:?}"),
    }
}

pub(crate) fn violated(decision: &Decision) -> Vec<&str> {
    match &decision.verdict {
        Verdict::Throttled { violated, .. } => violated.iter().map(AsRef::as_ref).collect(),
        other => panic!("not throttled: {other:?}"),
    }
}
