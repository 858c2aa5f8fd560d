//! The customers' page. The tests of its script need Node.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;

use crate::support::{Api, Response};

/// Sends a request without credentials.
async fn public(api: &Api, path: &str) -> Response {
    api.call_as("GET", path, Value::Null).send().await
}

pub(crate) async fn page_has_a_strict_policy_and_names_the_key_header(api: Arc<Api>) {
    for (file, media_type) in [
        ("account", "text/html; charset=utf-8"),
        ("account.css", "text/css; charset=utf-8"),
        ("account.js", "text/javascript; charset=utf-8"),
    ] {
        let response = public(&api, &format!("/_tollgate/{file}")).await;
        assert_eq!(response.status, 200, "{file}");
        assert_eq!(response.header("content-type"), Some(media_type));
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }

    let page = public(&api, "/_tollgate/account").await.text;
    assert!(page.contains(r#"data-key-header="x-api-key""#));
    assert!(!page.contains("{{"), "an unfilled place is left");
    for forbidden in [
        "<style", " style=", "<script>", " onclick", "http://", "https://",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The input has no name, so that no form can put the key into an address.
    assert!(!page.contains(" name=\"key"));
}

#[test]
fn script_passes_its_own_tests() {
    let test = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/page.test.mjs");
    let output = Command::new("node")
        .arg("--test")
        .arg(test)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
