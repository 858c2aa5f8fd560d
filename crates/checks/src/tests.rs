//! What the tests of the checks share.

pub(crate) mod fake_api;
pub(crate) mod recorded;
