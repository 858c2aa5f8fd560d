//! Whole requests against real services on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod any_request;
mod authorized;
mod caching;
mod charges;
mod direct_calls;
mod events;
mod identity;
mod methods;
mod missing;
mod order;
mod outage;
mod permission;
mod reload;
mod required;
mod selection;
mod support;
