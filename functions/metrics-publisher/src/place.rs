//! Where the addresses of a service's name lead.

use std::net::IpAddr;

use serde::Serialize;

/// Services with gateway endpoints, which are routes: their names still resolve to public addresses
/// ("Gateway endpoints", VPC documentation).
const GATEWAY_SERVICES: [&str; 2] = ["dynamodb", "s3"];

/// Where a service's name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the private network.
    Private,
    /// To at least one public address.
    Public,
    /// To public addresses of a service that may have a gateway endpoint. The addresses do not show
    /// whether it has one.
    Gateway,
}

impl Place {
    /// Returns the place of a service by the addresses of its name, or `None` if they are not
    /// conclusive.
    ///
    /// A dual-stack interface endpoint has private IPv4 addresses, and global IPv6 addresses from
    /// the VPC's own block. A global IPv6 address therefore proves nothing, and the IPv4 addresses
    /// decide.
    #[must_use]
    pub fn from_addresses(service: &str, addresses: &[IpAddr]) -> Option<Self> {
        let mut has_private = false;
        for address in addresses {
            match is_private(*address) {
                Some(true) => has_private = true,
                Some(false) if GATEWAY_SERVICES.contains(&service) => return Some(Self::Gateway),
                Some(false) => return Some(Self::Public),
                None => {}
            }
        }

        has_private.then_some(Self::Private)
    }
}

/// Returns whether an address is private or loopback, where local servers are. `None` for a global
/// IPv6 address, which may be the VPC's own.
fn is_private(address: IpAddr) -> Option<bool> {
    let address = match address.to_canonical() {
        IpAddr::V6(v6) => addresses::nat64(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    };
    if addresses::is_private(address) || address.is_loopback() {
        return Some(true);
    }

    address.is_ipv4().then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(service: &str, addresses: &[&str]) -> Option<Place> {
        Place::from_addresses(
            service,
            &addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_service_is_private_if_all_its_addresses_are() {
        for private in [
            "10.0.0.1",
            "172.31.255.1",
            "192.168.0.1",
            "100.64.0.1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(
                place("monitoring", &[private]),
                Some(Place::Private),
                "{private}"
            );
        }
        for public in [
            "52.94.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "::ffff:52.94.0.1",
            "64:ff9b::345e:1",
        ] {
            assert_eq!(
                place("monitoring", &["10.0.0.1", public]),
                Some(Place::Public),
                "{public}"
            );
        }
        assert_eq!(place("monitoring", &[]), None);
    }

    #[test]
    fn a_dual_stack_interface_endpoint_is_private_despite_its_global_ipv6_addresses() {
        let (global, translated) = ("2600:1f14:abc::1", "64:ff9b::a00:1");
        assert_eq!(
            place("monitoring", &["10.0.0.1", global]),
            Some(Place::Private)
        );
        assert_eq!(
            place("monitoring", &[global, "10.0.0.1", translated]),
            Some(Place::Private)
        );
        assert_eq!(
            place("monitoring", &["52.94.0.1", global]),
            Some(Place::Public)
        );
        assert_eq!(
            place("monitoring", &[global, global]),
            None,
            "the VPC of a global address is unknown"
        );
    }

    #[test]
    fn a_service_with_gateway_endpoints_may_have_public_addresses() {
        assert_eq!(place("dynamodb", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("s3", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("dynamodb", &["10.0.0.1"]), Some(Place::Private));
    }
}
