//! Refusals.

use serde_json::{Value, json};

use super::super::refusals;
use super::super::stack::StackSettings;
use super::recorded::{NOW, Recorded, access, events, reasons, stack};
use crate::refusals::RefusalQuery;

/// Returns a line of the authorizer.
pub(super) fn decided(request_id: &str, decision: &str, reason: &str, key_id: &str) -> Value {
    json!({"timestamp": "2026-11-28T11:59:50Z", "level": "INFO", "message": "decided",
           "request_id": request_id, "decision": decision, "reason": reason, "route": "ANY /{proxy+}",
           "key_id": key_id, "caller": "-", "plan": "free", "detail": "second"})
}

/// Returns the query of an address.
pub(super) fn query(text: &str) -> RefusalQuery {
    RefusalQuery::read(&format!("/refusals{text}").parse().unwrap()).unwrap()
}

#[tokio::test]
async fn refusals_are_joined_with_the_access_log() {
    let lines = [
        (
            "2026-11-28T11:59:40Z",
            decided("r-1", "-", "unknown_key", "-"),
        ),
        (
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-1"),
        ),
    ];
    let recorded = Recorded::default()
        .with(
            "logs",
            &[
                "/aws/lambda/shop-authorizer",
                r#""startTime":1795867170000"#,
            ],
            events(&lines, None),
        )
        .with("logs", &["/aws/lambda/shop-authorizer"], events(&[], None))
        .with(
            "logs",
            &["/aws/vendedlogs/shop/access-1"],
            events(
                &[(
                    "2026-11-28T11:59:41Z",
                    access("r-1", "401", "ANY /{proxy+}"),
                )],
                None,
            ),
        );
    let (account, _) = recorded.account();
    let page = refusals::read(&account, &stack("true"), &query(""), NOW.parse().unwrap()).await;
    let page = serde_json::to_value(page).unwrap();

    assert_eq!(page["missing"], json!([]));
    assert_eq!(page["newest_event_at"], "2026-11-28T11:59:50Z");
    assert_eq!(page["searched_from"], "2026-11-28T11:00:30Z");
    let items = page["items"].as_array().unwrap();
    let found: Vec<_> = items
        .iter()
        .map(|item| (&item["request_id"], &item["status"]))
        .collect();
    let expected = [(&json!("r-2"), &json!(429)), (&json!("r-1"), &json!(401))];
    assert_eq!(found.len(), 2);
    assert!(expected.iter().all(|one| found.contains(one)), "{page}");
    let unknown = items
        .iter()
        .find(|item| item["request_id"] == "r-1")
        .unwrap();
    assert_eq!(
        (&unknown["method"], &unknown["source_ip"]),
        (&json!("GET"), &json!("192.0.2.7"))
    );
}

#[tokio::test]
async fn status_of_a_throttled_request_is_the_one_of_the_settings() {
    for (setting, status) in [("mark", 429), ("forbid", 403)] {
        let outputs = [("AuthorizerLogGroupName", "/aws/lambda/shop-authorizer")];
        let stack = StackSettings::of(&[("OnThrottle", setting)], &outputs);
        let lines = [(
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-1"),
        )];
        let recorded = Recorded::default().with("logs", &["shop-authorizer"], events(&lines, None));
        let (account, _) = recorded.account();
        let page = refusals::read(&account, &stack, &query(""), NOW.parse().unwrap()).await;
        assert_eq!(page.items[0].status, Some(status), "{setting}");
        let page = serde_json::to_value(page).unwrap();
        assert!(reasons(&page).contains("no access log"), "{page}");
    }
}

#[tokio::test]
async fn search_begins_with_the_newest_span_and_ends_with_enough_refusals() {
    let lines = [
        (
            "2026-11-28T11:59:40Z",
            decided("r-1", "-", "unknown_key", "-"),
        ),
        (
            "2026-11-28T11:59:50Z",
            decided("r-2", "-", "unknown_key", "-"),
        ),
    ];
    let recorded = Recorded::default()
        .with("logs", &["shop-authorizer"], events(&lines, None))
        .with("logs", &["access"], events(&[], None));
    let (account, recorded) = recorded.account();
    let page = refusals::read(
        &account,
        &stack("true"),
        &query("?limit=1"),
        NOW.parse().unwrap(),
    )
    .await;
    assert_eq!((page.items.len(), page.is_truncated), (1, true));
    assert_eq!(recorded.count("shop-authorizer"), 1);
}

#[tokio::test]
async fn filters_are_a_part_of_the_pattern_unless_they_have_special_characters() {
    for (text, pattern) in [
        ("?key_id=k-1", Some(r#"($.key_id = \"k-1\")"#)),
        ("?key_id=k%22)%20||%20(1", None),
    ] {
        let lines = [(
            "2026-11-28T11:59:50Z",
            decided("r-2", "throttled", "rate_exceeded", "k-2"),
        )];
        let recorded = Recorded::default().with("logs", &["shop-authorizer"], events(&lines, None));
        let (account, recorded) = recorded.account();
        let page =
            refusals::read(&account, &stack("true"), &query(text), NOW.parse().unwrap()).await;
        assert_eq!(page.items, []);
        let filtered = recorded.count(r#"$.key_id = "#);
        assert_eq!(filtered > 0, pattern.is_some(), "{text}");
        if let Some(pattern) = pattern {
            assert!(recorded.count(pattern) > 0, "{text}");
        }
    }
}

#[tokio::test]
async fn search_in_a_large_log_is_bounded_and_says_so() {
    let page = events(&[], Some("more"));
    let recorded = Recorded::default().with("logs", &["shop-authorizer"], page);
    let (account, _) = recorded.account();
    let page = refusals::read(&account, &stack("true"), &query(""), NOW.parse().unwrap()).await;
    assert!(page.is_truncated);
    let page = serde_json::to_value(page).unwrap();
    assert!(
        reasons(&page).contains("more lines than are read"),
        "{page}"
    );
}
