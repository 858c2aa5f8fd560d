//! Whole runs, by the numbers of their scenarios: DNS from a server of the test's own, ELBv2 and
//! DynamoDB behind mocked transports that remember, and both on ministack.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod account;
mod binary;
mod deployed;
mod failures;
mod ministack;
mod names;
mod resolving;
mod runs;
#[expect(dead_code, reason = "the benchmark uses the rest")]
mod runtime;
#[path = "../../../../crates/store/tests/stores/servers.rs"]
#[expect(
    dead_code,
    clippy::expect_used,
    reason = "the store's tests use the rest"
)]
mod servers;
mod world;
