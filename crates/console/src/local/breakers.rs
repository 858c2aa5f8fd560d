//! The states of circuit breakers, from their log lines.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::overview::{BreakerState, BreakerStatus};

/// The most services whose breakers are shown. Their names are those of the program and of compositions.
const MAX_SERVICES: usize = 64;

/// The services whose breaker has changed its state.
#[derive(Debug, Default)]
pub(super) struct Breakers(BTreeMap<String, Service>);

#[derive(Clone, Copy, Debug)]
struct Service {
    /// The number of breakers that are open. Functions have their own breakers for a service.
    open: u32,
    changed_at: Timestamp,
}

/// A change of a breaker, as its log line has it.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) service: String,
    pub(super) from: String,
    pub(super) to: String,
}

impl Breakers {
    /// Counts a change. A half-open breaker is still open.
    pub(super) fn change(&mut self, change: Change, now: Timestamp) {
        if self.0.len() == MAX_SERVICES && !self.0.contains_key(&change.service) {
            return;
        }
        let service = self.0.entry(change.service).or_insert(Service {
            open: 0,
            changed_at: now,
        });

        match (is_closed(&change.from), is_closed(&change.to)) {
            (true, false) => service.open += 1,
            (false, true) => service.open = service.open.saturating_sub(1),
            _ => return,
        }
        service.changed_at = now;
    }

    /// Returns the states by service.
    pub(super) fn states(&self) -> Vec<BreakerStatus> {
        let status = |(name, service): (&String, &Service)| BreakerStatus {
            service: name.clone(),
            state: if service.open == 0 {
                BreakerState::Closed
            } else {
                BreakerState::Open
            },
            changed_at: service.changed_at,
        };
        self.0.iter().map(status).collect()
    }
}

fn is_closed(state: &str) -> bool {
    state == "Closed"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(changes: &[(&str, &str, &str)]) -> Vec<(String, BreakerState)> {
        let mut breakers = Breakers::default();
        for (service, from, to) in changes {
            let change = Change {
                service: (*service).to_owned(),
                from: (*from).to_owned(),
                to: (*to).to_owned(),
            };
            breakers.change(change, Timestamp::UNIX_EPOCH);
        }
        let states = breakers.states().into_iter();
        states
            .map(|status| (status.service, status.state))
            .collect()
    }

    #[test]
    fn service_is_open_until_all_its_breakers_are_closed() {
        let usage = |state| vec![("usage".to_owned(), state)];
        let mut changes = vec![("usage", "Closed", "Open")];
        assert_eq!(states(&changes), usage(BreakerState::Open));

        changes.push(("usage", "Open", "HalfOpen"));
        changes.push(("usage", "HalfOpen", "Open"));
        changes.push(("usage", "Open", "HalfOpen"));
        assert_eq!(states(&changes), usage(BreakerState::Open));

        changes.push(("usage", "Closed", "Open"));
        changes.push(("usage", "HalfOpen", "Closed"));
        assert_eq!(states(&changes), usage(BreakerState::Open));

        changes.push(("usage", "HalfOpen", "Closed"));
        assert_eq!(states(&changes), usage(BreakerState::Closed));
    }

    #[test]
    fn number_of_services_is_bounded() {
        let names: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        let changes: Vec<_> = names
            .iter()
            .map(|name| (&**name, "Closed", "Open"))
            .collect();
        assert_eq!(states(&changes).len(), MAX_SERVICES);
    }
}
