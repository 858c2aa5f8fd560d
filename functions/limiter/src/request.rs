//! Requests: who calls, what is asked for, and on which conditions.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod cursor;
pub(crate) mod precondition;
pub(crate) mod query;
pub(crate) mod show;
