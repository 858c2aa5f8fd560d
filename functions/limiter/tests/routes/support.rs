//! Calls the function with events of format 2.0, over any store.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws::{AwsCalls, Timeouts};
use jiff::Timestamp;
use limiter::{ComposerSettings, Limiter};
use limits::{Caller, Plan, PlanDocument};
use outcome::RateLimitHeaders;
use policy::KeyHeader;
use registry::{Block, BlockTarget, Condition, Seeds};
use serde_json::{Value, json};
use store::{Clock, DynamoDbConfig, DynamoDbStore, EmbeddedStore, Store};
use telemetry::RecordLog;
use testing::{Emulator, FaultProxy};

const SEEDS: &str = r#"{"plans": {"open": {},
    "free": {"throttle": {"rate": 1, "burst": 5}, "quotas": [{"limit": 100, "period": "day"}]}},
  "keys": [{"key": "local-free-key-000000000001", "key_id": "seeded", "plan": "free"}]}"#;

/// The policy of the registry that the authorizer uses.
pub(crate) const POLICY_IN_USE: &str = "policy-in-use";
/// The composition of the registry that the composer uses.
pub(crate) const COMPOSITION_IN_USE: &str = "composition-in-use";

/// The function and its store.
pub(crate) struct Api {
    pub(crate) limiter: Limiter,
    store: Arc<Store>,
}

/// The response of the function.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u64,
    headers: Value,
    pub(crate) text: String,
}

/// A request to the function.
pub(crate) struct Call<'a> {
    api: &'a Api,
    event: Value,
}

/// The time of every request: 2026-11-22T12:00:00Z.
fn clock() -> Clock {
    Clock::new(|| noon().as_nanosecond())
}

fn noon() -> Timestamp {
    Timestamp::constant(1_795_348_800, 0)
}

/// Returns a name that no other test uses.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{:06}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns an unused `Idempotency-Key` in the form of a random number.
pub(crate) fn idempotency_key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "5f3a9c0e7d1b4286{:08x}{:08x}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

impl Api {
    pub(crate) fn embedded() -> Self {
        Self::with_seeds(SEEDS)
    }

    pub(crate) fn with_seeds(seeds: &str) -> Self {
        let store = EmbeddedStore::new(&Seeds::parse(seeds).unwrap()).unwrap();
        Self::over(Store::Embedded(store.with_clock(clock())))
    }

    /// Returns a function on MiniStack, the proxy between them, and the emulator, which ends when it
    /// is dropped.
    pub(crate) async fn behind_proxy() -> (Self, FaultProxy, Emulator) {
        let server = Emulator::ministack();
        let proxy = FaultProxy::in_front_of(server.address).await;
        let api = Self::dynamodb(&proxy.url).await;
        (api, proxy, server)
    }

    pub(crate) async fn dynamodb(url: &str) -> Self {
        Self::dynamodb_with_seeds(url, SEEDS).await
    }

