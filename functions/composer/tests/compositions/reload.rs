//! Documents of the registry, which are replaced while requests are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use composer::{Composer, Config, OpenError, open_at};
use composition::Missing;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Store;
use telemetry::RecordLog;
use testing::LogBuffer;
use testing::http_server::{HttpReply, HttpServer};

use crate::support::*;

/// A composer whose documents are in the registry, with a clock that the test sets.
struct Stored {
    composer: Composer,
    store: Arc<Store>,
    seconds: Arc<AtomicI64>,
}

fn put(store: &Store, compositions: Option<&Value>, policy: Option<&Value>) {
    let Store::Embedded(embedded) = store else {
        panic!("the store is embedded")
    };
    if let Some(document) = compositions {
        embedded
            .registry()
            .put_composition("main", &document.to_string())
            .unwrap();
    }
    if let Some(policy) = policy {
        embedded
            .registry()
            .put_policy("main", &policy.to_string())
            .unwrap();
    }
}

async fn try_open(store: Arc<Store>, seconds: Arc<AtomicI64>) -> Result<Composer, OpenError> {
    let setting = |name: &str| match name {
        "COMPOSITIONS" | "AUTH_POLICY" => Some("table:main".to_owned()),
        _ => None,
    };
    let config = Config::from_lookup(setting).unwrap();
    let clock =
        move || Timestamp::from_second(1_795_348_800 + seconds.load(Ordering::Relaxed)).unwrap();
    open_at(
        config,
        setting,
        RecordLog::to(std::io::sink()),
        Some(store),
        clock,
    )
    .await
}

impl Stored {
    async fn start(compositions: &Value, policy: &Value) -> Self {
        let store = store(&json!({}));
        put(&store, Some(compositions), Some(policy));
        let seconds = Arc::new(AtomicI64::new(0));
        Self {
            composer: try_open(store.clone(), seconds.clone()).await.unwrap(),
            store,
            seconds,
        }
    }

    /// Lets time pass. A document of this age is reloaded before it is used.
    fn pass_time(&self) {
        self.seconds.fetch_add(1_000, Ordering::Relaxed);
    }
}

fn home(url: &str, part: &str) -> Value {
    document(
        url,
        "GET /bff/home",
        json!({"parts": {part: {"get": "/x"}}}),
    )
}

#[tokio::test]
async fn changed_compositions_are_reloaded_and_an_invalid_document_is_not() {
    let service = HttpServer::responding(|_| HttpReply::json(200, &json!(1)));
    let stored = Stored::start(&home(&service.url(), "old"), &open_policy()).await;
    let log = LogBuffer::default();
    let _guard = log.subscribe();

    put(&stored.store, Some(&home(&service.url(), "new")), None);
    assert_eq!(
        body(&stored.composer.compose(&get("/bff/home")).await),
        json!({"old": 1})
    );
    stored.pass_time();
    assert_eq!(
        body(&stored.composer.compose(&get("/bff/home")).await),
        json!({"new": 1})
    );

    put(
        &stored.store,
        Some(&json!({"routes": {}, "secret": 1})),
        None,
    );
    for _ in 0..3 {
        stored.pass_time();
        assert_eq!(
            body(&stored.composer.compose(&get("/bff/home")).await),
            json!({"new": 1})
        );
    }
    let warnings = log.text().matches("a changed document is invalid").count();
    assert_eq!(warnings, 1, "{}", log.text());
}

#[tokio::test]
async fn document_of_five_minutes_is_reloaded_in_the_background() {
    let service = HttpServer::responding(|_| HttpReply::json(200, &json!(1)));
    let stored = Stored::start(&home(&service.url(), "old"), &open_policy()).await;
    put(&stored.store, Some(&home(&service.url(), "new")), None);

    stored.seconds.fetch_add(400, Ordering::Relaxed);
    let first = stored.composer.compose(&get("/bff/home")).await;
    assert_eq!(body(&first), json!({"old": 1}));

    for _ in 0..200 {
        let next = stored.composer.compose(&get("/bff/home")).await;
        if body(&next) == json!({"new": 1}) {
            return;
        }
    }
    panic!("the document was never reloaded");
}

#[tokio::test]
async fn changed_policy_is_reloaded_and_an_invalid_one_is_not() {
    let service = HttpServer::responding(|_| HttpReply::json(200, &json!(1)));
    let stored = Stored::start(&home(&service.url(), "user"), &open_policy()).await;
    assert_eq!(
        missing(&stored.composer.compose(&get("/bff/home")).await),
        []
    );

    let strict = json!({"rules": [{"match": "ANY /{proxy+}", "auth": "any", "scopes": ["a"]}]});
    put(&stored.store, None, Some(&strict));
    stored.pass_time();
    let forbidden = [("user".to_owned(), Missing::Forbidden)];
    assert_eq!(
        missing(&stored.composer.compose(&get("/bff/home")).await),
        forbidden
    );

    put(&stored.store, None, Some(&json!({"rules": 1})));
    stored.pass_time();
    assert_eq!(
        missing(&stored.composer.compose(&get("/bff/home")).await),
        forbidden
    );
}

#[tokio::test]
async fn startup_fails_without_valid_documents() {
    let url = "http://services.example";
    for (compositions, policy, expected) in [
        (
            None,
            Some(open_policy()),
            "COMPOSITIONS: the registry has no document `main`",
        ),
        (
            Some(home(url, "a")),
            None,
            "AUTH_POLICY: the registry has no document `main`",
        ),
        (
            Some(json!({"routes": 1})),
            Some(open_policy()),
            "COMPOSITIONS: routes: ",
        ),
        (
            Some(home(url, "a")),
            Some(json!({"rules": 1})),
            "AUTH_POLICY: rules: ",
        ),
    ] {
        let store = store(&json!({}));
        put(&store, compositions.as_ref(), policy.as_ref());
        let error = try_open(store, Arc::default()).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
