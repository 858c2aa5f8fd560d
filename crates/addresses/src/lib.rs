//! Recognizes loopback addresses, link-local addresses, and the metadata services of cloud
//! providers.
//!
//! A function in Lambda must not call any of them. On a developer's machine, only loopback may be
//! called without TLS. Policies are checked when they are read, and connections when they are made.
//! No function here makes a DNS query.
//!
//! ```
//! assert!(addresses::is_loopback("localhost"));
//! assert!(addresses::is_internal("169.254.169.254".parse()?));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use std::net::{IpAddr, Ipv4Addr};

/// True if a host is `localhost` or a loopback address.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || literal(host).is_some_and(|address| unmapped(address).is_loopback())
}

/// Returns the IP address in a host of a URL, with or without brackets. `None` for a name.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// True if an address is unspecified, loopback, link-local, multicast or broadcast, or belongs to the
/// metadata service of a cloud provider.
#[must_use]
pub fn is_internal(address: IpAddr) -> bool {
    match unmapped(address) {
        IpAddr::V4(v4) => {
            v4.octets()[0] == 0
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.segments()[..2] == [0xfd00, 0x0ec2]
        }
    }
}

/// Returns the IPv4 address in an IPv6 address: mapped, compatible, NAT64 (RFC 6052) or 6to4
/// (RFC 3056). Other addresses are returned unchanged.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };

    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            v4(high, low)
        }
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_recognized_without_dns() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "128.0.0.1",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "[::2]",
            "0x7f.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
