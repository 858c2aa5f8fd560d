//! Tokens, from event to response.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod any_token;
mod certificates;
mod claims;
mod credentials;
mod fetching;
mod form;
mod formats;
mod introspection;
mod issuers;
mod keys;
mod log;
mod provider;
mod reload;
mod secrets;
#[path = "../../../../crates/store/tests/stores/servers.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "one of its servers is enough, and a test fails by panicking"
)]
mod servers;
mod support;
mod x509;
