//! An authorizer with the embedded store and a clock that the test sets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use authorizer::{Authorizer, Config, http_calls};
use aws::{HttpCalls, Reach};
use jiff::Timestamp;
use serde_json::Value;
use store::{EmbeddedStore, Store, StoreConfig};
use telemetry::RecordLog;

use crate::tokens::noon;

/// An authorizer with a clock that the test sets. It starts at noon.
pub struct TestAuthorizer {
    authorizer: Authorizer,
    store: Arc<Store>,
    clock: Arc<Mutex<Timestamp>>,
}

impl TestAuthorizer {
    /// Returns an authorizer that uses this store and the client of `calls`.
    pub fn new(
        config: Config,
        store: Arc<Store>,
        calls: impl Fn() -> HttpCalls + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(Mutex::new(noon()));
        let now = Arc::clone(&clock);

        Self {
            store: Arc::clone(&store),
            authorizer: Authorizer::with_clock(config, store, calls, move || *now.lock().unwrap()),
            clock,
        }
    }

    /// Returns the store of the authorizer.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Sets the clock, and returns the authorizer.
    pub fn at(&self, now: Timestamp) -> &Authorizer {
        *self.clock.lock().unwrap() = now;
        &self.authorizer
    }
}

/// An authorizer with this policy, and the plans and keys in the settings of the events. It logs all
/// decisions.
pub fn authorizer(policy: &Value) -> TestAuthorizer {
    authorizer_recording(policy, RecordLog::to(std::io::sink()))
}

/// An authorizer like [`authorizer`] that writes call records.
pub fn authorizer_recording(policy: &Value, records: RecordLog) -> TestAuthorizer {
    authorizer_in(policy, &[], records)
}

/// An authorizer like [`authorizer_recording`] with these environment variables in addition.
pub fn authorizer_in(
    policy: &Value,
    environment: &[(&str, &str)],
    records: RecordLog,
) -> TestAuthorizer {
    let environment: HashMap<String, String> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let settings: Value = serde_json::from_str(include_str!("../../../events/env.json")).unwrap();
    let policy = policy.to_string();
    let config = Config::from_lookup(move |name| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        name if environment.contains_key(name) => environment.get(name).cloned(),
        "LOG_DECISIONS" => Some("all".to_owned()),
        name => settings["AuthorizerFunction"][name]
            .as_str()
            .map(str::to_owned),
    })
    .unwrap();
    let StoreConfig::Embedded(seeds) = &config.store else {
        panic!("the settings have an embedded store")
    };
    let store = Store::Embedded(EmbeddedStore::new(seeds).unwrap());
    TestAuthorizer::new(config, Arc::new(store), move || {
        http_calls(records.clone(), Reach::Local)
    })
}
