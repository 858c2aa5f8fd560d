//! The local gateway: interprets `template.yaml` and serves the HTTP API that it defines, on one
//! machine.
//!
//! - trigger: HTTP requests on a local port
//! - reads: the template; optionally a policy and seeds
//! - writes: one access log line per request
//! - on failure: if the template contains something that is not supported, startup fails and the
//!   error names line and column. A failed request gets the response that API Gateway or the load
//!   balancer would send.
//!
//! This crate is an application, not a library that functions share. It therefore depends on all
//! deployed functions and runs them in process: the code that serves a request on a developer's
//! machine is the code that is deployed.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use gateway::api::{Exchange, LogFormat};
//! use gateway::local::{self, DEFAULT_STATE_FOLDER, Options};
//!
//! # async fn serve() -> Result<(), local::StartError> {
//! let options = Options {
//!     listen: ([127, 0, 0, 1], 3000).into(),
//!     template: "template.yaml".into(),
//!     parameters: Vec::new(),
//!     backend: None,
//!     endpoint: None,
//!     policy: None,
//!     compositions: None,
//!     services: Vec::new(),
//!     seeds: None,
//!     state: DEFAULT_STATE_FOLDER.into(),
//!     pages: None,
//! };
//! let access_log = Arc::new(|format: &LogFormat, exchange: &Exchange| {
//!     print!("{}", format.line(exchange));
//! });
//! let gateway = local::start(options, access_log, std::io::sink()).await?;
//! gateway.serve(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! The crate `sam_template` evaluates the template. Modules, in the order of a request: [`api`]
//! is the HTTP API in it, [`server`] serves that API over HTTP and [`function`] invokes the
//! functions. [`local`] puts them together.

pub mod api;
mod echo;
pub mod function;
pub mod local;
mod memory_budget;
pub mod metrics;
pub mod pages;
pub mod server;
