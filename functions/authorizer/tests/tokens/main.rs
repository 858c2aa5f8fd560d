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
mod support;
mod x509;
