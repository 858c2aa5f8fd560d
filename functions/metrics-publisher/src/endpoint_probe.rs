//! The result of probing one endpoint.

use serde::Serialize;

use crate::aggregate::Aggregator;
use crate::place::Place;
use crate::series::{Metric, Series};

/// The state of a service's endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndpointProbe {
    /// The service, by the name of its endpoint.
    pub service: String,
    /// True if the name resolved and a connection was established, with TLS for https.
    pub reachable: bool,
    /// Where the name leads. Absent if it does not resolve, or if its addresses are not conclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The duration of the TCP connection, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// The duration of the TLS handshake, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// The reason why the endpoint is not reachable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl EndpointProbe {
    /// Adds the measurements to the sums of a minute.
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

    #[test]
    fn reachability_is_always_published_and_other_values_only_if_known() {
        let metrics = |reachable, place, connect_ms, tls_ms| {
            let mut sums = Aggregator::default();
            let probed = EndpointProbe {
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
