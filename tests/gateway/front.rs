//! The front of a policy, and the header that proves the origin of a request to the backend.

use http::StatusCode;
use serde_json::json;
use tests::{Backend, PRO, Setup};

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NEXT: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-Ab3dEf";

/// A gateway whose policy has a front with two secrets.
fn with_front() -> Setup {
    let policy = json!({
        "front": {"secret": ["env:FRONT_SECRET", "env:FRONT_NEXT"], "client_ip": "cloudfront-viewer-address"},
        "rules": [
            {"match": "GET /public", "auth": "none", "plan": "free", "limit_by": "ip"},
            {"match": "ANY /{proxy+}", "auth": "any"},
            {"match": "ANY /", "auth": "any"},
        ],
    });
    let setting = "          KEY_HEADER: !Ref KeyHeader\n";
    let secrets = format!("          FRONT_SECRET: {SECRET}\n          FRONT_NEXT: {NEXT}\n");
    Setup::default()
        .replace(setting, &format!("{setting}{secrets}"))
        .policy(&policy.to_string())
}

#[tokio::test]
async fn clients_that_bypass_the_front_are_refused() {
    let backend = Backend::empty().await;
    let gateway = with_front().backend(backend.address).start().await;
    let viewer = "198.51.100.7:46532";
    for secret in ["", "-", "x", &SECRET[1..], &SECRET.to_uppercase()] {
        for path in ["/orders", "/public", "/"] {
            let call = gateway
                .call("GET", path)
                .header("x-api-key", PRO)
                .header("cloudfront-viewer-address", viewer)
                .header("x-origin-verify", secret);
            let refused = call.send().await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path} {secret}");
        }
    }
    let twice = gateway
        .call("GET", "/orders")
        .header("x-api-key", PRO)
        .header("cloudfront-viewer-address", viewer)
        .header("x-origin-verify", SECRET)
        .header("X-Origin-Verify", SECRET);
    assert_eq!(twice.send().await.status, StatusCode::FORBIDDEN);
    assert!(backend.seen().is_empty());

    for secret in [SECRET, NEXT] {
        let call = gateway
            .call("GET", "/orders")
            .header("x-api-key", PRO)
            .header("cloudfront-viewer-address", viewer)
            .header("X-ORIGIN-VERIFY", secret);
        assert_eq!(call.send().await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn secret_of_the_front_reaches_no_backend_and_no_log() {
    let backend = Backend::empty().await;
    let gateway = with_front().backend(backend.address).start().await;
    for (method, path) in [
        ("POST", "/orders/7"),
        ("GET", "/"),
        ("GET", "/health"),
        ("OPTIONS", "/orders/7"),
        ("OPTIONS", "/"),
    ] {
        let call = gateway
            .call(method, path)
            .header("x-api-key", PRO)
            .header("cloudfront-viewer-address", "[2001:db8::1]:443")
            .header("x-origin-verify", SECRET);
        assert_eq!(call.send().await.status, StatusCode::OK, "{method} {path}");
    }
    assert_eq!(backend.seen().len(), 5);
    for seen in backend.seen() {
        assert!(!format!("{:?}", seen.headers).contains(SECRET), "{seen:?}");
    }
    let log = serde_json::Value::from(gateway.log()).to_string();
    assert!(!log.contains(SECRET) && !log.contains(NEXT), "{log}");
}

#[tokio::test]
async fn access_log_has_the_address_of_the_client() {
    let gateway = with_front().start().await;
    let viewers = [
        "198.51.100.7:1",
        "2001:db8::8a2e:370:7334:46532",
        "198.51.100.8:2",
    ];
    for viewer in viewers {
        let call = gateway
            .call("GET", "/public")
            .header("cloudfront-viewer-address", viewer)
            .header("x-origin-verify", SECRET);
        assert_eq!(call.send().await.status, StatusCode::OK, "{viewer}");
    }
    let log = gateway.log();
    let clients: Vec<_> = log
        .iter()
        .filter_map(|line| line["client_ip"].as_str())
        .collect();
    assert_eq!(
        clients,
        ["198.51.100.7", "2001:db8::8a2e:370:7334", "198.51.100.8"]
    );
    assert_eq!(log[0]["caller"], "ip#198.51.100.7#free");
}

#[tokio::test]
async fn template_whose_integrations_keep_the_header_of_the_front_aborts_startup() {
    let template = std::fs::read_to_string(tests::project().join("template.yaml")).unwrap();
    let removal = "        remove:header.x-origin-verify: \"''\"\n";
    assert_eq!(template.matches(removal).count(), 2, "one per integration");
    let error = with_front().replace(removal, "").try_start().await;
    let error = error.err().expect("an error").to_string();
    assert!(
        error.starts_with("the policy has `front`, but the integration of route"),
        "{error}"
    );
    // Without a front, nothing is sent in that header.
    assert!(
        Setup::default()
            .replace(removal, "")
            .try_start()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn backend_always_receives_one_proof_of_origin() {
    let reference = format!("{{{{resolve:secretsmanager:{ARN}:SecretString:::}}}}");
    for (setup, expected) in [
        (Setup::default(), "-"),
        (
            Setup::default().parameter("OriginSecretArn", ARN),
            &*reference,
        ),
    ] {
        let backend = Backend::empty().await;
        let gateway = setup.backend(backend.address).start().await;
        for (method, path) in [
            ("GET", "/orders"),
            ("GET", "/"),
            ("GET", "/health"),
            ("OPTIONS", "/orders"),
        ] {
            let call = gateway
                .call(method, path)
                .header("x-api-key", PRO)
                .header("X-Tollgate-Origin", "forged")
                .header("x-tollgate-origin", SECRET);
            assert_eq!(call.send().await.status, StatusCode::OK, "{method} {path}");
        }
        for seen in backend.seen() {
            let values = seen.headers.get_all("x-tollgate-origin");
            let values: Vec<_> = values.iter().collect();
            assert_eq!(values, [expected], "{seen:?}");
        }
        assert_eq!(backend.seen().len(), 4);
    }
}
