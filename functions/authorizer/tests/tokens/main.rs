//! Tokens from event to answer.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod any_token;
mod certificates;
mod claims;
mod credentials;
mod fetching;
mod form;
mod formats;
mod introspection;
mod keys;
mod log;
mod provider;
mod renewal;
mod support;
