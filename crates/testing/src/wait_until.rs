//! Waiting for a state, without a fixed time.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// The longest time for which a test waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` is true.
///
/// # Panics
/// If it is still false after 20 seconds.
pub async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .expect("the condition within 20 seconds");
}
