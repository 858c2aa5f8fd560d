//! The export to a collector that decodes what it receives.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod failures;
mod installed;
mod metrics;
mod spans;
mod support;
