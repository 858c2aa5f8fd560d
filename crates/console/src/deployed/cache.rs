//! Keeps the last value of a source for a few seconds, so that several tabs do not multiply its calls.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The last value that was read, with the question that it belongs to. While a value is read, others
/// wait for it.
#[derive(Debug)]
pub(crate) struct Cache<Q, V> {
    last: Mutex<Option<(Q, Instant, V)>>,
}

impl<Q, V> Default for Cache<Q, V> {
    fn default() -> Self {
        Self {
            last: Mutex::new(None),
        }
    }
}

impl<Q: PartialEq, V: Clone> Cache<Q, V> {
    /// Returns the last value if it is of the same question and younger than `max_age`, or else reads
    /// it.
    pub(crate) async fn get(
        &self,
        question: Q,
        max_age: Duration,
        reading: impl Future<Output = V>,
    ) -> V {
        let mut last = self.last.lock().await;
        if let Some((known, at, value)) = &*last
            && *known == question
            && at.elapsed() < max_age
        {
            return value.clone();
        }

        let value = reading.await;
        *last = Some((question, Instant::now(), value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn value_is_kept_for_its_question_and_time() {
        let cache = Cache::default();
        assert_eq!(cache.get("a", MAX_AGE, async { 1 }).await, 1);
        assert_eq!(cache.get("a", MAX_AGE, async { 2 }).await, 1);
        assert_eq!(cache.get("b", MAX_AGE, async { 3 }).await, 3);
        assert_eq!(cache.get("a", MAX_AGE, async { 4 }).await, 4);

        tokio::time::advance(MAX_AGE).await;
        assert_eq!(cache.get("a", MAX_AGE, async { 5 }).await, 5);
    }
}
