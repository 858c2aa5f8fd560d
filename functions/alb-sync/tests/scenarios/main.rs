//! Whole runs, by the numbers of their scenarios: DNS from a server of the test's own, ELBv2 and
//! DynamoDB behind mocked transports that remember, and both on ministack.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod authorities;
mod binary;
mod deployed;
mod failures;
mod ministack;
mod resolving;
mod runs;
mod world;
