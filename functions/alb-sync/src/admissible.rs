//! Which addresses of a name can be targets.
//!
//! A name server is not trusted: it must not be able to lead a load balancer to public addresses,
//! to AWS's own services, or through an address that a router translates into one of these.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use addresses::is_private;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use sync_targets::{Source, Zone};

/// Why an address cannot be a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    /// An address of a special-purpose block; the text names the block.
    #[error("{0}")]
    Special(&'static str),
    /// A public IPv4 address.
    #[error("public address")]
    Public,
    /// An IPv6 address that no VPC with addresses from Amazon has.
    #[error("public address outside Amazon's VPC ranges")]
    OutsideAmazon,
    /// An address of the load balancer that would send to it.
    #[error("address of this group's own load balancer")]
    OwnLoadBalancer,
    /// An address in none of the entry's `networks`.
    #[error("outside the entry's networks")]
    OutsideNetworks,
}

/// Checks whether an entry of `SYNC_TARGETS` lets an address be a target.
///
/// With `networks`, an address must be in one of them. Without, an IPv4 address must be private
/// (RFC 1918, RFC 6598). An IPv6 address must be unique local, or be in a range from which Amazon
/// assigns addresses to VPCs; with `"availability_zone": "all"`, which is how an entry asks for
/// targets outside the VPC, any global address will do.
///
/// # Errors
/// [`Rejection`]. Addresses of special-purpose blocks are refused whatever the entry says.
pub(crate) fn check(address: IpAddr, source: &Source) -> Result<(), Rejection> {
    if let Some(block) = special_block(address) {
        return Err(Rejection::Special(block));
    }
    if !source.networks.is_empty() {
        let is_listed = source
            .networks
            .iter()
            .any(|network| network.contains(&address));
        return if is_listed {
            Ok(())
        } else {
            Err(Rejection::OutsideNetworks)
        };
    }

    match address {
        _ if is_private(address) => Ok(()),
        IpAddr::V4(_) => Err(Rejection::Public),
        IpAddr::V6(_) if source.zone == Zone::All || is_amazon(address) => Ok(()),
        IpAddr::V6(_) => Err(Rejection::OutsideAmazon),
    }
}

fn is_amazon(address: IpAddr) -> bool {
    AMAZON.iter().any(|network| network.contains(&address))
}

fn special_block(address: IpAddr) -> Option<&'static str> {
    let listed = SPECIAL
        .iter()
        .find(|(network, _)| network.contains(&address));
    if let Some((_, block)) = listed {
        return Some(block);
    }

    let is_unicast = matches!(address, IpAddr::V4(_))
        || UNICAST_V6.iter().any(|network| network.contains(&address));
    (!is_unicast).then_some("reserved address")
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

/// The first four groups of an address, then the length of the prefix.
const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(
        Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0),
        prefix,
    ))
}

/// The blocks that hold Amazon's IPv6 ranges of the service EC2 (`ip-ranges.json`): the Americas,
/// Europe, Asia and the Pacific, and China. A VPC with addresses from elsewhere names them in
/// `networks`.
const AMAZON: [IpNet; 6] = [
    v6(0x2600, 0x1f00, 0, 0, 24),
    v6(0x2a05, 0xd000, 0, 0, 25),
    v6(0x2406, 0xda00, 0, 0, 24),
    v6(0x240f, 0x8000, 0, 0, 24),
    v6(0x2400, 0x7fc0, 0, 0, 32),
    v6(0x2404, 0xc2c0, 0, 0, 32),
];

/// Global unicast (RFC 3513) and unique local (RFC 4193). All other IPv6 addresses have a special
/// purpose or none.
const UNICAST_V6: [IpNet; 2] = [v6(0x2000, 0, 0, 0, 3), v6(0xfc00, 0, 0, 0, 7)];

/// IANA's special-purpose registries, and AWS's addresses of services that each instance reaches.
const SPECIAL: [(IpNet, &str); 31] = [
    (v4(0, 0, 0, 0, 8), "unspecified address"),
    (v4(127, 0, 0, 0, 8), "loopback address"),
    (
        v4(169, 254, 0, 0, 16),
        "link-local address, such as instance metadata",
    ),
    (v4(192, 0, 0, 0, 24), "address of IETF protocols"),
    (v4(192, 0, 2, 0, 24), "documentation address"),
    (v4(198, 51, 100, 0, 24), "documentation address"),
    (v4(203, 0, 113, 0, 24), "documentation address"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(198, 18, 0, 0, 15), "benchmarking address"),
    (v4(224, 0, 0, 0, 4), "multicast address"),
    (v4(240, 0, 0, 0, 4), "reserved address"),
    (
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128)),
        "unspecified address",
    ),
    (
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
        "loopback address",
    ),
    (
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
            96,
        )),
        "IPv4-mapped address",
    ),
    (
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0),
            96,
        )),
        "IPv4-translated address",
    ),
    (v6(0, 0, 0, 0, 96), "IPv4-compatible address"),
    (
        v6(0x64, 0xff9b, 0, 0, 96),
        "NAT64 address, as DNS64 makes up",
    ),
    (
        v6(0x64, 0xff9b, 1, 0, 48),
        "NAT64 address, as DNS64 makes up",
    ),
    (v6(0x100, 0, 0, 0, 64), "discard address"),
    (v6(0x2001, 0, 0, 0, 32), "Teredo address"),
    (v6(0x2001, 2, 0, 0, 48), "benchmarking address"),
    (v6(0x2001, 0x10, 0, 0, 28), "ORCHID address"),
    (v6(0x2001, 0x20, 0, 0, 28), "ORCHID address"),
    (v6(0x2001, 0, 0, 0, 23), "address of IETF protocols"),
    (v6(0x2001, 0xdb8, 0, 0, 32), "documentation address"),
    (v6(0x2002, 0, 0, 0, 16), "6to4 address"),
    (v6(0x3fff, 0, 0, 0, 20), "documentation address"),
    (
        v6(0xfd00, 0xec2, 0, 0, 32),
        "address of AWS's own, such as instance metadata",
    ),
    (v6(0xfe80, 0, 0, 0, 10), "link-local address"),
    (v6(0xfec0, 0, 0, 0, 10), "site-local address"),
    (v6(0xff00, 0, 0, 0, 8), "multicast address"),
];

#[cfg(test)]
mod tests;
