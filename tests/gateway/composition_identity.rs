//! Identity headers of the client never reach the services of a composition.

use outcome::{BACKEND_HEADERS, ORIGIN_HEADER};
use tests::{PRO, Setup, raw};

use crate::compositions::{compositions, orders, users};

/// A value that only the client sends.
const FORGED: &str = "forged-by-the-client";

/// Returns other spellings of a header, which some servers read as the same one.
fn spellings(name: &str) -> Vec<String> {
    vec![
        name.to_owned(),
        name.to_uppercase(),
        name.replace('-', "_"),
        name.replace('-', "_").to_uppercase(),
        name.replacen('-', "_", 1),
        name.split('-')
            .map(capitalized)
            .collect::<Vec<_>>()
            .join("-"),
    ]
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[tokio::test]
async fn identity_headers_of_the_client_are_never_passed_on() {
    let (orders, users) = (orders().await, users().await);
    let gateway = Setup::default()
        .compositions(&compositions())
        .backend(orders.address)
        .service("users", users.address)
        .start()
        .await;

    let others = [
        "x-request-id",
        "x-forwarded-for",
        "forwarded",
        "x-api-key-2",
        "cookie",
        "traceparent",
    ];
    let names = BACKEND_HEADERS
        .into_iter()
        .chain([ORIGIN_HEADER])
        .chain(others);
    let mut refused = 0;
    for spelling in names.flat_map(spellings) {
        let request = format!(
            "GET /bff/strict HTTP/1.1\r\nhost: localhost\r\nx-api-key: {PRO}\r\n{spelling}: {FORGED}\r\n{spelling}: {FORGED}2\r\n\
             connection: close\r\n\r\n"
        );
        let response = raw(gateway.address, request).await;
        let status = response.split(' ').nth(1).unwrap_or_default();
        assert!(
            ["200", "400", "403"].contains(&status),
            "{spelling}: {response}"
        );
        refused += usize::from(status != "200");
    }

    let seen = orders.seen();
    assert!(seen.len() > 60 && refused < 60, "{} {refused}", seen.len());
    for request in seen {
        for (name, value) in &request.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert!(!value.contains(FORGED), "{name}: {value}");
        }
        assert_eq!(request.headers["x-tollgate-key-id"], "local-pro");
        assert_eq!(request.headers["x-tollgate-user-id"], "-");
        assert_eq!(request.headers.get_all(ORIGIN_HEADER).iter().count(), 1);
        assert!(!request.headers.contains_key("x-api-key"));
    }
}
