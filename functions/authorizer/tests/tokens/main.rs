//! Tokens, from event to response.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod any_token;
mod bearer_keys;
mod blocks;
mod callers;
mod candidates;
mod certificates;
mod claims;
mod client_authentication;
mod credentials;
mod entries;
mod explanation;
mod fetching;
mod form;
mod formats;
mod front;
mod identity_providers;
mod introspection;
mod issuers;
mod keys;
mod location;
mod log;
mod provider;
mod refusals;
mod reload;
mod revocation;
mod secrets;
mod shared_secrets;
mod support;
mod tenants;
mod x509;
