//! The admission of a valid key.

use super::fields::{self, Dialect};
use super::reply::{Admission, Reply};
use super::run::KeyEntry;
use super::session::Session;
use crate::check::{Check, Group};
use crate::verdict::Verdict;

pub(super) const CHECK: Check = Check {
    id: "key-admitted",
    group: Group::Requests,
    title: "A request with a valid key is admitted and has rate-limit fields",
    explanation: "The check calls `GET` of the path in `--path` with the temporary key. It passes \
                  if the backend responds, and if the fields `RateLimit` and `RateLimit-Policy` are \
                  valid and name the limit of the temporary plan. Clients without these fields \
                  cannot adapt to their limits.",
    fix: "If the backend does not respond, see the group `network`. If fields are missing, deploy \
          the stack again: its response mappings differ from the template.",
    permissions: &[],
    evidence: Some("A request with a valid key or token is allowed"),
};

pub(super) const ENTRY: KeyEntry = KeyEntry {
    check: &CHECK,
    run: |session| Box::pin(check(session)),
};

const NAME_A_ROUTE: &str = "Name a route that accepts API keys with --path. The access log has the \
                            reason of the refusal.";

const FIELDS_ARE_UNKNOWN: &str = "With a stack, give --stack, which has the parameter. A local gateway \
                                  without the fields runs with RateLimitHeaders=none.";

async fn check(session: &Session<'_>) -> Result<Verdict, Verdict> {
    let reply = session.first_call().await?;
    Ok(verdict(reply, session.requests.dialect()))
}

fn verdict(reply: &Reply, dialect: Option<Dialect>) -> Verdict {
    let summary = reply.summary();
    match reply.admission() {
        Admission::Admitted => admitted(reply, dialect),
        Admission::Refused | Admission::NotRouted => {
            Verdict::not_proven(format!("{summary}: the policy accepts no API key there"))
                .with_fix(NAME_A_ROUTE)
        }
        Admission::Unreachable => Verdict::failed(format!(
            "{summary}: API Gateway got no response from the backend"
        )),
        Admission::Throttled => Verdict::failed(format!(
            "{summary}: the first call of a new key was throttled"
        )),
        Admission::StageThrottled => Verdict::not_proven(format!(
            "{summary}: API Gateway throttled the stage, see StageRateLimit"
        )),
        Admission::Unavailable => Verdict::failed(format!(
            "{summary}: the store did not decide within DecisionDeadlineMs"
        ))
        .with_fix("See docs/concepts/store-failure.md, and the log of the authorizer."),
        Admission::Failed => Verdict::failed(format!("{summary}: the authorizer failed"))
            .with_fix("See the log of the authorizer."),
    }
}

fn admitted(reply: &Reply, dialect: Option<Dialect>) -> Verdict {
    let summary = reply.summary();
    let problems = fields::problems(reply, dialect);
    let is_success = matches!(reply.status, 200..=299);

    let lacks_fields = !problems.is_empty() || fields::are_unknown(reply, dialect);
    if lacks_fields && !is_success {
        // Response mappings are for exact statuses, and not for all of them.
        return Verdict::not_proven(format!("{summary} without valid rate-limit fields"))
            .with_fix("Name a route that responds with a status of 200 to 299, with --path.");
    }
    if !problems.is_empty() {
        return Verdict::of_problems(problems, "");
    }

    if fields::are_unknown(reply, dialect) && is_success {
        return Verdict::not_proven(format!(
            "{summary} without rate-limit fields, which is right only with RateLimitHeaders=none"
        ))
        .with_fix(FIELDS_ARE_UNKNOWN);
    }

    let detail = match fields::shown(reply) {
        Some(fields) => format!("{summary}, {fields}"),
        None => summary.clone(),
    };
    if reply.status >= 500 {
        return Verdict::warning(format!(
            "{summary}: the key is admitted, but the backend fails"
        ))
        .with_fix("See the log of the backend.");
    }
    Verdict::ok(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    const FIELDS: [(&str, &str); 3] = [
        ("ratelimit-policy", r#""burst";q=2;w=2"#),
        ("ratelimit", r#""burst";r=1;t=1"#),
        ("x-request-id", "r1"),
    ];

    #[test]
    fn response_with_the_limit_of_the_plan_passes() {
        let passed = verdict(&reply(200, &FIELDS, "ok"), None);
        assert_eq!(passed.status, Status::Ok);
        assert!(passed.details[0].contains(r#"ratelimit: "burst";r=1;t=1"#));
        // Any status of the backend shows the admission.
        assert_eq!(verdict(&reply(404, &FIELDS, ""), None).status, Status::Ok);
    }

    #[test]
    fn success_without_fields_fails() {
        let failed = verdict(&reply(200, &[], "ok"), Some(Dialect::Draft10));
        assert_eq!(failed.status, Status::Failed);
        assert_eq!(failed.details.len(), 2);
        // Without a stack, the fields may be off.
        let unknown = verdict(&reply(200, &[], "ok"), None);
        assert_eq!(unknown.status, Status::NotProven);
        let without = verdict(&reply(200, &[], "ok"), Some(Dialect::None));
        assert_eq!(without.status, Status::Ok);
    }

    #[test]
    fn other_statuses_without_fields_prove_nothing() {
        let verdict = verdict(&reply(418, &[], "teapot"), None);
        assert_eq!(verdict.status, Status::NotProven);
    }

    #[test]
    fn refusal_of_the_policy_asks_for_another_path() {
        for status in [401, 403, 404] {
            let verdict = verdict(&reply(status, &[], r#"{"message":"x"}"#), None);
            assert_eq!(verdict.status, Status::NotProven, "{status}");
            assert!(verdict.fix.unwrap().contains("--path"));
        }
    }

    #[test]
    fn failures_of_authorizer_store_and_backend_are_named() {
        for (status, body, expected, text) in [
            (
                500,
                r#"{"message":"x"}"#,
                Status::Failed,
                "the authorizer failed",
            ),
            (
                503,
                r#"{"message":"x"}"#,
                Status::Failed,
                "no response from the backend",
            ),
            (
                429,
                r#"{"message":"x"}"#,
                Status::NotProven,
                "throttled the stage",
            ),
            (
                503,
                r#"{"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"}"#,
                Status::Failed,
                "the store did not decide",
            ),
            (
                429,
                r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"}"#,
                Status::Failed,
                "first call of a new key",
            ),
        ] {
            let verdict = verdict(&reply(status, &[], body), None);
            assert_eq!(verdict.status, expected, "{status} {body}");
            assert!(verdict.details[0].contains(text), "{verdict:?}");
        }
        let failing = verdict(&reply(502, &FIELDS, "bad gateway"), None);
        assert_eq!(failing.status, Status::Warning);
    }
}
