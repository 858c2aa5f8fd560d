//! What tests and benchmarks of several packages share. It is only ever a dev-dependency.
//!
//! | module | what it is |
//! |---|---|
//! | [`documents`] | the commands in the project's documents |
//! | [`emulator`] | ministack and dynalite, which speak the protocols of AWS services |
//! | [`failed_start`] | a function's program that does not start, and its log |
//! | [`fault_proxy`] | an HTTP proxy that delays, refuses or loses requests, and counts them |
//! | [`free_address()`] | an address for a program that cannot listen on port 0 |
//! | [`http_server`] | an HTTP server with scripted responses, which keeps the requests |
//! | [`item_update`] | the effect of an `UpdateItem` on an item of integers |
//! | [`lambda_runtime`] | Lambda's runtime interface, for a function's binary |
//! | [`log_buffer`] | a writer that keeps log lines for assertions |
//! | [`raw_server`] | a TCP server that sends any bytes, and that can be stopped |
//! | [`wait_until()`] | waits for a state, without a fixed time |
//! | `dns_server` | a scripted DNS server (feature `dns`) |
//! | `collector` | an OpenTelemetry collector that decodes what it receives (feature `otlp`) |
//! | `tokens` | tokens and signing keys (feature `tokens`) |
//! | `tls_server` | an HTTPS server with a private certificate authority (feature `tls`) |
//! | `authorizer` | an authorizer with the embedded store (feature `authorizer`) |
//! | `load_balancers` | target groups, and alb-sync functions that use them (feature `alb-sync`) |
//! | `stores` | each store with the same plans and keys (feature `stores`) |
//!
//! The modules `authorizer`, `load_balancers` and `stores` use a package of the product. The unit
//! tests of that package cannot use them, because they would link two copies of it.
//!
//! ```no_run
//! # async fn example() {
//! use std::time::Duration;
//! use testing::{Emulator, Fault, FaultProxy};
//!
//! let emulator = Emulator::ministack();
//! let proxy = FaultProxy::in_front_of(emulator.address).await;
//! proxy.fault_all(Fault::Delay(Duration::from_millis(50)));
//! // Send requests to `proxy.url`, then count them.
//! assert_eq!(proxy.count("UpdateItem"), 0);
//! # }
//! ```

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "authorizer")]
pub mod authorizer;
#[cfg(feature = "otlp")]
pub mod collector;
#[cfg(feature = "dns")]
pub mod dns_server;
pub mod documents;
pub mod emulator;
pub mod failed_start;
pub mod fault_proxy;
mod free_address;
pub mod http_server;
pub mod item_update;
pub mod lambda_runtime;
#[cfg(feature = "alb-sync")]
pub mod load_balancers;
pub mod log_buffer;
pub mod raw_server;
#[cfg(feature = "stores")]
pub mod store_time;
#[cfg(feature = "stores")]
pub mod stores;
#[cfg(feature = "tls")]
pub mod tls_server;
#[cfg(feature = "tokens")]
pub mod tokens;
#[cfg(feature = "tls")]
pub mod trust;
mod wait_until;

#[cfg(feature = "otlp")]
pub use collector::Collector;
#[cfg(feature = "dns")]
pub use dns_server::{DnsQuery, DnsResponse, DnsServer, private_addresses};
pub use emulator::Emulator;
pub use failed_start::FailedStart;
pub use fault_proxy::{Fault, FaultProxy, Traffic};
pub use free_address::free_address;
pub use http_server::{HttpReply, HttpRequest, HttpServer};
pub use item_update::{Integers, ItemUpdate};
pub use lambda_runtime::{LambdaRuntime, RuntimeMessage};
pub use log_buffer::LogBuffer;
#[cfg(feature = "tls")]
pub use tls_server::TlsServer;
#[cfg(feature = "tls")]
pub use trust::TrustTest;
pub use wait_until::wait_until;
