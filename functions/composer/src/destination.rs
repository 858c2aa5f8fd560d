//! What a service must not share with another: a circuit breaker and a limit of concurrent calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::{Breaker, CallError, Deadline, Failure, Permit, Verdict};
use bytes::Bytes;
use composition::{Missing, Part};
use http::{Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// The service of parts that name none. It is usually a load balancer in front of several services.
const DEFAULT: &str = "default";
/// The largest number of segments with a destination of their own.
const MAX_SEGMENTS: usize = 100;

/// The destinations of one service of the document.
///
/// A service with a name is one destination. The service `default` has one for each first segment of
/// paths, so that a failure of `/orders` does not stop the calls of `/users`.
#[derive(Debug)]
pub(crate) struct Destinations {
    name: String,
    max_concurrent_calls: usize,
    whole: Arc<Destination>,
    by_segment: Option<Mutex<BTreeMap<String, Arc<Destination>>>>,
}

/// A circuit breaker and a limit of concurrent calls.
#[derive(Debug)]
pub(crate) struct Destination {
    breaker: Breaker,
    slots: Semaphore,
}

/// Permission to make one call: a place among the concurrent calls, and that of the breaker.
#[derive(Debug)]
pub(crate) struct Admission<'d> {
    slot: SemaphorePermit<'d>,
    permit: Permit<'d>,
    waited: Duration,
}

/// A call that was admitted.
pub(crate) struct CallInProgress<'d> {
    _slot: SemaphorePermit<'d>,
    permit: Permit<'d>,
    waited: Duration,
    began: Instant,
}

impl Destinations {
    /// Returns the destinations of a service. `name` is its name in logs and metrics.
    pub(crate) fn new(service: &composition::Service, name: &str) -> Self {
        let max_concurrent_calls = service.max_concurrent_calls;
        Self {
            name: name.to_owned(),
            max_concurrent_calls,
            whole: Arc::new(Destination::new(name.to_owned(), max_concurrent_calls)),
            by_segment: (service.name == DEFAULT).then(Mutex::default),
        }
    }

    /// Returns the destination of a part.
    pub(crate) fn of(&self, part: &Part) -> Arc<Destination> {
        let segment = first_segment(part.template_text());
        let found = segment.and_then(|segment| self.of_segment(segment));
        found.unwrap_or_else(|| Arc::clone(&self.whole))
    }

    fn of_segment(&self, segment: &str) -> Option<Arc<Destination>> {
        let by_segment = self.by_segment.as_ref()?;
        let mut by_segment = by_segment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = by_segment.get(segment) {
            return Some(Arc::clone(destination));
        }
        if by_segment.len() >= MAX_SEGMENTS {
            return None;
        }

        let name = format!("{}/{segment}", self.name);
        let destination = Arc::new(Destination::new(name, self.max_concurrent_calls));
        by_segment.insert(segment.to_owned(), Arc::clone(&destination));
        Some(destination)
    }
}

impl Destination {
    fn new(name: String, max_concurrent_calls: usize) -> Self {
        Self {
            breaker: Breaker::counting_each_failure(name),
            slots: Semaphore::new(max_concurrent_calls),
        }
    }

    /// Admits the call of a part: waits until fewer than the maximum number of calls are in progress,
    /// and asks the breaker. An admission that is dropped was no call.
    ///
    /// # Errors
    /// `Overloaded` if the wait would leave less than half of the part's timeout, in which the service
    /// is unlikely to respond. `CircuitOpen` if the breaker is open, which needs no wait.
    pub(crate) async fn admit(
        &self,
        part: &Part,
        deadline: Deadline,
    ) -> Result<Admission<'_>, Missing> {
        let began = Instant::now();
        let deadline = deadline.at_most(began.into_std(), part.timeout);
        let last_start = deadline.instant().checked_sub(part.timeout / 2);
        let slot = self.slot(last_start.unwrap_or_else(|| began.into_std()).into());
        let slot = slot.await?;

