//! The responses of a composition, within the limit and over it.

use futures_util::future::join_all;

use super::reply::{Admission, Reply, Sender};
use super::run::KeyEntry;
use super::session::Session;
use crate::check::{Check, Group};
use crate::verdict::Verdict;

/// The number of calls that are made at once. One more than the temporary plan admits.
const CALLS_AT_ONCE: usize = 3;
/// The most missing parts that are named.
const MAX_NAMED_PARTS: usize = 12;
/// The header of every response of the composer that has parts.
const COMPLETE: &str = "x-tollgate-complete";

const PARTS: Check = Check {
    id: "composition-complete",
    group: Group::Requests,
    title: "A composition responds with all of its parts",
    explanation: "The check calls `GET` of the path in `--composition` with the temporary key. Every \
                  response of the composer says in `x-tollgate-complete` whether a part is missing, \
                  and `_metadata` names the missing parts and the reasons.",
    fix: "Look up the reason in docs/reference/compositions.md. For `forbidden`, the policy does not \
          allow the part for API keys. For `unreachable` and `timeout`, the composer does not reach \
          the service.",
    permissions: &[],
    evidence: None,
};

const THROTTLED: Check = Check {
    id: "composition-throttled",
    group: Group::Requests,
    title: "A composition over the limit is refused by the composer, before any part",
    explanation: "No listener rule is in front of the composer. It must therefore respond itself \
                  with 429 and `Retry-After` to a request that the authorizer has marked. With \
                  `OnThrottle=forbid`, API Gateway responds with 403. The check makes three calls \
                  at once, of which the temporary plan admits two.",
    fix: "Deploy the stack again. The composer reads the decision from the context of the \
          authorizer.",
    permissions: &[],
    evidence: Some("The composer refuses a call over the limit itself"),
};

pub(super) const PARTS_ENTRY: KeyEntry = KeyEntry {
    check: &PARTS,
    run: |session| Box::pin(check_parts(session)),
};

pub(super) const THROTTLED_ENTRY: KeyEntry = KeyEntry {
    check: &THROTTLED,
    run: |session| Box::pin(check_throttled(session)),
};

/// Returns the path of the composition.
///
/// # Errors
/// The verdict if none is named.
fn path<'s>(session: &'s Session<'_>) -> Result<&'s str, Verdict> {
    let path = session.requests.options.composition.as_deref();
    path.ok_or_else(|| {
        Verdict::not_applicable("no composition is named")
            .with_fix("Name the path of a composition that a key may call with --composition.")
    })
}

async fn check_parts(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let path = path(session)?;
    session.admitted_call().await?;
    let reply = session.call_later(path, &[]).await?;
    Ok(of_parts(&reply))
}

fn of_parts(reply: &Reply) -> Verdict {
    let summary = reply.summary();
    match (reply.admission(), reply.header(COMPLETE).as_deref()) {
        (Admission::Admitted, Some("true")) if reply.status == 200 => {
            Verdict::ok(format!("{summary} with all parts"))
        }
        (Admission::Admitted, Some("false")) if matches!(reply.status, 200 | 206) => {
            let missing = missing_parts(reply);
            Verdict::warning(format!("{summary} without {missing}"))
        }
        (Admission::Admitted, _) if reply.sender() == Sender::Backend && reply.status < 400 => {
            Verdict::failed(format!(
                "{summary} without {COMPLETE}: the response is not one of the composer"
            ))
            .with_fix(
                "Name the path of a composition with --composition. See the check composer-routes \
                 for the routes that lead to the composer.",
            )
        }
        (Admission::Refused | Admission::NotRouted, _) => {
            Verdict::not_proven(format!("{summary}: the policy accepts no API key there"))
        }
        (Admission::StageThrottled | Admission::Throttled, _) => {
            Verdict::not_proven(format!("{summary}, so the composition was not called"))
        }
        _ => Verdict::failed(format!("{summary}, expected the parts of the composition")),
    }
}

