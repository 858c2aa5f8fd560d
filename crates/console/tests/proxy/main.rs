//! The proxy of `tollgate console`, as a browser and other programs on the machine see it.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails at the first unexpected result"
)]

mod admission;
mod call;
mod forwarding;
mod limits;
mod reads_only;
mod session;
mod setup;
