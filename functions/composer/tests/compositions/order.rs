//! The order in which parts run.

use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn parts_run_at_the_same_time() {
    let (one, other) = (HeldService::start(json!(1)), HeldService::start(json!(2)));
    let document = json!({
        "services": {"default": {"url": one.server.url()}, "other": {"url": other.server.url()}},
        "routes": {"GET /bff/a": {"parts": {
            "one": {"get": "/one"}, "other": {"get": "/other", "service": "other"}}}},
    });
    let composer = composer(&document, &open_policy()).await;
    let request = get("/bff/a");

    // Each service answers only after the other has been asked.
    let release = async {
        other.release();
        one.release();
    };
    let (reply, ()) = tokio::join!(composer.compose(&request), release);
    assert_eq!(reply.body, r#"{"one":1,"other":2}"#);
}

#[tokio::test]
async fn part_starts_as_soon_as_its_own_dependencies_are_complete() {
    let slow = HeldService::start(json!("slow"));
    let quick = service(&[("/cart", json!({"id": 7})), ("/items/7", json!(["book"]))]);
    let document = json!({
        "services": {"default": {"url": quick.url()}, "slow": {"url": slow.server.url()}},
        "routes": {"GET /bff/a": {"parts": {
            "slow": {"get": "/slow", "service": "slow", "timeout_ms": 6000},
            "cart": {"get": "/cart"},
            "items": {"get": "/items/{cart#/id}", "after": "cart"}}}},
    });
    let composer = composer(&document, &open_policy()).await;
    let request = get("/bff/a");

    let release = async {
        // The part of the second stage runs while one of the first stage is in progress.
        wait_until(|| quick.requests().len() == 2).await;
        slow.release();
    };
    let (reply, ()) = tokio::join!(composer.compose(&request), release);
    assert_eq!(
        reply.body,
        r#"{"slow":"slow","cart":{"id":7},"items":["book"]}"#
    );
}