    pub(crate) async fn dynamodb_with_seeds(url: &str, seeds: &str) -> Self {
        let lookup = |name: &str| match name {
            "AWS_REGION" => Some("us-east-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some(url.to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("local".to_owned()),
            _ => None,
        };
        let aws = AwsCalls::load(lookup, Timeouts::default(), RecordLog::to(std::io::sink()))
            .await
            .unwrap();
        let config = DynamoDbConfig {
            registry_table: "tollgate-registry".to_owned(),
            usage_table: "tollgate-usage".to_owned(),
            deadline: Duration::from_secs(10),
            local_instances: NonZeroU32::new(10).unwrap(),
        };
        let store = DynamoDbStore::new(&aws, config).with_clock(clock());
        store.create_tables().await.unwrap();
        store
            .registry()
            .seed(&Seeds::parse(seeds).unwrap())
            .await
            .unwrap();
        Self::over(Store::DynamoDb(Box::new(store)))
    }

    fn over(store: Store) -> Self {
        let store = Arc::new(store);
        let composer = ComposerSettings {
            prefix: Some("/bff".into()),
            in_use: Some(COMPOSITION_IN_USE.into()),
        };
        Self {
            limiter: Limiter::with_clock(Arc::clone(&store), KeyHeader::default(), noon)
                .with_policy_in_use(Some(POLICY_IN_USE.to_owned()))
                .with_composer(composer),
            store,
        }
    }

    pub(crate) fn with_rate_limit_headers(mut self, format: RateLimitHeaders) -> Self {
        self.limiter = self.limiter.with_rate_limit_headers(format);
        self
    }

    pub(crate) fn with_composer(mut self, composer: ComposerSettings) -> Self {
        self.limiter = self.limiter.with_composer(composer);
        self
    }

    /// Returns a request by an administrator to a path below `/_tollgate/v1`.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.call_as(
            method,
            &format!("/_tollgate/v1{path}"),
            json!({"iam": {"accountId": "123456789012"}}),
        )
    }

    /// Returns a request by the caller in `authorizer`, the context from API Gateway.
    pub(crate) fn call_as(&self, method: &str, path: &str, authorizer: Value) -> Call<'_> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut event: Value =
            serde_json::from_str(include_str!("../../../../events/limiter.list-plans.json"))
                .unwrap();
        event["rawPath"] = path.into();
        event["rawQueryString"] = query.into();
        event["requestContext"]["http"]["method"] = method.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["requestContext"]["authorizer"] = authorizer;
        Call { api: self, event }
    }

    /// Writes the usage that is not in the store yet.
    pub(crate) async fn finish(&self) {
        self.limiter.finish(self.store.deadline()).await;
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.call("GET", path).send().await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Response {
        self.call(method, path).json(body).send().await
    }

    /// Creates a plan and returns its name.
    pub(crate) async fn plan(&self, document: Value) -> String {
        let name = unique("plan");
        assert_eq!(
            self.send("PUT", &format!("/plans/{name}"), document)
                .await
                .status,
            201
        );

        name
    }

    /// Writes a policy in one write, without an audit record.
    pub(crate) async fn policy_without_record(&self, name: &str, auth: &str) {
        let document = json!({"rules": [{"match": "GET /", "auth": auth}]}).to_string();
        let admin = self.store.admin();
        admin
            .put_policy(name, &document, &Condition::None)
            .await
            .unwrap();
    }

    /// Writes a composition in one write, without an audit record.
    pub(crate) async fn composition_without_record(&self, name: &str) {
        let document = r#"{"routes":{"GET /bff/a":{"parts":{"a":{"get":"/a"}}}}}"#;
        let admin = self.store.admin();
        admin
            .put_composition(name, document, &Condition::None)
            .await
            .unwrap();
    }

    /// Blocks a key in one write, without an audit record.
    pub(crate) async fn block_without_record(&self, key_id: &str) {
        let block = Block {
            target: BlockTarget::Key(key_id.to_owned()),
            until: None,
            note: None,
            created_at: noon(),
        };
        let admin = self.store.admin();
        admin
            .put_block(&block, &Condition::None, noon())
            .await
            .unwrap();
    }

    /// Charges a key, which does not have to exist.
    pub(crate) async fn charge(&self, key_id: &str, units: u64) {
        let plan = Plan::new("p", PlanDocument::default()).unwrap();
        self.store
            .charge(&store::Call {
                caller: &Caller::Key(key_id.to_owned()),
                group: None,
                plan: &plan,
                route: None,
                cost: units,
                deadline: self.store.deadline(),
            })
            .await
            .unwrap();
    }

    /// Creates a key, and returns its id and its secret.
    pub(crate) async fn key(&self, plan: &str) -> (String, String) {
        let made = self.send("POST", "/keys", json!({"plan": plan})).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = made.json();
        (
            made["key_id"].as_str().unwrap().to_owned(),
            made["key"].as_str().unwrap().to_owned(),
        )
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = value.into();
        self
    }

    pub(crate) fn json(self, body: Value) -> Self {
        self.body("application/json", &body.to_string())
    }

    pub(crate) fn body(mut self, kind: &str, body: &str) -> Self {
        self.event["body"] = body.into();
        self.header("content-type", kind)
    }

    pub(crate) async fn send(self) -> Response {
        let response = self.api.limiter.handle(self.event).await.unwrap();
        assert_eq!(response["isBase64Encoded"], false, "{response}");
        Response {
            status: response["statusCode"].as_u64().unwrap(),
            headers: response["headers"].clone(),
            text: response["body"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers[name].as_str()
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("etag")
            .unwrap_or_else(|| panic!("no etag: {self:?}"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Returns the pointers or parameters of the mistakes in a problem, sorted.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );

        let problem = self.json();
        assert_eq!(problem["status"], self.status);

        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let place = |error: Value| {
            error["pointer"]
                .as_str()
                .or(error["parameter"].as_str())
                .unwrap()
                .to_owned()
        };
        let mut places: Vec<_> = errors.into_iter().map(place).collect();
        places.sort_unstable();
        places
    }
}
