//! The lines of a request in the logs.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::reply::{Admission, Reply};
use super::run::KeyEntry;
use super::session::{REQUEST_ID, Session};
use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "access-log-line",
    group: Group::Requests,
    title: "The logs have the lines of a request, with its decision, plan and key",
    explanation: "The check looks for the first request with the temporary key in the access \
                  log, and for the throttled one in the authorizer's log. It waits for at most \
                  60 s. Alarms, metrics and investigations depend on these lines.",
    fix: "Look at the access log of the stage. If it has no lines at all, see the logs in the group \
          `monitoring`. Lines can be late: run the check again.",
    permissions: &["logs:FilterLogEvents"],
    evidence: Some("Access-log lines become metrics with the right counts"),
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

const INTERVAL: Duration = Duration::from_secs(5);
/// The number of reads within 60 s.
const MAX_READS: i64 = 12;
/// The time before the first request from which lines are read, in milliseconds.
const EARLIER_MS: i64 = 60_000;

/// A line that a log must have.
struct Wanted<'s> {
    group: &'s str,
    /// The id of the request.
    id: String,
    /// Fields of the line with their values.
    fields: Vec<(&'static str, String)>,
}

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let Some(stack) = &session.requests.stack else {
        return Ok(Verdict::not_applicable(
            "the logs are known with --stack only",
        ));
    };
    let first = session.admitted_call().await?;
    let throttled = session.calls_at_once().await?;
    let throttled = throttled
        .replies
        .iter()
        .find(|it| it.admission() == Admission::Throttled);
    let wanted = wanted(stack, &session.temporary.name, first, throttled);
    if stack.output("AccessLogGroup").is_none() {
        return Ok(Verdict::not_applicable("the stack has no access log"));
    }
    if wanted.is_empty() {
        let problem = format!("{} without the id of the request", first.summary());
        return Ok(Verdict::not_proven(problem).with_fix("See the check request-id-returned."));
    }

    let mut missing: Vec<&Wanted<'_>> = wanted.iter().collect();
    let mut problems = Vec::new();
    let start = Timestamp::now().as_millisecond() - EARLIER_MS;
    for read in 0..MAX_READS {
        if read > 0 {
            session.requests.pause(INTERVAL).await;
        }
        let mut still_missing = Vec::new();
        for one in missing {
            // Another start makes it another call, because responses are read once.
            match line(stack, one, start - read).await? {
                Some(line) => problems.extend(problems_of(one, &line)),
                None => still_missing.push(one),
            }
        }
        missing = still_missing;
        if missing.is_empty() || session.is_nearly_over() {
            break;
        }
    }
    Ok(verdict(&wanted, &missing, problems))
}

fn wanted<'s>(
    stack: &'s Stack,
    key: &str,
    first: &Reply,
    throttled: Option<&Reply>,
) -> Vec<Wanted<'s>> {
    let line = |output: &str, reply: &Reply, fields: Vec<(&'static str, String)>| {
        Some(Wanted {
            group: stack.output(output)?,
            id: request_id(reply)?,
            fields,
        })
    };
    let decision = |word: &str| {
        let fields = [("decision", word), ("plan", key), ("key_id", key)];
        fields
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec()
    };

    let mut admitted = decision("allowed");
    admitted.push(("status", first.status.to_string()));
    let access = line("AccessLogGroup", first, admitted);
    let authorizer =
        throttled.and_then(|reply| line("AuthorizerLogGroupName", reply, decision("throttled")));
    access.into_iter().chain(authorizer).collect()
}

/// Returns the id that API Gateway gave to a request.
fn request_id(reply: &Reply) -> Option<String> {
    let mapped = || reply.header(REQUEST_ID);
    reply.header("apigw-requestid").or_else(mapped)
}

/// Returns the line of a request, if the log has it.
async fn line(stack: &Stack, wanted: &Wanted<'_>, start: i64) -> Result<Option<Value>, Unread> {
    let body = json!({
        "logGroupName": wanted.group,
        "startTime": start,
        "filterPattern": format!("\"{}\"", wanted.id),
    });
    let call = Call::json(Service::Logs, "FilterLogEvents", &body);
    let events = stack.account().read_all(&call, "/events").await?;
    let lines = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(text(&event["message"])).ok());
    let mut decided = lines.filter(|line| line["request_id"] == wanted.id);
    Ok(decided.find(|line| line["decision"].is_string()))
}

