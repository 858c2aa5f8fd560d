//! The events in `events/`, with the settings for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use composer::{Composer, Config, Reply, invoke, open};
use serde_json::Value;
use serde_json::value::to_raw_value;
use telemetry::RecordLog;
use testing::LogBuffer;

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(events().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn composer() -> Arc<Composer> {
    let settings = read("env.json")["ComposerFunction"].clone();
    let setting = |name: &str| settings[name].as_str().map(str::to_owned);
    let config = Config::from_lookup(setting).unwrap();
    let composer = open(config, setting, RecordLog::to(std::io::sink()), None).await;
    Arc::new(composer.unwrap())
}

#[tokio::test]
async fn every_event_gets_its_response() {
    let composer = composer().await;
    for (name, status) in [
        ("composer.forbidden.json", 403),
        ("composer.invalid-fields.json", 400),
        ("composer.method.json", 405),
        ("composer.no-authorizer.json", 500),
        ("composer.not-found.json", 404),
        ("composer.partial.json", 206),
        ("composer.required.json", 502),
        ("composer.throttled.json", 429),
        ("composer.unavailable.json", 503),
    ] {
        let event = to_raw_value(&read(name)).unwrap();
        let response = invoke(Arc::clone(&composer), event).await.unwrap();
        let response: Value = serde_json::from_str(response.get()).unwrap();

        assert_eq!(response["statusCode"], status, "{name} {response}");
        assert_eq!(response["isBase64Encoded"], false);
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert!(body.is_object(), "{name}");
    }
}

#[tokio::test]
async fn other_events_are_an_error_without_their_values() {
    let composer = composer().await;
    let event = to_raw_value(&serde_json::json!({"version": "1.0", "secret": "value"})).unwrap();
    let error = invoke(composer, event).await.unwrap_err();
    assert_eq!(error.error_type, "Fault");
    assert!(
        !error.error_message.contains("value"),
        "{}",
        error.error_message
    );
}

#[tokio::test]
async fn panic_fails_one_request() {
    let panics = AtomicBool::new(true);
    let observe = move |_: &str, _: &Reply| {
        assert!(!panics.swap(false, Ordering::Relaxed), "a panic");
    };
    let composer = Arc::into_inner(composer().await).unwrap();
    let composer = Arc::new(composer.with_observer(Box::new(observe)));
    let event = || to_raw_value(&read("composer.partial.json")).unwrap();

    let error = invoke(Arc::clone(&composer), event()).await.unwrap_err();
    assert_eq!(
        (&*error.error_type, &*error.error_message),
        ("Fault", "panicked")
    );
    assert!(invoke(composer, event()).await.is_ok());
}

#[tokio::test]
async fn each_request_writes_one_line_without_its_values() {
    let composer = composer().await;
    let log = LogBuffer::default();
    let _guard = log.subscribe();

    let event: &'static str = include_str!("../../../../events/composer.partial.json");
    composer
        .handle(serde_json::from_str(event).unwrap())
        .await
        .unwrap();

    let lines = log.json_lines();
    let composed: Vec<_> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "composed")
        .collect();
    assert_eq!(composed.len(), 1, "{}", log.text());
    let fields = &composed[0]["fields"];
    assert_eq!(fields["route"], "GET /bff/dashboard");
    assert_eq!(fields["status"], 206);
    assert_eq!(fields["result"], "partial");
    let missing = fields["missing"].as_str().unwrap();
    assert!(
        missing.starts_with("user=") && missing.contains(" orders="),
        "{missing}"
    );
    assert!(!log.text().contains("alice"), "{}", log.text());

    let event: &'static str = include_str!("../../../../events/composer.throttled.json");
    composer
        .handle(serde_json::from_str(event).unwrap())
        .await
        .unwrap();
    let lines = log.json_lines();
    let fields = &lines.last().unwrap()["fields"];
    assert_eq!(
        (&fields["result"], &fields["status"]),
        (&"refused".into(), &429.into())
    );
    assert!(
        fields["reason"].as_str().unwrap().ends_with("_exceeded"),
        "{fields}"
    );
}
