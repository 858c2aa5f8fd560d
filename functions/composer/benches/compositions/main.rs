//! The servers and the clients of `make bench PART=compositions`, which compares the composer with
//! other programs. The first argument is a role:
//!
//! - `backend PORT DELAY_MS`: the services
//! - `composer PORT BACKEND_URL`: the composer behind a plain HTTP server
//! - `latency PORT REQUESTS`: a client that measures one request after the other
//! - `load PORT CONNECTIONS REQUESTS`: a client that sends so many requests
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

mod backend;
mod client;
mod composer;
mod http_server;
mod latency;

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();

    match words.as_slice() {
        ["backend", port, delay_ms] => {
            let delay = Duration::from_millis(delay_ms.parse().unwrap());
            runtime().block_on(backend::serve(port.parse().unwrap(), delay));
        }
        ["composer", port, backend_url] => {
            runtime().block_on(composer::serve(port.parse().unwrap(), backend_url));
        }
        ["latency", port, requests] => {
            let overheads = latency::overheads(port.parse().unwrap(), requests.parse().unwrap());
            println!("{}", latency::percentiles(runtime().block_on(overheads)));
        }
        ["load", port, connections, requests] => {
            let connections = connections.parse().unwrap();
            let load = client::load(
                port.parse().unwrap(),
                connections,
                requests.parse().unwrap(),
            );
            runtime().block_on(load);
        }
        _ => panic!("expected a role with its arguments, got {words:?}"),
    }
}

/// Returns a runtime on this thread, as Lambda functions have it.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
