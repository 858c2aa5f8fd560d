//! Virtual time: events in the order of their instants, and a clock that jumps from one to the next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Nanoseconds since the simulation began.
pub type Instant = u64;

/// Nanoseconds per second.
pub const SECOND: Instant = 1_000_000_000;

/// Nanoseconds per millisecond.
pub const MILLISECOND: Instant = 1_000_000;

/// The events that have not happened yet, and the present instant.
///
/// The clock of tokio moves with it, so that deadlines and retries of the product's code see the
/// same time. Tokio's own timers have a resolution of one millisecond. Events have nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    now: Arc<AtomicU64>,
    events: Arc<Mutex<Events>>,
}

#[derive(Debug, Default)]
struct Events {
    heap: BinaryHeap<Reverse<Event>>,
    /// Events of the same instant happen in the order in which they were added.
    added: u64,
}

#[derive(Debug)]
struct Event {
    at: Instant,
    number: u64,
    wake: oneshot::Sender<()>,
}

impl Timeline {
    /// Returns the present instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now.load(Memory::Relaxed)
    }

    /// Waits for `duration` nanoseconds. [`Timeline::advance`] ends the wait.
    pub async fn wait(&self, duration: Instant) {
        let (wake, woken) = oneshot::channel();
        {
            let mut events = self.events();
            events.added += 1;
            let event = Event {
                at: self.now() + duration,
                number: events.added,
                wake,
            };
            events.heap.push(Reverse(event));
        }
        // The sender is dropped only if the simulation has ended.
        let _ = woken.await;
    }

    /// Moves to the next event, but not beyond `end`, and lets everything happen that it causes.
    /// Returns false at the end.
    pub async fn advance(&self, end: Instant) -> bool {
        // A new task adds its first event when it runs first.
        tokio::task::yield_now().await;
        let next = {
            let mut events = self.events();
            match events.heap.peek() {
                Some(Reverse(event)) if event.at < end => events.heap.pop(),
                _ => None,
            }
        };
        let at = next.as_ref().map_or(end, |Reverse(event)| event.at);
        let step = Duration::from_nanos(at - self.now());
        self.now.store(at, Memory::Relaxed);
        tokio::time::advance(step).await;

        let Some(Reverse(event)) = next else {
            return false;
        };
        // A waiter that was dropped has missed its deadline.
        let _ = event.wake.send(());
        tokio::task::yield_now().await;
        true
    }

    fn events(&self) -> std::sync::MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
