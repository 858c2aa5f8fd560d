//! The function, an emulator, and a proxy between them that counts.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use aws::{AwsCalls, Timeouts};
use limiter::Limiter;
use policy::KeyHeader;
use serde_json::{Value, json};
use store::Store;
use telemetry::RecordLog;
use testing::stores::{Subject, TEST_DEADLINE, instance, lookup};
use testing::{Emulator, FaultProxy};

use super::rows::Measurement;
use super::{KEYS, PAGE};

/// The plan of every key.
pub(crate) const PLAN: &str = "billed";
/// The keys that [`Subject::dynamodb`] creates.
const SEEDED_KEYS: usize = 3;

pub(crate) struct World {
    pub(crate) aws: AwsCalls,
    pub(crate) store: Arc<Store>,
    limiter: Limiter,
    proxy: FaultProxy,
    _server: Emulator,
}

impl World {
    pub(crate) async fn start() -> Self {
        let server = Emulator::ministack();
        let proxy = FaultProxy::in_front_of(server.address).await;
        Subject::dynamodb("ministack", &proxy.url).await;

        let records = RecordLog::to(io::sink());
        let aws = AwsCalls::load(lookup(&proxy.url), Timeouts::default(), records);
        let aws = aws.await.expect("good settings");
        let store = Arc::new(Store::DynamoDb(Box::new(instance(&aws, TEST_DEADLINE))));
        Self {
            aws,
            limiter: Limiter::new(Arc::clone(&store), KeyHeader::default()),
            store,
            proxy,
            _server: server,
        }
    }

    pub(crate) async fn measure(&self, work: impl Future<Output = ()>) -> Measurement {
        let (begin, before) = (Instant::now(), self.proxy.traffic());
        work.await;
        Measurement {
            time: begin.elapsed(),
            traffic: self.proxy.traffic().since(before),
        }
    }

    pub(crate) async fn create_plan(&self) {
        let path = format!("/plans/{PLAN}");
        let created = self.send("PUT", &path, "", "application/json", "{}").await;
        assert_eq!(created["statusCode"], 201, "{created}");
    }

    /// Returns a file of all keys.
    pub(crate) fn key_file(&self) -> String {
        let mut file = String::from("Name,Key\n");
        for key in 0..KEYS {
            writeln!(file, "key-{key:05},benchmark-secret-{key:010}").expect("a String grows");
        }
        file
    }

    pub(crate) async fn import(&self, file: &str) {
        let query = format!("plan={PLAN}");
        let imported = self
            .send("POST", "/keys/import", &query, "text/csv", file)
            .await;
        assert_eq!(imported["statusCode"], 200, "{imported}");
        assert_eq!(json_body(&imported)["imported"], KEYS);
    }

    /// Lists the keys of all plans.
    pub(crate) async fn list(&self) {
        let (mut keys, mut cursor) = (0, String::new());
        loop {
            let page = self.get("/keys", &format!("limit={PAGE}{cursor}")).await;
            keys += page["items"].as_array().expect("keys").len();
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(keys, KEYS + SEEDED_KEYS);
    }

    pub(crate) async fn export(&self) {
        let (mut keys, mut query) = (0, String::new());
        loop {
            let exported = self
                .send("GET", "/keys/export", &query, "text/csv", "")
                .await;
            assert_eq!(exported["statusCode"], 200, "{exported}");
            keys += exported["body"].as_str().expect("a file").lines().count() - 1;

            // On a slow machine, an export ends early and names the next page.
            let next = exported["headers"]["link"].as_str();
            let next = next.and_then(|link| link.split(['?', '>']).nth(1));
            let Some(next) = next else { break };
            next.clone_into(&mut query);
        }
        assert_eq!(keys, KEYS + SEEDED_KEYS);
    }

    /// Sends a request that is expected to succeed, and returns the body.
    pub(crate) async fn get(&self, path: &str, query: &str) -> Value {
        let response = self.send("GET", path, query, "application/json", "").await;
        assert_eq!(response["statusCode"], 200, "{response}");
        json_body(&response)
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        query: &str,
        media_type: &str,
        body: &str,
    ) -> Value {
        let text = include_str!("../../../../events/limiter.list-plans.json");
        let mut event: Value = serde_json::from_str(text).expect("JSON");
        let path = format!("/_tollgate/v1{path}");
        event["rawPath"] = path.clone().into();
        event["rawQueryString"] = query.into();
        event["requestContext"]["http"]["method"] = method.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["requestContext"]["authorizer"] = json!({"iam": {"accountId": "123456789012"}});
        event["headers"]["accept"] = media_type.into();
        if !body.is_empty() {
            event["headers"]["accept"] = "*/*".into();
            event["headers"]["content-type"] = media_type.into();
            event["body"] = body.into();
        }
        self.limiter.handle(event).await.expect("a response")
    }
}

fn json_body(response: &Value) -> Value {
    serde_json::from_str(response["body"].as_str().expect("a body")).expect("JSON")
}
