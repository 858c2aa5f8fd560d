//! Hosts and addresses that belong to this machine, to its link, or to a cloud provider's metadata
//! service.
//!
//! A function in Lambda must call none of them, and on a developer's machine only loopback may be
//! called without TLS. Policies are checked against these rules when they are read, and connections
//! when they are made. No function here makes a DNS query.

use std::net::{IpAddr, Ipv4Addr};

/// Returns whether a host is this machine by its name alone, without a DNS query.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || literal(host).is_some_and(|address| unmapped(address).is_loopback())
}

/// Returns the address that a host is written as, in a URL or by itself; `None` for a name.
#[must_use]
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Returns whether an address belongs to this machine or link, or to a cloud provider's metadata
/// service.
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

/// Returns the IPv4 address that an IPv6 address contains: mapped, compatible, NAT64 (RFC 6052) or
/// 6to4 (RFC 3056). Any other address is returned as it is.
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
    fn a_host_is_loopback_by_its_name_alone() {
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
