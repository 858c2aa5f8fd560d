//! Recent refusals, from the log of the authorizer.

use std::time::Duration;

use checks::aws::{Account, Unread};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::access_log::{self, REFUSED};
use super::log_search::{Budget, Found, LogEvent, LogSearch, equals};
use super::stack::StackSettings;
use crate::decision_line::{DecisionLine, MESSAGE};
use crate::missing::Missing;
use crate::refusals::{Refusal, RefusalPage, RefusalQuery};
use crate::target::RefusalSource;

/// The ages at which the searched spans begin, in minutes. The newest span is searched first.
const AGES_MIN: [i64; 4] = [1, 5, 15, 60];
/// The most pages of the authorizer's log that are read.
const MAX_PAGES: u32 = 16;
/// The most pages of the access log that are read.
const MAX_ACCESS_PAGES: u32 = 4;
/// The time for the search in each of the two logs.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The greatest difference between the times of a request in the two logs. API Gateway writes its line
/// after the response.
const LOG_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// Reads the refusals of the last hour. What cannot be read is named in the result.
pub(crate) async fn read(
    account: &Account,
    stack: &StackSettings,
    query: &RefusalQuery,
    now: Timestamp,
) -> RefusalPage {
    let mut page = nothing(now);
    let Some(group) = stack.output("AuthorizerLogGroupName") else {
        let reason = "the stack has no output `AuthorizerLogGroupName`";
        page.missing.push(missing("refusals", reason));
        return page;
    };
    if let Err(unread) = search(account, stack, group, query, now, &mut page).await {
        page.missing.push(missing("refusals", &unread.to_string()));
    }

    page.is_truncated |= page.items.len() > query.limit;
    page.items.truncate(query.limit);
    if let Err(missing) = add_access(account, stack, &mut page.items).await {
        page.missing.push(missing);
    }
    page
}

/// Returns a page without refusals.
pub(crate) fn nothing(now: Timestamp) -> RefusalPage {
    RefusalPage {
        items: Vec::new(),
        newest_event_at: None,
        searched_from: now,
        is_truncated: false,
        source: RefusalSource::CloudwatchLogs,
        missing: Vec::new(),
    }
}

/// Searches span by span, until there are enough refusals.
async fn search(
    account: &Account,
    stack: &StackSettings,
    group: &str,
    query: &RefusalQuery,
    now: Timestamp,
    page: &mut RefusalPage,
) -> Result<(), Unread> {
    let pattern = pattern(query);
    let mut budget = Budget {
        pages: MAX_PAGES,
        deadline: Instant::now() + TIMEOUT,
    };

    let mut to = now;
    for age in AGES_MIN {
        let from = now - SignedDuration::from_mins(age);
        let search = LogSearch {
            group,
            pattern: &pattern,
            from,
            to,
        };
        let Found {
            events,
            is_complete,
        } = search.run(account, &mut budget).await?;
        let newest = events.last().map(|event| event.at);
        page.newest_event_at = page.newest_event_at.or(newest);
        let found = events
            .iter()
            .rev()
            .filter_map(|event| refusal(event, stack));
        page.items
            .extend(found.filter(|refusal| query.matches(refusal)));

        if !is_complete {
            page.is_truncated = true;
            let reason = "the log has more lines than are read. Filter by key, plan or reason";
            page.missing.push(missing("some refusals", reason));
        } else {
            page.searched_from = from;
        }
        if !is_complete || page.items.len() > query.limit {
            break;
        }
        // Both ends of a span are included.
        to = from - SignedDuration::from_millis(1);
    }
    page.items
        .sort_by_key(|refusal| std::cmp::Reverse(refusal.at));
    Ok(())
}

/// Returns the filter pattern of the authorizer's lines. A value that cannot be a part of a pattern is
/// compared afterwards.
fn pattern(query: &RefusalQuery) -> String {
    let filters = [
        ("key_id", &query.key_id),
        ("plan", &query.plan),
        ("reason", &query.reason),
    ];
    let filters = filters
        .into_iter()
        .filter_map(|(field, value)| equals(field, value.as_ref()?));
    let conditions = [
        format!("$.message = \"{MESSAGE}\""),
        "$.decision != \"allowed\"".to_owned(),
        "$.decision != \"degraded\"".to_owned(),
    ];
    let conditions: Vec<_> = conditions
        .into_iter()
        .chain(filters)
        .map(|condition| format!("({condition})"))
        .collect();
    format!("{{ {} }}", conditions.join(" && "))
}

/// Returns the refusal of a line. The status depends on the settings of the stack. The access log, if
/// there is one, has that of each request.
fn refusal(event: &LogEvent, stack: &StackSettings) -> Option<Refusal> {
    let line = DecisionLine::parse(&event.message).filter(DecisionLine::is_refusal)?;
    let is_forbidden = stack.parameter("OnThrottle") == Some("forbid");
    let status = match line.decision.as_deref() {
        Some("throttled" | "unavailable") if is_forbidden => Some(403),
        Some("throttled") => Some(429),
        Some("unavailable") => Some(503),
        _ => None,
    };
    Some(Refusal {
        status,
        ..Refusal::from_line(line, event.at)
    })
}

/// Adds what the access log has: status, method and source address.
async fn add_access(
    account: &Account,
    stack: &StackSettings,
    refusals: &mut [Refusal],
) -> Result<(), Missing> {
    let (Some(newest), Some(oldest)) = (refusals.first(), refusals.last()) else {
        return Ok(());
    };
    let missing = |reason: &str| missing("status, method and address of some refusals", reason);
    let Some(group) = stack.output("AccessLogGroup") else {
        return Err(missing("the stack has no access log"));
    };

    let search = LogSearch {
        group,
        pattern: REFUSED,
        from: oldest.at - LOG_DELAY,
        to: newest.at + LOG_DELAY,
    };
    let mut budget = Budget {
        pages: MAX_ACCESS_PAGES,
        deadline: Instant::now() + TIMEOUT,
    };
    let found = search.run(account, &mut budget).await;
    let found = found.map_err(|unread| missing(&unread.to_string()))?;

    let mut lines = access_log::by_request(&found.events);
    for refusal in refusals.iter_mut() {
        if let Some(line) = lines.remove(&refusal.request_id) {
            refusal.status = Some(line.status);
            refusal.method = line.method;
            refusal.source_ip = refusal.source_ip.take().or(line.source_ip);
            refusal.route = refusal.route.take().or(line.route_key);
        }
    }
    if found.is_complete {
        Ok(())
    } else {
        Err(missing("the access log has more lines than are read"))
    }
}

fn missing(what: &str, reason: &str) -> Missing {
    Missing {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}
