//! What a probe of an endpoint says, and what it becomes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::aggregate::Aggregator;
use crate::series::{Metric, Series};

/// Services whose gateway endpoints are routes: their names go on resolving to public addresses
/// ("Gateway endpoints", VPC documentation).
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

/// Where a service's name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the network.
    Private,
    /// To at least one public address.
    Public,
    /// To public addresses of a service that may have a gateway endpoint. Addresses do not tell
    /// whether it has.
    Gateway,
}

/// What is known of a service's endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// The service, by its endpoint's name.
    pub service: String,
    /// True if the name resolved and a connection, with TLS for https, was established.
    pub reachable: bool,
    /// Where its name leads. Absent if it does not resolve, or if its addresses do not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How long the TCP connection took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// How long TLS took after the TCP connection, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// Why it is not reachable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Place {
    /// Judges a service by the addresses of its name. Returns `None` if they do not tell.
    ///
    /// A dual-stack interface endpoint has private IPv4 addresses and global IPv6 addresses, those
    /// of the VPC's own block. A global IPv6 address therefore tells nothing: next to IPv4
    /// addresses, these decide.
    #[must_use]
    pub fn of(service: &str, addresses: &[IpAddr]) -> Option<Self> {
        let scopes: Vec<_> = addresses
            .iter()
            .filter_map(|address| Scope::of(*address))
            .collect();

        if scopes.is_empty() {
            None
        } else if scopes.iter().all(|scope| *scope == Scope::Private) {
            Some(Self::Private)
        } else if GATEWAYS.contains(&service) {
            Some(Self::Gateway)
        } else {
            Some(Self::Public)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Private,
    Public,
}

impl Scope {
    /// Private are RFC 1918, RFC 6598 and RFC 4193, and this machine itself, where local servers
    /// are. `None` for a global IPv6 address, which may be a VPC's own.
    fn of(address: IpAddr) -> Option<Self> {
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address,
            IpAddr::V6(address) if address.is_unique_local() || address.is_loopback() => {
                return Some(Self::Private);
            }
            IpAddr::V6(address) => of_dns64(address)?,
        };

        let [first, second, ..] = address.octets();
        let is_shared = first == 100 && (64..128).contains(&second);
        let is_private = address.is_private() || address.is_loopback() || is_shared;
        Some(if is_private {
            Self::Private
        } else {
            Self::Public
        })
    }
}

/// The IPv4 address that Route 53 Resolver puts into `64:ff9b::/96` (RFC 6052) in subnets with
/// DNS64.
fn of_dns64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    }
}

impl Probed {
    /// Counts what was measured.
    pub fn observe(&self, minute: i64, sums: &mut Aggregator) {
        let mut add =
            |metric, value| sums.add_own(minute, Series::new(metric, [&self.service]), value, 1);

        add(
            Metric::EndpointReachable,
            f64::from(u8::from(self.reachable)),
        );
        match self.place {
            Some(Place::Private) => add(Metric::EndpointPrivate, 1.0),
            Some(Place::Public) => add(Metric::EndpointPrivate, 0.0),
            Some(Place::Gateway) | None => {}
        }
        self.connect_ms
            .into_iter()
            .for_each(|took| add(Metric::EndpointConnect, took));
        self.tls_ms
            .into_iter()
            .for_each(|took| add(Metric::EndpointTls, took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(service: &str, addresses: &[&str]) -> Option<Place> {
        Place::of(
            service,
            &addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_service_is_private_if_all_of_its_addresses_are() {
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
            "nothing tells whose address it is"
        );
    }

    #[test]
    fn gateway_endpoints_are_not_held_to_private_addresses() {
        assert_eq!(place("dynamodb", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("s3", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("dynamodb", &["10.0.0.1"]), Some(Place::Private));
    }

    #[test]
    fn reachability_is_always_published_and_the_rest_only_if_it_is_known() {
        let metrics = |reachable, place, connect_ms, tls_ms| {
            let mut sums = Aggregator::default();
            let probed = Probed {
                service: "sts".to_owned(),
                reachable,
                place,
                connect_ms,
                tls_ms,
                error: None,
            };
            probed.observe(60, &mut sums);
            sums.into_data()
                .iter()
                .map(|datum| {
                    (
                        datum.series.metric,
                        datum.aggregate.values.values().next().unwrap().0,
                    )
                })
                .collect::<Vec<_>>()
        };
        let (yes, no) = (
            (Metric::EndpointReachable, 1.0),
            (Metric::EndpointReachable, 0.0),
        );
        let (private, public) = (
            (Metric::EndpointPrivate, 1.0),
            (Metric::EndpointPrivate, 0.0),
        );
        let (connect, tls) = ((Metric::EndpointConnect, 1.5), (Metric::EndpointTls, 2.5));

        assert_eq!(metrics(false, None, None, None), [no]);
        assert_eq!(
            metrics(false, Some(Place::Private), None, None),
            [no, private]
        );
        assert_eq!(
            metrics(false, Some(Place::Private), Some(1.5), None),
            [no, private, connect]
        );
        assert_eq!(
            metrics(true, Some(Place::Public), Some(1.5), None),
            [yes, public, connect]
        );
        assert_eq!(
            metrics(true, Some(Place::Private), Some(1.5), Some(2.5)),
            [yes, private, connect, tls]
        );
        assert_eq!(
            metrics(true, Some(Place::Gateway), Some(1.5), None),
            [yes, connect]
        );
    }
}
