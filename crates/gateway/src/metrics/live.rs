//! The state of the process at this moment: connections, requests and circuit breakers.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws::breaker::{self, State};

use super::definition::{BREAKER_STATE, BUILD_INFO, CONNECTIONS, REQUESTS_IN_FLIGHT};
use super::series::LabelValues;
use super::snapshot::{FamilySnapshot, Value};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The states of a breaker. Of several breakers of a service, the first state in this list counts.
const STATES: [(State, &str); 3] = [
    (State::Open, "open"),
    (State::HalfOpen, "half_open"),
    (State::Closed, "closed"),
];

/// The numbers of open connections and requests.
#[derive(Debug, Default)]
pub(crate) struct Live {
    connections: AtomicU64,
    requests: AtomicU64,
}

/// A connection that is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Arc<Live>);

impl Live {
    /// Counts a connection until the result is dropped.
    pub(crate) fn open_connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(Arc::clone(self))
    }

    /// Counts a request that begins.
    pub(crate) fn begin_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that has ended, or turned out to be for a page of the gateway.
    pub(crate) fn end_request(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn families(&self) -> [FamilySnapshot; 4] {
        let count = |number: &AtomicU64| Value::Count(number.load(Ordering::Relaxed));
        [
            FamilySnapshot::single(&REQUESTS_IN_FLIGHT, [], count(&self.requests)),
            FamilySnapshot::single(&CONNECTIONS, [], count(&self.connections)),
            FamilySnapshot::single(&BUILD_INFO, [VERSION], Value::Count(1)),
            breakers(&breaker::states(Instant::now())),
        ]
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the states of breakers. A service is closed only if all its breakers are.
fn breakers(states: &[(Cow<'static, str>, State)]) -> FamilySnapshot {
    let mut services: Vec<_> = states.iter().map(|(service, _)| service).collect();
    services.sort_unstable();
    services.dedup();

    let series = services.into_iter().flat_map(|service| {
        let current = STATES
            .iter()
            .find(|(state, _)| states.contains(&(service.clone(), *state)));
        STATES.iter().map(move |named| {
            let value = Value::Count(u64::from(current == Some(named)));
            (LabelValues::from([&**service, named.1]), value)
        })
    });
    FamilySnapshot {
        definition: &BREAKER_STATE,
        series: series.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(states: &[(&'static str, State)]) -> FamilySnapshot {
        let states = states.iter().map(|(name, state)| ((*name).into(), *state));
        breakers(&states.collect::<Vec<_>>())
    }

    fn shown(states: &[(&'static str, State)]) -> Vec<String> {
        let family = family(states);
        let series = family.series.iter().filter_map(|(labels, value)| {
            let is_current = matches!(value, Value::Count(1));
            is_current.then(|| labels.iter().collect::<Vec<_>>().join(" "))
        });
        series.collect()
    }

    #[test]
    fn service_has_the_worst_state_of_its_breakers() {
        let states = [
            ("usage", State::Closed),
            ("registry", State::HalfOpen),
            ("usage", State::Open),
            ("registry", State::Closed),
            ("events", State::Closed),
        ];
        assert_eq!(
            shown(&states),
            ["events closed", "registry half_open", "usage open"]
        );
        assert_eq!(family(&states).series.len(), 9);
        assert_eq!(shown(&[]), [""; 0]);
    }

    #[test]
    fn connections_are_counted_until_they_are_dropped() {
        let live = Arc::new(Live::default());
        let connections = [live.open_connection(), live.open_connection()];
        assert_eq!(live.connections.load(Ordering::Relaxed), 2);

        drop(connections);
        assert_eq!(live.connections.load(Ordering::Relaxed), 0);
    }
}
