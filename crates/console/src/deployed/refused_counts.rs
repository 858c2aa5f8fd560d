//! Counts refused requests in the access log, because metrics only have classes of statuses.

use std::time::Duration;

use checks::aws::{Account, Unread};
use tokio::time::Instant;

use super::access_log::{AccessLine, REFUSED};
use super::counts::StepCounts;
use super::log_search::{Budget, LogSearch};
use super::window::Window;

/// The longest window whose log is searched, in seconds.
pub(crate) const MAX_WINDOW_S: u32 = 3 * 3_600;
/// The most pages of the log that are read.
const MAX_PAGES: u32 = 6;
/// The time for the search.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The numbers of refused requests.
#[derive(Debug)]
pub(crate) struct RefusedCounts {
    pub(crate) unauthorized: StepCounts,
    pub(crate) forbidden: StepCounts,
    pub(crate) throttled: StepCounts,
}

/// Counts the refused requests of a window. Returns `None` if the log has more lines than are read.
///
/// # Errors
/// [`Unread`] if the log cannot be read.
pub(crate) async fn read(
    account: &Account,
    group: &str,
    window: &Window,
) -> Result<Option<RefusedCounts>, Unread> {
    let search = LogSearch {
        group,
        pattern: REFUSED,
        from: window.from,
        to: window.to,
    };
    let mut budget = Budget {
        pages: MAX_PAGES,
        deadline: Instant::now() + TIMEOUT,
    };
    let found = search.run(account, &mut budget).await?;
    if !found.is_complete {
        return Ok(None);
    }

    let none = StepCounts::none(window);
    let mut counts = RefusedCounts {
        unauthorized: none.clone(),
        forbidden: none.clone(),
        throttled: none,
    };
    for event in &found.events {
        let line = AccessLine::parse(event).filter(|line| !line.is_own_route());
        let counted = match line.map(|line| line.status) {
            Some(401) => &mut counts.unauthorized,
            Some(403) => &mut counts.forbidden,
            Some(429) => &mut counts.throttled,
            _ => continue,
        };
        counted.add(window, event.at, 1);
    }
    Ok(Some(counts))
}
