//! What the tests of the checks share.

pub(crate) mod composing;
pub(crate) mod fake_api;
mod planned;
pub(crate) mod recorded;
