//! The response to a call over the limit, and the admission after it.

use std::time::Duration;

use super::fields::{self, Dialect};
use super::reply::{Admission, Reply, Sender};
use super::run::KeyEntry;
use super::session::{CallsAtOnce, Session};
use crate::check::{Check, Group};
use crate::stack::Stack;
use crate::verdict::Verdict;

const THROTTLED: Check = Check {
    id: "third-call-throttled",
    group: Group::Requests,
    title: "A call over the limit gets the response of Tollgate, before any service",
    explanation: "The temporary plan admits two calls at once. Of three calls at once, the third \
                  must get 429 with `Retry-After` and the rate-limit fields from the listener \
                  rule. With `OnThrottle=forbid`, it must get 403 from API Gateway. If the \
                  listener rule is missing or comes after another one, services serve requests \
                  over the limit.",
    fix: "See the checks of the listener rules in the group `network`. For your own Lambda \
          functions, see docs/guides/existing-api.md#429-from-lambda-functions.",
    permissions: &[],
    evidence: Some("The listener rules return 429 for an exceeded limit"),
};

const ADMITTED_AGAIN: Check = Check {
    id: "admitted-after-retry",
    group: Group::Requests,
    title: "A throttled client is admitted after the time in Retry-After",
    explanation: "The check waits for the time in `Retry-After` of the 429 and calls again. Clients \
                  that obey the field must not be throttled twice.",
    fix: "Compare the clocks of the functions in the log of the authorizer. If other programs use \
          the API at its limit, run the check again.",
    permissions: &[],
    evidence: None,
};

pub(super) const THROTTLED_ENTRY: KeyEntry = KeyEntry {
    check: &THROTTLED,
    run: |session| Box::pin(check_throttled(session)),
};

pub(super) const ADMITTED_AGAIN_ENTRY: KeyEntry = KeyEntry {
    check: &ADMITTED_AGAIN,
    run: |session| Box::pin(check_admitted_again(session)),
};

/// The longest time in `Retry-After` that the temporary plan, with one call per second, can cause.
const MAX_RETRY_AFTER_S: u64 = 3;
/// The pause after a 403, which has no `Retry-After`.
const PAUSE_AFTER_FORBIDDEN: Duration = Duration::from_secs(2);

/// The expected response to a throttled call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// 429 with the problem type of a limit. With a body, it is exactly that of the listener rule.
    TooManyRequests { body: Option<String> },
    /// 403 of API Gateway.
    Forbidden,
    /// Either one, because the settings are not known.
    Any,
}

async fn check_throttled(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let calls = session.calls_at_once().await?;
    let requests = session.requests;
    let expected = requests.stack.as_ref().map_or(Expected::Any, expected);
    // Without a stack, the first response shows which fields the API has.
    let first = session.admitted_call().await?;
    let dialect = requests.dialect().or_else(|| fields::detected(first));
    Ok(throttled(calls, &expected, dialect))
}

/// Returns the response that the parameters of a stack select.
fn expected(stack: &Stack) -> Expected {
    let rule = stack.expected("ThrottledRule").ok().flatten();
    match (stack.parameter("OnThrottle").as_str(), rule) {
        ("mark", Some(rule)) => {
            let body = &rule["Actions"][0]["FixedResponseConfig"]["MessageBody"];
            let body = body.as_str().map(|body| body.trim().to_owned());
            Expected::TooManyRequests { body }
        }
        ("mark", None) if stack.output("VpcLinkId").is_some() => {
            Expected::TooManyRequests { body: None }
        }
        ("function", _) => Expected::TooManyRequests { body: None },
        _ => Expected::Forbidden,
    }
}

