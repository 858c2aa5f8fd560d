//! Searches a log group of CloudWatch Logs.

use checks::aws::{Account, Call, Service, Unread, array, text};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

/// The most events of one page. CloudWatch also ends a page after 1 MB.
const PAGE_EVENTS: u32 = 10_000;

/// A search for events in a span of time.
#[derive(Debug)]
pub(crate) struct LogSearch<'s> {
    pub(crate) group: &'s str,
    /// A filter pattern for JSON, such as `{ $.message = "decided" }`.
    pub(crate) pattern: &'s str,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

/// The limits of one or several searches.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The pages that may still be read. A page can be empty, if CloudWatch searched a part without an
    /// event.
    pub(crate) pages: u32,
    pub(crate) deadline: Instant,
}

/// An event of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEvent {
    pub(crate) at: Timestamp,
    pub(crate) message: String,
}

/// The events of a search.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The events, the oldest first.
    pub(crate) events: Vec<LogEvent>,
    /// False if the budget was used up before the end of the span.
    pub(crate) is_complete: bool,
}

impl LogSearch<'_> {
    /// Searches until the end of the span or of the budget.
    ///
    /// # Errors
    /// [`Unread`] if the log cannot be read.
    pub(crate) async fn run(
        &self,
        account: &Account,
        budget: &mut Budget,
    ) -> Result<Found, Unread> {
        let mut found = Found::default();
        let mut token = None;
        while budget.pages > 0 {
            budget.pages -= 1;
            let call = self.call(token.as_deref());
            let Ok(page) = timeout_at(budget.deadline, account.read(&call)).await else {
                return Ok(found);
            };
            let page = page?;

            found
                .events
                .extend(array(&page["events"]).iter().filter_map(event));
            match page["nextToken"].as_str() {
                Some(next) if !next.is_empty() => token = Some(next.to_owned()),
                _ => {
                    found.is_complete = true;
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    fn call(&self, token: Option<&str>) -> Call {
        let mut body = json!({
            "logGroupName": self.group,
            "filterPattern": self.pattern,
            "startTime": self.from.as_millisecond(),
            "endTime": self.to.as_millisecond(),
            "limit": PAGE_EVENTS,
        });
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        Call::json(Service::Logs, "FilterLogEvents", &body)
    }
}

fn event(event: &Value) -> Option<LogEvent> {
    Some(LogEvent {
        at: Timestamp::from_millisecond(event["timestamp"].as_i64()?).ok()?,
        message: text(&event["message"]).to_owned(),
    })
}

/// Returns the condition that a field has a value, for a filter pattern. `None` for a value with
/// characters that have a meaning in patterns.
pub(crate) fn equals(field: &str, value: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:#@/+= ".contains(&byte);
    let is_usable = !value.is_empty() && value.len() <= 256 && value.bytes().all(is_plain);
    is_usable.then(|| format!("$.{field} = \"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_special_characters_are_no_condition() {
        assert_eq!(equals("plan", "gold").as_deref(), Some("$.plan = \"gold\""));
        for value in ["", "*", "a\"b", "a\\b", "a\n", "é", "%x%", &"x".repeat(300)] {
            assert_eq!(equals("plan", value), None, "{value}");
        }
    }
}
