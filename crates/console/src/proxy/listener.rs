//! The sockets of a proxy, on both addresses of loopback.
//!
//! Browsers try both addresses for a name below `localhost`. If the proxy listened on one of them only,
//! another user of the machine could serve a page of their own on the other.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};

/// The most free ports that are tried.
const MAX_ATTEMPTS: usize = 16;

/// Accepts connections to one port of loopback.
#[derive(Debug)]
pub struct Listener {
    v4: TcpListener,
    /// `None` on a machine without IPv6.
    v6: Option<TcpListener>,
    port: u16,
}

impl Listener {
    /// Listens on a port, or on a free one.
    ///
    /// # Errors
    /// The error of the operating system, for example if the port is in use on one of the addresses.
    pub async fn bind(port: Option<u16>) -> io::Result<Self> {
        if let Some(port) = port {
            return Self::bind_both(port).await;
        }

        let mut attempt = 1;
        loop {
            match Self::bind_both(0).await {
                Err(error) if is_in_use(&error) && attempt < MAX_ATTEMPTS => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn bind_both(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        let v6 = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Some(v6),
            Err(error) if lacks_address(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { v4, v6, port })
    }

    /// Returns the port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a connection.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let Some(v6) = &self.v6 else {
            return self.v4.accept().await;
        };
        tokio::select! {
            accepted = self.v4.accept() => accepted,
            accepted = v6.accept() => accepted,
        }
    }
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrInUse
}

/// True if the machine has no such address, so that nothing else can listen on it either.
fn lacks_address(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_is_taken_on_both_addresses() {
        let listener = Listener::bind(None).await.unwrap();
        let port = listener.port();
        for address in [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ] {
            assert!(TcpListener::bind(address).await.is_err(), "{address}");
        }
        assert!(Listener::bind(Some(port)).await.is_err());
    }

    #[tokio::test]
    async fn port_in_use_on_one_address_is_an_error() {
        let Ok(other) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await else {
            // This machine has no IPv6.
            return;
        };
        let port = other.local_addr().unwrap().port();
        let error = Listener::bind(Some(port)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }
}
