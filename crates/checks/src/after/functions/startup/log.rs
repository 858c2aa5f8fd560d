//! Failed starts in the log of the authorizer.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use policy::literal_secrets;
use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, array, text};
use crate::stack::Stack;

/// Matches the line of a decision, which only an instance that has started writes.
const DECIDED: &str = r#"{ $.message = "decided" }"#;
/// The most lines of one page.
const MAX_PAGE_LINES: usize = 1000;
/// Matches the line that Lambda writes for a start that failed.
const FAILED_START: &str = r#"{ $.type = "platform.initReport" && $.record.status != "success" }"#;
/// The message of the line that a function logs if it cannot start.
const START_ERROR: &str = "the function cannot run";
/// The most pages of lines. CloudWatch Logs returns empty pages while it searches.
const MAX_PAGES: usize = 10;
/// The most lines before a failed start that are read for its cause.
const MAX_LINES: usize = 50;
/// The time before a failed start in which its cause was logged. A start takes at most 10 s.
const CAUSE_TIME: SignedDuration = SignedDuration::from_secs(15);
/// The longest cause that is shown, in characters.
const MAX_CAUSE_CHARS: usize = 300;

/// The failed starts of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    /// The number of failed starts.
    pub(super) count: usize,
    /// The cause of the last one, or `None` if there were none.
    pub(super) cause: Option<String>,
    /// True if the whole log was read.
    pub(super) is_complete: bool,
}

/// Reads the failed starts of a version.
///
/// # Errors
/// [`Unread`] if the log cannot be read.
pub(super) async fn failed_starts(
    stack: &Stack,
    group: &str,
    version: &str,
    since: Timestamp,
) -> Result<Failures, Unread> {
    let search = Search {
        group,
        pattern: FAILED_START,
        since,
    };
    let is_failure = |line: &Value| is_of_version(line, version) && is_failed_start(line);
    let (failures, is_complete) = lines(stack, &search, usize::MAX, is_failure).await?;
    let last = failures
        .iter()
        .max_by_key(|line| line["timestamp"].as_i64());
    let cause = match last {
        Some(last) => Some(cause(stack, group, last).await?),
        None => None,
    };
    Ok(Failures {
        count: failures.len(),
        cause,
        is_complete,
    })
}

/// True if an instance of a version has decided on a request.
///
/// # Errors
/// [`Unread`] if the log cannot be read.
pub(super) async fn has_decided(
    stack: &Stack,
    group: &str,
    version: &str,
    since: Timestamp,
) -> Result<bool, Unread> {
    let search = Search {
        group,
        pattern: DECIDED,
        since,
    };
    let is_decision =
        |line: &Value| is_of_version(line, version) && fields(line)["message"] == "decided";
    let (decisions, _) = lines(stack, &search, 1, is_decision).await?;
    Ok(!decisions.is_empty())
}

/// The lines of a log that are searched.
struct Search<'s> {
    group: &'s str,
    pattern: &'static str,
    since: Timestamp,
}

/// Reads pages until `enough` lines are wanted ones. Returns these, and whether the search ended.
async fn lines(
    stack: &Stack,
    search: &Search<'_>,
    enough: usize,
    is_wanted: impl Fn(&Value) -> bool,
) -> Result<(Vec<Value>, bool), Unread> {
    let mut wanted = Vec::new();
    let mut body = json!({
        "logGroupName": search.group,
        "startTime": search.since.as_millisecond(),
        "endTime": stack.now().as_millisecond(),
        "filterPattern": search.pattern,
        "limit": MAX_PAGE_LINES,
    });
    for _ in 0..MAX_PAGES {
        let page = filtered(stack, &body).await?;
        let lines = array(&page["events"]).iter();
        wanted.extend(lines.filter(|line| is_wanted(line)).cloned());
        match page["nextToken"].as_str() {
            Some(token) if wanted.len() < enough => body["nextToken"] = token.into(),
            _ => return Ok((wanted, true)),
        }
    }
    Ok((wanted, false))
}

async fn filtered(stack: &Stack, body: &Value) -> Result<Arc<Value>, Unread> {
    let call = Call::json(Service::Logs, "FilterLogEvents", body);
    stack.account().read(&call).await
}

/// True if a line is of an instance of the version. Names of streams contain it in brackets.
fn is_of_version(line: &Value, version: &str) -> bool {
    let stream = text(&line["logStreamName"]);
    !stream.contains('[') || stream.contains(&format!("[{version}]"))
}

/// True for the line of a failed start: that of Lambda, or the function's own. Services that do not
/// apply the pattern return other lines too.
fn is_failed_start(line: &Value) -> bool {
    let fields = fields(line);
    let is_failed_report =
        fields["type"] == "platform.initReport" && fields["record"]["status"] != "success";
    is_failed_report || fields["message"] == START_ERROR
}

fn fields(line: &Value) -> Value {
    serde_json::from_str(text(&line["message"])).unwrap_or_default()
}

/// Returns the error that the instance logged before its start failed, or else what Lambda says.
async fn cause(stack: &Stack, group: &str, failure: &Value) -> Result<String, Unread> {
    let failed_ms = failure["timestamp"].as_i64().unwrap_or_default();
    let body = json!({
        "logGroupName": group,
        "logStreamNames": [failure["logStreamName"]],
        "startTime": failed_ms - CAUSE_TIME.as_millis() as i64,
        "endTime": failed_ms + 1,
        "limit": MAX_LINES,
    });
    let page = filtered(stack, &body).await?;
    let logged = array(&page["events"]).iter().rev().find_map(error);
    let cause = logged.unwrap_or_else(|| {
        let record = &fields(failure)["record"];
        match text(&record["errorType"]) {
            "" => text(&record["status"]).to_owned(),
            kind => kind.to_owned(),
        }
    });
    let shown = without_secrets(&cause, &stack.parameter("AuthPolicy"));
    Ok(shown.chars().take(MAX_CAUSE_CHARS).collect())
}

/// Returns the error in a line of the log.
fn error(line: &Value) -> Option<String> {
    let fields = fields(line);
    if fields["level"] != "ERROR" {
        return None;
    }
    if fields["message"] == START_ERROR {
        return Some(text(&fields["error"]).to_owned());
    }
    let parts = ["message", "problem", "detail"].map(|name| text(&fields[name]));
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// Returns a text without the literal secrets of a policy, which an error may quote.
fn without_secrets(text: &str, policy: &str) -> String {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let mut shown = text.to_owned();
    for secret in literal_secrets(&policy) {
        shown = shown.replace(secret, "…");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_secrets_are_not_shown() {
        let policy = json!({
            "issuers": [{"issuer": "https://a", "secret": [{"base64url": "c2VjcmV0"}, "hunter1"]}],
            "introspection": {"client_secret": "hunter2", "client_id": "me", "client_key": "PEM"},
            "front": {"secret": "ssm:/tollgate/front"},
        });
        let error = "me: `hunter1` `hunter2` `c2VjcmV0` `PEM` ssm:/tollgate/front https://a";
        assert_eq!(
            without_secrets(error, &policy.to_string()),
            "me: `…` `…` `…` `…` ssm:/tollgate/front https://a"
        );
        assert_eq!(without_secrets("text", "table:orders"), "text");
    }

    #[test]
    fn streams_name_the_version() {
        let line = |stream: &str| json!({"logStreamName": stream});
        assert!(is_of_version(&line("2026/11/28/function[3]0a1b"), "3"));
        assert!(!is_of_version(&line("2026/11/28/function[2]0a1b"), "3"));
        assert!(is_of_version(&line("stream"), "3"));
    }
}