/// Returns the names of the missing parts, each with the reason.
fn missing_parts(reply: &Reply) -> String {
    let body = reply.json();
    let missing = body["_metadata"]["missing"].as_array();
    let named: Vec<String> = missing
        .into_iter()
        .flatten()
        .take(MAX_NAMED_PARTS)
        .map(|part| {
            let text = |name: &str| part[name].as_str().unwrap_or("unknown").to_owned();
            format!("`{}` ({})", text("part"), text("reason"))
        })
        .collect();
    match named.is_empty() {
        true => "a part that `_metadata` does not name".to_owned(),
        false => named.join(", "),
    }
}

async fn check_throttled(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let path = path(session)?;
    session.admitted_call().await?;
    let calls = (0..CALLS_AT_ONCE).map(|_| session.call(path, &[]));
    let replies: Result<Vec<Reply>, _> = join_all(calls).await.into_iter().collect();
    Ok(of_throttled(&replies?))
}

fn of_throttled(replies: &[Reply]) -> Verdict {
    let Some(refused) = replies.iter().find(|reply| reply.is_over_limit()) else {
        let count = replies.len();
        return Verdict::not_proven(format!("all of {count} calls at once were admitted"))
            .with_fix("Run the check again. Slow responses leave time for more calls.");
    };

    let summary = refused.summary();
    if refused.header(COMPLETE).is_some() {
        return Verdict::failed(format!("{summary} with {COMPLETE}, so parts were called"));
    }
    match refused.admission() {
        Admission::Throttled => match refused.header("retry-after") {
            Some(seconds) => Verdict::ok(format!("{summary}, Retry-After: {seconds}")),
            None => Verdict::failed(format!("{summary} without Retry-After")),
        },
        Admission::Refused if refused.status == 403 => {
            Verdict::ok(format!("{summary} by API Gateway"))
        }
        Admission::StageThrottled => Verdict::not_proven(format!(
            "{summary}: API Gateway throttled the stage, see StageRateLimit"
        )),
        _ => Verdict::failed(format!("{summary}, expected 429 of the composer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::problem::QUOTA_EXCEEDED;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    #[test]
    fn missing_parts_are_named_with_the_reason() {
        let complete = reply(200, &[(COMPLETE, "true")], r#"{"user":{}}"#);
        assert_eq!(of_parts(&complete).status, Status::Ok);

        let body = r#"{"_metadata":{"missing":[{"part":"orders","reason":"timeout"}]}}"#;
        for status in [200, 206] {
            let partial = of_parts(&reply(status, &[(COMPLETE, "false")], body));
            assert_eq!(partial.status, Status::Warning, "{partial:?}");
            assert!(partial.details[0].ends_with("without `orders` (timeout)"));
        }

        let mapped = [("x-request-id", "r1")];
        for (status, headers, body, expected) in [
            (200, &mapped[..], "{}", Status::Failed),
            (502, &mapped, "{}", Status::Failed),
            (403, &[], r#"{"message":"Forbidden"}"#, Status::NotProven),
            (404, &[], r#"{"message":"Not Found"}"#, Status::NotProven),
            (503, &[], r#"{"message":"x"}"#, Status::Failed),
        ] {
            let verdict = of_parts(&reply(status, headers, body));
            assert_eq!(verdict.status, expected, "{status}: {verdict:?}");
        }
    }

    #[test]
    fn refusal_comes_from_the_composer_before_any_part() {
        let admitted = || reply(200, &[(COMPLETE, "true")], "{}");
        let ours = format!(r#"{{"type":"{QUOTA_EXCEEDED}"}}"#);
        let retry = [("retry-after", "1")];
        let late = [("retry-after", "1"), (COMPLETE, "false")];
        let gateway = r#"{"message":"Forbidden"}"#;
        for (refused, expected) in [
            (reply(429, &retry, &ours), Status::Ok),
            (reply(403, &[], gateway), Status::Ok),
            (reply(429, &[], &ours), Status::Failed),
            (reply(429, &late, &ours), Status::Failed),
            (reply(429, &retry, "slow down"), Status::Failed),
            (reply(429, &[], r#"{"message":"x"}"#), Status::NotProven),
        ] {
            let verdict = of_throttled(&[admitted(), admitted(), refused]);
            assert_eq!(verdict.status, expected, "{verdict:?}");
        }
        let all = of_throttled(&[admitted(), admitted(), admitted()]);
        assert_eq!(all.status, Status::NotProven);
    }
}
