//! What a probe of an endpoint says, and what it becomes.

use std::net::IpAddr;

use serde::Serialize;

use crate::aggregate::Aggregator;
use crate::series::{Metric, Series};

/// Services whose gateway endpoints are routes: their names go on resolving to public addresses ("Gateway
/// endpoints", VPC documentation).
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

/// Where a service's name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// All of its addresses are inside the network.
    Private,
    /// One at least is not.
    Public,
    /// To public addresses, which a gateway endpoint may stand in the way to: nobody can tell from here.
    Gateway,
}

/// What is known of a service's endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// The service, by its endpoint's name.
    pub service: String,
    /// Where its name leads; absent where it does not resolve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How long the TCP connection took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// How long TLS took on top, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// What went wrong first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Place {
    /// Judges a service by the addresses that its name has; `None` without any.
    #[must_use]
    pub fn of(service: &str, addresses: &[IpAddr]) -> Option<Self> {
        let private = !addresses.is_empty() && addresses.iter().copied().all(is_private);
        match (addresses, private) {
            ([], _) => None,
            (_, true) => Some(Self::Private),
            (_, false) if GATEWAYS.contains(&service) => Some(Self::Gateway),
            (_, false) => Some(Self::Public),
        }
    }
}

/// RFC 1918, RFC 6598, RFC 4193, and this machine itself, where local servers are.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || address.is_loopback() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    }
}

impl Probed {
    /// Counts what was measured.
    pub fn observe(&self, minute: i64, sums: &mut Aggregator) {
        let mut add = |metric, value| sums.add(minute, Series::new(metric, [&self.service]), value, 1, 0);
        match self.place {
            Some(Place::Private) => add(Metric::EndpointPrivate, 1.0),
            Some(Place::Public) => add(Metric::EndpointPrivate, 0.0),
            Some(Place::Gateway) | None => {}
        }
        self.connect_ms.into_iter().for_each(|took| add(Metric::EndpointConnect, took));
        self.tls_ms.into_iter().for_each(|took| add(Metric::EndpointTls, took));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(service: &str, addresses: &[&str]) -> Option<Place> {
        Place::of(service, &addresses.iter().map(|address| address.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn a_service_is_private_where_all_of_its_addresses_are() {
        for private in ["10.0.0.1", "172.31.255.1", "192.168.0.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"] {
            assert_eq!(place("monitoring", &[private]), Some(Place::Private), "{private}");
        }
        for public in ["52.94.0.1", "172.32.0.1", "100.128.0.1", "2600:1f00::1", "::ffff:52.94.0.1"] {
            assert_eq!(place("monitoring", &["10.0.0.1", public]), Some(Place::Public), "{public}");
        }
        assert_eq!(place("monitoring", &[]), None);
    }

    #[test]
    fn gateway_endpoints_are_not_held_to_private_addresses() {
        assert_eq!(place("dynamodb", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("s3", &["52.94.0.1"]), Some(Place::Gateway));
        assert_eq!(place("dynamodb", &["10.0.0.1"]), Some(Place::Private));
    }

    #[test]
    fn what_could_not_be_found_out_is_not_published() {
        let metrics = |place, connect_ms, tls_ms| {
            let mut sums = Aggregator::default();
            Probed { service: "sts".to_owned(), place, connect_ms, tls_ms, error: None }.observe(60, &mut sums);
            sums.into_data()
                .iter()
                .map(|datum| (datum.series.metric, datum.aggregate.values.values().next().unwrap().0))
                .collect::<Vec<_>>()
        };
        assert_eq!(metrics(None, None, None), []);
        assert_eq!(
            metrics(Some(Place::Public), Some(1.5), None),
            [(Metric::EndpointPrivate, 0.0), (Metric::EndpointConnect, 1.5)]
        );
        assert_eq!(
            metrics(Some(Place::Private), Some(1.5), Some(2.5)),
            [(Metric::EndpointPrivate, 1.0), (Metric::EndpointConnect, 1.5), (Metric::EndpointTls, 2.5)]
        );
        assert_eq!(metrics(Some(Place::Gateway), Some(1.5), None), [(Metric::EndpointConnect, 1.5)]);
    }
}
