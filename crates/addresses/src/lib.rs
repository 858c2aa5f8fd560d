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

mod network;

pub use network::{Network, NetworkError};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// True if an address is unspecified, loopback, link-local, multicast or broadcast, or belongs to
/// the metadata service of a cloud provider.
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

/// Returns whether an address belongs to a private network: RFC 1918, the shared address space of
/// RFC 6598, or unique local (RFC 4193). An IPv4 address inside an IPv6 address is not looked at.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// True if http to an address may be allowed: it is in a network of RFC 1918 or unique local
/// (RFC 4193), and no metadata service. An IPv4 address inside an IPv6 address does not count,
/// because it may be routed through another network.
#[must_use]
pub fn is_private_site(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local() && !is_internal(address),
    }
}

/// Returns the IPv4 address inside a NAT64 address (RFC 6052, `64:ff9b::/96`). Route 53 Resolver
/// synthesizes these in subnets with DNS64.
#[must_use]
pub fn nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(ipv4(high, low)),
        _ => None,
    }
}

/// Returns the IPv4 address in an IPv6 address: mapped, compatible, NAT64 (RFC 6052) or 6to4
/// (RFC 3056). Other addresses are returned unchanged.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };

    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x2002, high, low, ..] => {
            IpAddr::V4(ipv4(high, low))
        }
        _ => nat64(v6).map_or(address, IpAddr::V4),
    }
}

fn ipv4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
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

    #[test]
    fn private_site_excludes_shared_link_local_and_metadata_addresses() {
        let is_private_site = |address: &str| is_private_site(address.parse().unwrap());
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "fc00::1",
            "fd12:3456::1",
        ] {
            assert!(is_private_site(private), "{private}");
        }
        for other in [
            "9.255.255.255",
            "172.32.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "8.8.8.8",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(!is_private_site(other), "{other}");
        }
    }

    #[test]
    fn private_networks_have_exact_boundaries() {
        let is_private = |address: &str| is_private(address.parse().unwrap());
        for private in [
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.0.0",
            "192.168.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(is_private(private), "{private}");
        }
        for other in [
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "127.0.0.1",
            "fbff:ffff::",
            "fe00::",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_private(other), "{other}");
        }
    }

    #[test]
    fn a_nat64_address_contains_an_ipv4_address() {
        let nat64 = |address: &str| nat64(address.parse().unwrap());
        assert_eq!(nat64("64:ff9b::a00:1"), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(nat64("64:ff9b:1::a00:1"), None);
        assert_eq!(nat64("::ffff:10.0.0.1"), None);
    }
}
