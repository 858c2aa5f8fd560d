//! Which addresses can be targets at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Private addresses and those of RFC 6598 (Target groups for Network Load Balancers, "Target type"); of IPv6, all
/// that are somebody's. A name that shows others is public, or answered by somebody else than is thought.
#[must_use]
pub(crate) const fn can_be_target(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || is_shared(address),
        IpAddr::V6(address) => is_unicast(address),
    }
}

/// 100.64.0.0/10.
const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

const fn is_unicast(address: Ipv6Addr) -> bool {
    !(address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario 20.
    #[test]
    fn public_loopback_and_link_local_addresses_are_no_targets() {
        for (text, expected) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.255.255", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("3.5.140.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("2001:db8::1", true),
            ("fd00::1", true),
            ("::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(can_be_target(text.parse().unwrap()), expected, "{text}");
        }
    }
}
