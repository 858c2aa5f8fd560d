//! The age of the newest line of the access log.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::aws::{Call, Service, array};
use crate::findings::Findings;
use crate::stack::Stack;

/// The age above which the newest line shows nothing about the current deployment.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(25);

/// Reports an access log without new lines. A stack for an existing API has no access log.
pub(super) async fn check(stack: &Stack, findings: &mut Findings) {
    let Some(group) = stack.resource("AccessLogGroup") else {
        return;
    };
    let body = json!({
        "logGroupName": group.id,
        "orderBy": "LastEventTime",
        "descending": true,
        "limit": 1,
    });
    let call = Call::json(Service::Logs, "DescribeLogStreams", &body);
    let subject = format!("log group {}", group.id);
    let read = stack.account().read(&call).await;
    let Some(page) = findings.take(&subject, read) else {
        return;
    };

    let newest = array(&page["logStreams"])
        .iter()
        .filter_map(|stream| stream["lastEventTimestamp"].as_i64())
        .max()
        .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
    judge(&subject, newest, stack.now(), findings);
}

fn judge(subject: &str, newest: Option<Timestamp>, now: Timestamp, findings: &mut Findings) {
    let Some(newest) = newest else {
        findings.unproven(format!("{subject} has no lines yet"));
        return;
    };
    let age = now.duration_since(newest);
    if age > MAX_AGE {
        findings.unproven(format!(
            "{subject}: the newest line is of {newest:.0}, {} hours ago",
            age.as_hours()
        ));
    }
}