        let now = Instant::now();
        let permit = self.breaker.permit(now.into_std());
        Ok(Admission {
            slot,
            permit: permit.map_err(|_| Missing::CircuitOpen)?,
            waited: now.saturating_duration_since(began),
        })
    }

    /// Waits for a slot until an instant. If it has passed, a slot must be free.
    async fn slot(&self, until: Instant) -> Result<SemaphorePermit<'_>, Missing> {
        if self.breaker.is_open(Instant::now().into_std()) {
            return Err(Missing::CircuitOpen);
        }

        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        match timeout_at(until, self.slots.acquire()).await {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Missing::Overloaded),
        }
    }
}

impl<'d> Admission<'d> {
    /// Returns the rest of a timeout after the wait.
    pub(crate) fn remaining(&self, timeout: Duration) -> Duration {
        timeout.saturating_sub(self.waited)
    }

    /// Begins the call.
    pub(crate) fn begin(self) -> CallInProgress<'d> {
        CallInProgress {
            _slot: self.slot,
            permit: self.permit,
            waited: self.waited,
            began: Instant::now(),
        }
    }
}

impl CallInProgress<'_> {
    /// Reports the result of the call to the breaker. `timeout` is that of the part.
    ///
    /// A failed connection, a timeout, a 408 and a 5xx count as failures of the service. A 429 does not
    /// count, because it may be about this caller alone. A service that had less than half of the
    /// timeout, because the rest of the composition took too long, is not at fault. The wait for its own
    /// calls is part of its time. A response that is too large does not count either: the service
    /// responded.
    pub(crate) fn settle(self, outcome: &Result<Response<Bytes>, CallError>, timeout: Duration) {
        let verdict = match outcome {
            Ok(response) if response.status() == StatusCode::TOO_MANY_REQUESTS => return,
            Ok(response) => Failure::of_status(response.status().as_u16())
                .map_or(Verdict::Success, |failure| failure.verdict()),
            Err(CallError::NoTimeLeft { .. } | CallError::BodyTooLarge { .. }) => return,
            Err(CallError::TimedOut { .. }) if self.time() < timeout / 2 => return,
            Err(_) => Verdict::Failure,
        };

        self.permit.settle(verdict, Instant::now().into_std());
    }

    /// Returns the time that the service has had so far.
    fn time(&self) -> Duration {
        self.waited + self.began.elapsed()
    }
}

/// Returns the first segment of a template, or `None` if it is empty or has a placeholder.
fn first_segment(template: &str) -> Option<&str> {
    let path = template.split('?').next()?;
    let segment = path.strip_prefix('/')?.split('/').next()?;
    (!segment.is_empty() && !segment.contains('{')).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(name: &str) -> Destinations {
        let service = composition::Service {
            name: name.to_owned(),
            url: "http://alb.example".parse().unwrap(),
            max_concurrent_calls: 2,
            has_proof_of_origin: true,
        };
        Destinations::new(&service, &format!("service:{name}"))
    }

    #[test]
    fn first_segment_is_literal_text() {
        for (template, expected) in [
            ("/users/{user_id}", Some("users")),
            ("/orders?userId={user_id}", Some("orders")),
            ("/orders", Some("orders")),
            ("/", None),
            ("/?a=b", None),
            ("/{user_id}/orders", None),
            ("/v-{query.v}/orders", None),
        ] {
            assert_eq!(first_segment(template), expected, "{template}");
        }
    }

    #[test]
    fn default_service_has_a_destination_for_each_segment() {
        let destinations = destinations("default");
        let orders = destinations.of_segment("orders").unwrap();
        assert!(Arc::ptr_eq(
            &orders,
            &destinations.of_segment("orders").unwrap()
        ));
        assert!(!Arc::ptr_eq(
            &orders,
            &destinations.of_segment("users").unwrap()
        ));
        assert_eq!(orders.breaker.name(), "service:default/orders");
        assert_eq!(destinations.whole.breaker.name(), "service:default");
        assert_eq!(orders.slots.available_permits(), 2);
    }

    #[test]
    fn number_of_destinations_has_a_limit() {
        let destinations = destinations("default");
        for number in 0..MAX_SEGMENTS {
            assert!(destinations.of_segment(&number.to_string()).is_some());
        }
        assert!(destinations.of_segment("one-more").is_none());
        assert!(destinations.of_segment("7").is_some());
    }

    #[test]
    fn service_with_a_name_is_one_destination() {
        assert!(destinations("users").of_segment("users").is_none());
    }
}