fn problems_of(wanted: &Wanted<'_>, line: &Value) -> Vec<String> {
    let differing = wanted
        .fields
        .iter()
        .filter(|(name, value)| line[*name] != **value);
    differing
        .map(|(name, value)| {
            format!(
                "{}: the line of request {} has {name} {}, expected `{value}`",
                wanted.group, wanted.id, line[*name]
            )
        })
        .collect()
}

fn verdict(wanted: &[Wanted<'_>], missing: &[&Wanted<'_>], problems: Vec<String>) -> Verdict {
    if !problems.is_empty() {
        return Verdict::of_problems(problems, "");
    }
    if missing.is_empty() {
        let groups: Vec<&str> = wanted.iter().map(|one| one.group).collect();
        return Verdict::ok(format!("found in {}", groups.join(" and ")));
    }
    let mut verdict = Verdict::not_proven("");
    verdict.details = missing
        .iter()
        .map(|one| format!("{} has no line of request {} yet", one.group, one.id))
        .collect();
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::RequestOptions;
    use crate::selection::Selection;
    use crate::tests::fake_api::FakeApi;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    const ACCESS: &str = "logs.FilterLogEvents@access-456789abcdef.json";
    const AUTHORIZER: &str = "logs.FilterLogEvents@lambda~tollgate-authorizer.json";

    /// Runs the check. `id` is the id of each request, and the temporary key is `KEY` in the lines.
    async fn run(recorded: Recorded) -> Verdict {
        let api = FakeApi::changed(|request, reply| {
            let has_key = request.headers.contains_key("x-api-key");
            if has_key {
                reply.with_header("apigw-requestid", "r1")
            } else {
                reply
            }
        });
        let stack = Some(recorded.stack().await);
        let requests = api.requests_of(RequestOptions::default(), stack).await;
        let selection = Selection::new(vec![CHECK.id.to_owned()], Vec::new()).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        let outcomes = crate::requests::run(&requests, &selection, deadline).await;
        outcomes[0].verdict.clone()
    }

    fn events(lines: &[Value]) -> String {
        let event = |line: &Value| json!({"message": line.to_string()});
        json!({"events": lines.iter().map(event).collect::<Vec<_>>()}).to_string()
    }

    #[tokio::test]
    async fn lines_of_another_key_fail() {
        let line = |decision: &str| json!({"request_id": "r1", "decision": decision, "status": "200", "plan": "p", "key_id": "k"});
        let recorded = Recorded::healthy()
            .answering(
                ACCESS,
                events(&[json!({"request_id": "r0"}), line("allowed")]),
            )
            .answering(AUTHORIZER, events(&[line("throttled")]));
        let failed = run(recorded).await;
        assert_eq!(failed.status, Status::Failed);
        // The plan and the key of both lines.
        assert_eq!(failed.details.len(), 4, "{failed:?}");
    }

    #[tokio::test]
    async fn lines_that_do_not_come_are_not_proven() {
        let recorded = Recorded::healthy()
            .answering(ACCESS, events(&[]))
            .answering(AUTHORIZER, events(&[]));
        let open = run(recorded).await;
        assert_eq!(open.status, Status::NotProven);
        assert_eq!(open.details.len(), 2, "{open:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy()
            .answering(ACCESS, events(&[]))
            .denied(ACCESS);
        let verdict = run(recorded).await;
        assert_eq!(verdict, Verdict::not_checked("needs logs:FilterLogEvents"));
    }

    #[test]
    fn lines_with_all_fields_pass() {
        let wanted = Wanted {
            group: "g",
            id: "r1".to_owned(),
            fields: vec![("plan", "p".to_owned())],
        };
        let line = json!({"request_id": "r1", "plan": "p"});
        let problems = problems_of(&wanted, &line);
        assert_eq!(verdict(&[wanted], &[], problems), Verdict::ok("found in g"));
    }
}
