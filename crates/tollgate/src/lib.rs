//! The whole gateway on one machine: `template.yaml`, read and served.
//!
//! - trigger: HTTP requests on a local port; or one event of a function (`invoke`)
//! - reads: the template, optionally a policy and seeds
//! - writes: an access log line a request, on standard output
//! - on failure: what the template says and is not understood ends the start with line and column;
//!   a
//!   request that goes wrong is answered as API Gateway or a load balancer would

pub mod api;
pub mod cli;
pub mod echo;
pub mod function;
pub mod gateway;
pub mod invoke;
pub mod local;
pub mod log;
mod memory_budget;
pub mod template;
