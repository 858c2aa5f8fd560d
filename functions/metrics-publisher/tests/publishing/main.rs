//! The publisher between an event and CloudWatch: what is answered, what is sent, and what happens
//! where it is not.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod claims_table;
mod embedded;
mod endpoints;
mod failures;
mod ministack;
mod once;
mod own_dimensions;
mod requests;
mod sources;
mod startup;
mod support;
mod thresholds;
