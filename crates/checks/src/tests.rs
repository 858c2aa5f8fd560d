//! What the tests of the checks share.

pub(crate) mod recorded;
