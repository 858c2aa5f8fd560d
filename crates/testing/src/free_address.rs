//! Addresses for programs that do not choose a free port themselves.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the operating system chooses for connections and for port 0.
const PORTS: std::ops::Range<u32> = 10_000..32_000;
/// The distance between the first ports of two processes with consecutive ids.
const PORTS_PER_PROCESS: u32 = 8;

/// Returns an address of the loopback interface that is free and that other tests do not choose.
///
/// A program listens on it a while later. A port that the operating system chose could be given to
/// another test until then.
///
/// # Panics
/// If all ports are in use.
#[must_use]
pub fn free_address() -> SocketAddr {
    static CHOSEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(PORTS_PER_PROCESS);

    (0..PORTS.end - PORTS.start)
        .map(|_| first.wrapping_add(CHOSEN.fetch_add(1, Ordering::Relaxed)))
        .filter_map(|number| u16::try_from(PORTS.start + number % (PORTS.end - PORTS.start)).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}