fn throttled(calls: &CallsAtOnce, expected: &Expected, dialect: Option<Dialect>) -> Verdict {
    let replies = &calls.replies;
    if let Some(served) = replies.iter().find(|reply| is_marked_echo(reply)) {
        return Verdict::failed(format!(
            "{}: a service received a request with x-tollgate-decision: throttled",
            served.summary()
        ));
    }
    let Some(first) = replies.iter().find(|it| it.is_over_limit()) else {
        return match calls.exceeds_limit() {
            true => Verdict::failed(excess(calls)),
            false => too_slow(calls),
        };
    };

    let refused = replies.iter().filter(|it| it.is_over_limit());
    let mut problems: Vec<String> = calls
        .exceeds_limit()
        .then(|| excess(calls))
        .into_iter()
        .collect();
    for problem in refused.flat_map(|reply| problems_of(reply, expected, dialect)) {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    let detail = match first.header("retry-after") {
        Some(seconds) => format!("{}, Retry-After: {seconds}", first.summary()),
        None => first.summary(),
    };
    Verdict::of_problems(problems, detail)
}

/// Returns the problem of calls more of which were served than the plan admits.
fn excess(calls: &CallsAtOnce) -> String {
    format!(
        "{} of {} calls within {:.1} s were served with status {}, although the plan admits {} then",
        calls.served(),
        calls.replies.len(),
        calls.elapsed.as_secs_f64(),
        statuses(&calls.replies),
        calls.most()
    )
}

/// Returns the verdict on calls that were too slow to exceed the limit.
fn too_slow(calls: &CallsAtOnce) -> Verdict {
    Verdict::not_proven(format!(
        "all of {} calls were admitted, as the plan allows within {:.1} s",
        calls.replies.len(),
        calls.elapsed.as_secs_f64()
    ))
    .with_fix("Name a route that responds faster with --path, and run the check again.")
}

/// True if the backend has returned the headers of a throttled request.
fn is_marked_echo(reply: &Reply) -> bool {
    if reply.sender() != Sender::Backend {
        return false;
    }
    let text = reply.text().to_ascii_lowercase();
    let after = text.split("x-tollgate-decision").nth(1).unwrap_or_default();
    let value = after.trim_start_matches(|character: char| !character.is_ascii_alphanumeric());
    value.starts_with("throttled")
}

/// Returns the statuses of the calls that were served.
fn statuses(replies: &[Reply]) -> String {
    let served = replies.iter().filter(|reply| !reply.is_over_limit());
    let mut statuses: Vec<u16> = served.map(|reply| reply.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let texts: Vec<String> = statuses.iter().map(u16::to_string).collect();
    texts.join(" and ")
}

fn problems_of(reply: &Reply, expected: &Expected, dialect: Option<Dialect>) -> Vec<String> {
    let summary = reply.summary();
    match (reply.admission(), expected) {
        (Admission::Throttled, Expected::Forbidden) => vec![format!(
            "{summary}, expected 403 of API Gateway, as OnThrottle selects it"
        )],
        (Admission::Throttled, expected) => problems_of_429(reply, expected, dialect),
        (Admission::Refused, Expected::Any | Expected::Forbidden) if reply.status == 403 => {
            Vec::new()
        }
        (Admission::StageThrottled, _) => vec![format!(
            "{summary}, but API Gateway throttled the stage for all callers, see StageRateLimit"
        )],
        (Admission::Admitted, _) => vec![format!(
            "{summary} from a service: its body has not the problem type of Tollgate"
        )],
        (_, Expected::Forbidden) => vec![format!("{summary}, expected 403 of API Gateway")],
        _ => vec![format!("{summary}, expected 429 of the listener rule")],
    }
}

fn problems_of_429(reply: &Reply, expected: &Expected, dialect: Option<Dialect>) -> Vec<String> {
    let summary = reply.summary();
    let mut problems = Vec::new();
    if let Expected::TooManyRequests { body: Some(body) } = expected
        && reply.text().trim() != body
    {
        problems.push(format!(
            "{summary}, but not with the body of the listener rule in the template: a service or \
             another rule has responded"
        ));
    }

    if let Err(problem) = retry_after(reply) {
        problems.push(problem);
    }
    problems.extend(fields::problems(reply, dialect));
    problems
}

/// Returns the seconds in `Retry-After`.
fn retry_after(reply: &Reply) -> Result<u64, String> {
    let summary = reply.summary();
    let Some(value) = reply.header("retry-after") else {
        return Err(format!("{summary} without Retry-After"));
    };
    let is_whole = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(seconds @ 1..=MAX_RETRY_AFTER_S) if is_whole => Ok(seconds),
        _ => Err(format!(
            "{summary} with Retry-After: {value}, expected whole seconds from 1 to \
             {MAX_RETRY_AFTER_S}"
        )),
    }
}

async fn check_admitted_again(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let calls = session.calls_at_once().await?;
    let pause = pause_after(&calls.replies)?;
    session.requests.pause(pause).await;

    let path = &session.requests.options.path;
    let reply = session.call(path, &[]).await?;
    let detail = format!("{} after {} s", reply.summary(), pause.as_secs());
    Ok(match reply.admission() {
        Admission::Admitted => Verdict::ok(detail),
        _ => Verdict::failed(detail),
    })
}

/// Returns the pause after which the key must be admitted again.
fn pause_after(replies: &[Reply]) -> Result<Duration, Verdict> {
    let not_proven = |problem: String| {
        Verdict::not_proven(problem).with_fix("See the check third-call-throttled.")
    };
    let throttled = replies
        .iter()
        .filter(|it| it.admission() == Admission::Throttled);
    let seconds: Result<Vec<u64>, String> = throttled.map(retry_after).collect();
    let seconds = seconds.map_err(not_proven)?;

    if let Some(seconds) = seconds.into_iter().max() {
        return Ok(Duration::from_secs(seconds));
    }
    if replies
        .iter()
        .any(|it| it.admission() == Admission::Refused)
    {
        return Ok(PAUSE_AFTER_FORBIDDEN);
    }
    Err(not_proven("no call was throttled".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    const POLICY: (&str, &str) = ("ratelimit-policy", r#""burst";q=2;w=2"#);
    const LIMIT: (&str, &str) = ("ratelimit", r#""burst";r=0;t=1"#);
    const MAPPED: (&str, &str) = ("x-request-id", "r1");
    const BODY: &str =
        r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","status":429}"#;

    fn admitted() -> Reply {
        reply(200, &[POLICY, LIMIT, MAPPED], "{}")
    }

    fn too_many(retry_after: &str) -> Reply {
        let headers = [POLICY, LIMIT, MAPPED, ("retry-after", retry_after)];
        reply(429, &headers, BODY)
    }

    /// Returns calls that took a time, after a first call that took no time.
    fn calls_within(replies: impl Into<Vec<Reply>>, elapsed: Duration) -> CallsAtOnce {
        CallsAtOnce {
            replies: replies.into(),
            elapsed,
            since_first_call: elapsed + Duration::from_secs(1),
        }
    }

    fn calls(replies: impl Into<Vec<Reply>>) -> CallsAtOnce {
        calls_within(replies, Duration::from_millis(100))
    }

    fn verdict(third: Reply) -> Verdict {
        throttled(
            &calls([admitted(), admitted(), third]),
            &Expected::Any,
            None,
        )
    }

    #[test]
    fn response_of_the_rule_passes() {
        let passed = verdict(too_many("1"));
        assert_eq!(passed.status, Status::Ok, "{passed:?}");
        assert_eq!(passed.details, ["GET / returned 429, Retry-After: 1"]);
        let forbidden = verdict(reply(403, &[], r#"{"message":"Forbidden"}"#));
        assert_eq!(forbidden.status, Status::Ok);
    }

    #[test]
    fn more_calls_than_the_limit_fail() {
        let three = vec![admitted(), admitted(), admitted()];
        let failed = throttled(&calls(three.clone()), &Expected::Any, None);
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(
            failed.details,
            [
                "3 of 3 calls within 0.1 s were served with status 200, although the plan admits 2 \
                 then"
            ]
        );

        // A refusal after too many calls does not hide them.
        let mut nine = [three.clone(), three.clone(), three].concat();
        nine[8] = too_many("1");
        let failed = throttled(&calls(nine), &Expected::Any, None);
        assert_eq!(failed.status, Status::Failed);
        assert!(failed.details[0].starts_with("8 of 9 calls"), "{failed:?}");
    }

    #[test]
    fn first_call_counts_for_the_limit() {
        let mut at_once = calls([admitted(), admitted(), too_many("1")]);
        assert!(!at_once.exceeds_limit());
        at_once.since_first_call = Duration::from_millis(200);
        assert_eq!(
            throttled(&at_once, &Expected::Any, None).status,
            Status::Failed
        );
    }

    #[test]
    fn slow_calls_are_no_failure() {
        let slow = Duration::from_millis(1_500);
        let three = [admitted(), admitted(), admitted()];
        let open = throttled(&calls_within(three.clone(), slow), &Expected::Any, None);
        assert_eq!(open.status, Status::NotProven, "{open:?}");

        let mut replies = three.to_vec();
        replies.push(too_many("1"));
        let passed = throttled(&calls_within(replies, slow), &Expected::Any, None);
        assert_eq!(passed.status, Status::Ok, "{passed:?}");
    }

    #[test]
    fn echo_of_a_throttled_request_shows_that_the_rule_is_missing() {
        let body = r#"{"headers":{"x-tollgate-decision":"throttled"}}"#;
        let failed = verdict(reply(200, &[POLICY, LIMIT, MAPPED], body));
        assert!(
            failed.details[0].contains("a service received"),
            "{failed:?}"
        );
        let body = r#"{"headers":{"x-tollgate-decision":"allowed"}}"#;
        assert!(!is_marked_echo(&reply(200, &[MAPPED], body)));
    }

    #[test]
    fn response_of_a_service_or_of_the_stage_fails() {
        let headers = [POLICY, LIMIT, MAPPED, ("retry-after", "1")];
        let failed = verdict(reply(429, &headers, "slow down"));
        assert!(failed.details[0].contains("from a service"), "{failed:?}");
        let failed = verdict(reply(429, &[], r#"{"message":"Too Many Requests"}"#));
        assert!(failed.details[0].contains("StageRateLimit"), "{failed:?}");
        let failed = verdict(reply(500, &[], r#"{"message":"Internal Server Error"}"#));
        assert_eq!(failed.status, Status::Failed);
    }

    #[test]
    fn retry_after_is_whole_seconds() {
        for value in [
            "0",
            "1.5",
            "-1",
            "",
            "+1",
            "60",
            "Wed, 21 Oct 2015 07:28:00 GMT",
        ] {
            let failed = verdict(too_many(value));
            assert_eq!(failed.status, Status::Failed, "{value}");
            assert!(
                failed.details[0].contains("expected whole seconds"),
                "{failed:?}"
            );
        }
        let failed = verdict(reply(429, &[POLICY, LIMIT, MAPPED], BODY));
        assert!(
            failed.details[0].contains("without Retry-After"),
            "{failed:?}"
        );
    }

    #[test]
    fn fields_of_the_429_are_checked() {
        let without = || reply(429, &[MAPPED, ("retry-after", "1")], BODY);
        let replies = [admitted(), without(), without(), without()];
        let failed = throttled(
            &calls(replies.clone()),
            &Expected::Any,
            Some(Dialect::Draft10),
        );
        assert_eq!(failed.details.len(), 2, "{failed:?}");
        // Without a stack, the fields may be off.
        let passed = throttled(&calls(replies), &Expected::Any, None);
        assert_eq!(passed.status, Status::Ok, "{passed:?}");
    }

    #[tokio::test]
    async fn body_and_status_are_those_that_the_stack_selects() {
        let marks = expected(&Recorded::healthy().stack().await);
        let Expected::TooManyRequests { body: Some(body) } = &marks else {
            panic!("unexpected {marks:?}");
        };
        assert!(body.contains("quota-exceeded"), "{body}");
        let replies = [admitted(), too_many("1")];
        let failed = throttled(&calls(replies.clone()), &marks, None);
        assert!(failed.details[0].contains("another rule"), "{failed:?}");

        let forbids = Recorded::healthy().with_parameter("OnThrottle", "forbid");
        let forbids = expected(&forbids.stack().await);
        assert_eq!(forbids, Expected::Forbidden);
        assert_eq!(
            throttled(&calls(replies), &forbids, None).status,
            Status::Failed
        );
        let forbidden = [admitted(), reply(403, &[], r#"{"message":"Forbidden"}"#)];
        assert_eq!(
            throttled(&calls(forbidden.clone()), &forbids, None).status,
            Status::Ok
        );
        assert_eq!(
            throttled(&calls(forbidden), &marks, None).status,
            Status::Failed
        );
    }

    #[test]
    fn pause_is_the_longest_retry_after() {
        let replies = [admitted(), too_many("1"), too_many("2")];
        assert_eq!(pause_after(&replies), Ok(Duration::from_secs(2)));
        let forbidden = [admitted(), reply(403, &[], r#"{"message":"Forbidden"}"#)];
        assert_eq!(pause_after(&forbidden), Ok(PAUSE_AFTER_FORBIDDEN));
        for replies in [[admitted(), too_many("0")], [admitted(), admitted()]] {
            assert_eq!(pause_after(&replies).unwrap_err().status, Status::NotProven);
        }
    }
}
