//! The path that the backend receives, for encoded characters.

use super::echo::{Arrival, arrival, below};
use super::reply::{Admission, Reply};
use super::run::KeyEntry;
use super::session::Session;
use crate::check::{Check, Group};
use crate::verdict::{Status, Verdict};

const CHECK: Check = Check {
    id: "paths-decoded",
    group: Group::Requests,
    title: "The backend receives the path that the policy has checked",
    explanation: "API Gateway decodes a path twice, cuts it at an encoded `?`, and rejects a single \
                  `%25` with 400. The policy is applied to the decoded path. A backend that \
                  received another one could serve a route that the policy protects. The check \
                  sends `%2F`, `%252F`, `%3F` and `%25` below the path in `--echo`, and below that \
                  in `--path` without it.",
    fix: "Deploy the stack again: `overwrite:path` of the integrations must be `$request.path`. If \
          the template is deployed, report the paths as an issue: API Gateway then decodes them in \
          another way than the policy expects.",
    permissions: &[],
    evidence: Some("A path is decoded twice"),
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

/// The text that is sent after a mark, and the one that the backend receives after it.
const CASES: [(&str, &str); 3] = [("%2Fx", "/x"), ("%252Fx", "/x"), ("%3Fx", "")];
/// A single `%25`, after which no two hexadecimal digits come.
const SINGLE_PERCENT: &str = "%25-off";

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    session.admitted_call().await?;
    let options = &session.requests.options;
    let base = options.echo.as_ref().unwrap_or(&options.path);

    let mut found = Found::default();
    let path = below(base, &format!("check50{SINGLE_PERCENT}"));
    found.add(single_percent(&session.call_later(&path, &[]).await?));
    if options.echo.is_none() {
        found.open("what arrives for %2F, %252F and %3F is not known without --echo");
        return Ok(found.verdict());
    }

    for (index, (sent, expected)) in CASES.into_iter().enumerate() {
        let mark = format!("check{index}{}", session.temporary.mark());
        let path = below(base, &format!("{mark}{sent}"));
        found.add(encoded(
            &session.call_later(&path, &[]).await?,
            &mark,
            sent,
            expected,
        ));
    }
    Ok(found.verdict())
}

/// The findings of the check.
#[derive(Default)]
struct Found {
    problems: Vec<String>,
    open: Vec<String>,
    shown: Vec<String>,
}

impl Found {
    fn add(&mut self, verdict: Verdict) {
        match verdict.status {
            Status::Ok => self.shown.extend(verdict.details),
            Status::Failed => self.problems.extend(verdict.details),
            _ => self.open.extend(verdict.details),
        }
    }

    fn open(&mut self, text: &str) {
        self.open.push(text.to_owned());
    }

    fn verdict(self) -> Verdict {
        if !self.problems.is_empty() {
            return Verdict::of_problems(self.problems, "");
        }
        if self.open.is_empty() {
            return Verdict::ok(self.shown.join(", "));
        }
        let mut verdict = Verdict::not_proven(self.shown.join(", "));
        verdict.details.retain(|detail| !detail.is_empty());
        verdict.details.extend(self.open);
        verdict.with_fix(
            "With --echo, name a route whose backend returns the path of each request. The policy \
             must admit an API key there and below it.",
        )
    }
}

/// Decides on the response to a path with a single `%25`.
fn single_percent(reply: &Reply) -> Verdict {
    match reply.admission() {
        Admission::NotRouted if reply.status == 400 => {
            Verdict::ok("%25 is rejected with 400, as it should be")
        }
        Admission::Admitted => Verdict::failed(format!(
            "{} from the backend, expected 400 for a single %25",
            reply.summary()
        )),
        _ => Verdict::not_proven(format!(
            "{}, expected 400 for a single %25",
            reply.summary()
        )),
    }
}

/// Decides on the response of an echo to a path with encoded characters.
fn encoded(reply: &Reply, mark: &str, sent: &str, expected: &str) -> Verdict {
    if reply.admission() != Admission::Admitted {
        return Verdict::not_proven(not_admitted(reply, sent));
    }
    match arrival(reply, mark) {
        Arrival::NotEchoed => Verdict::not_proven(format!(
            "{} without its path, so {sent} is not proven",
            reply.summary()
        )),
        Arrival::At(found) if found == [expected] => Verdict::ok(match expected {
            "" => format!("{sent} ends the path, as it should"),
            expected => format!("{sent} arrives as `{expected}`, as it should"),
        }),
        Arrival::At(found) => Verdict::failed(format!(
            "{sent} arrives as `{}`, expected `{expected}`",
            found.join("` and `")
        )),
    }
}

/// Returns the reason why a response that the backend did not send proves nothing.
fn not_admitted(reply: &Reply, sent: &str) -> String {
    let reason = match reply.admission() {
        Admission::Refused => "the policy does not admit the key below this path",
        Admission::NotRouted => "the API has no route below this path",
        _ => "the backend did not respond",
    };
    format!("{}: {reason}, so {sent} is not proven", reply.summary())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;

    fn status(body: &str, sent: &str, expected: &str) -> Status {
        encoded(&reply(200, &[], body), "c1", sent, expected).status
    }

    #[test]
    fn path_that_the_policy_has_checked_passes() {
        assert_eq!(status(r#"{"path":"/c1/x"}"#, "%2Fx", "/x"), Status::Ok);
        assert_eq!(status(r#"{"path":"/c1"}"#, "%3Fx", ""), Status::Ok);
    }

    #[test]
    fn other_path_fails() {
        for (body, sent, expected) in [
            (r#"{"path":"/c1%2Fx"}"#, "%2Fx", "/x"),
            (r#"{"path":"/c1%2Fx"}"#, "%252Fx", "/x"),
            (r#"{"path":"/c1%3Fx"}"#, "%3Fx", ""),
            (r#"{"path":"/c1/x","raw":"/c1%2Fx"}"#, "%2Fx", "/x"),
        ] {
            assert_eq!(status(body, sent, expected), Status::Failed, "{body}");
        }
    }

    #[test]
    fn response_without_the_path_proves_nothing() {
        assert_eq!(status("hello", "%2Fx", "/x"), Status::NotProven);
        let refused = reply(403, &[], r#"{"message":"Forbidden"}"#);
        let verdict = encoded(&refused, "c1", "%2Fx", "/x");
        assert_eq!(verdict.status, Status::NotProven);
    }

    #[test]
    fn single_percent_must_not_reach_the_backend() {
        let bad = reply(400, &[], r#"{"message":"Bad Request"}"#);
        assert_eq!(single_percent(&bad).status, Status::Ok);
        let served = reply(200, &[], "ok");
        assert_eq!(single_percent(&served).status, Status::Failed);
        let forbidden = reply(403, &[], r#"{"message":"Forbidden"}"#);
        assert_eq!(single_percent(&forbidden).status, Status::NotProven);
    }

    #[test]
    fn problems_beat_open_questions() {
        let mut found = Found::default();
        found.add(Verdict::ok("a"));
        found.open("b");
        found.add(Verdict::failed("c"));
        assert_eq!(found.verdict(), Verdict::failed("c"));

        let mut open = Found::default();
        open.add(Verdict::ok("a"));
        open.open("b");
        assert_eq!(open.verdict().details, ["a", "b"]);
    }
}
