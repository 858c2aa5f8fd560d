//! Parses the address to listen on.

use std::net::{Ipv4Addr, SocketAddr};

/// Parses `IP:PORT`, `localhost:PORT`, `:PORT` or `PORT`. Without an IP address, the gateway listens
/// on 127.0.0.1, which only this machine can reach.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost").unwrap_or(text);
    let port = port
        .strip_prefix(':')
        .or_else(|| (port == text).then_some(port));
    let loopback = port
        .and_then(|port| port.parse().ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));

    loopback.or_else(|| text.parse().ok()).ok_or_else(|| {
        "expected an address and a port, such as 127.0.0.1:3000, localhost:3000, 3000, 0.0.0.0:3000 or [::1]:3000"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_without_address_is_on_loopback() {
        for (text, expected) in [
            ("3000", "127.0.0.1:3000"),
            (":3000", "127.0.0.1:3000"),
            ("localhost:3000", "127.0.0.1:3000"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(address(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn error_for_an_invalid_address_has_examples() {
        for text in [
            "",
            ":",
            "localhost",
            "localhost3000",
            "nowhere",
            "127.0.0.1",
            "example.com:80",
            "70000",
            "::1",
            "-1",
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains("such as 127.0.0.1:3000"), "{text}: {error}");
        }
    }
}
