//! The public health route.

use super::context::Requests;
use super::refused::either;
use super::reply::{Reply, Sender};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "health-answers",
    group: Group::Requests,
    title: "GET /health returns success and the security headers",
    explanation: "With `PublicHealth=true`, `GET /health` reaches the backend without credentials. \
                  Uptime monitors and the daily health request of the stack call it. The headers \
                  show that the response mappings of public routes are in place.",
    fix: "Let a service behind the load balancer respond to `GET /health`, or deploy with \
          PublicHealth=false. If headers are missing, deploy the stack again.",
    permissions: &[],
    evidence: Some("CORS with `AllowedOrigins`, and security headers"),
};

pub(super) const ENTRY: Entry<Requests> = Entry {
    check: &CHECK,
    run: |requests| Box::pin(async { Ok(either(check(requests).await)) }),
};

const PATH: &str = "/health";
/// The headers of each response, with their values.
const HEADERS: [(&str, Option<&str>); 4] = [
    ("x-request-id", None),
    ("strict-transport-security", Some("max-age=31536000")),
    ("x-content-type-options", Some("nosniff")),
    ("x-frame-options", Some("DENY")),
];

async fn check(requests: &Requests) -> Result<Verdict, Verdict> {
    let is_public = match &requests.stack {
        Some(stack) => Some(stack.expected("HealthRoute")?.is_some()),
        None => None,
    };
    if is_public == Some(false) {
        return Ok(Verdict::not_applicable(
            "the stack has no public GET /health",
        ));
    }
    let reply = requests.call("GET", PATH, &[], "without a key").await?;
    Ok(verdict(&reply, is_public == Some(true)))
}

/// Decides on a response. `is_public` is true if the stack has the public route.
fn verdict(reply: &Reply, is_public: bool) -> Verdict {
    let summary = reply.summary();
    let is_refusal = reply.sender() == Sender::Gateway && matches!(reply.status, 401 | 403 | 404);
    if is_refusal && !is_public {
        return Verdict::not_applicable(format!("{summary}: the API has no public GET /health"));
    }
    if !matches!(reply.status, 200..=299) {
        return Verdict::failed(format!("{summary}, expected 200 to 299"));
    }

    let problems = HEADERS.iter().filter_map(|(name, expected)| {
        let found = reply.header(name);
        match (found.as_deref(), expected) {
            (None, _) => Some(format!("{summary} without {name}")),
            (Some(value), Some(expected)) if value != *expected => Some(format!(
                "{summary} with {name}: {value}, expected {expected}"
            )),
            _ => None,
        }
    });
    Verdict::of_problems(problems.collect(), summary.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    const ALL: [(&str, &str); 4] = [
        ("x-request-id", "r1"),
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ];

    #[test]
    fn success_with_all_headers_passes() {
        assert_eq!(verdict(&reply(204, &ALL, ""), true).status, Status::Ok);
    }

    #[test]
    fn each_missing_or_different_header_is_named() {
        let headers = [ALL[0], ("x-frame-options", "SAMEORIGIN")];
        let failed = verdict(&reply(200, &headers, ""), true);
        assert_eq!(
            failed.details,
            [
                "GET / returned 200 without strict-transport-security",
                "GET / returned 200 without x-content-type-options",
                "GET / returned 200 with x-frame-options: SAMEORIGIN, expected DENY",
            ]
        );
    }

    #[test]
    fn failing_backend_fails() {
        assert_eq!(verdict(&reply(502, &ALL, ""), true).status, Status::Failed);
        let missing = reply(404, &ALL, r#"{"message":"no such page"}"#);
        assert_eq!(verdict(&missing, false).status, Status::Failed);
    }

    #[test]
    fn protected_path_is_only_a_failure_if_the_stack_makes_it_public() {
        let refused = reply(401, &[], r#"{"message":"Unauthorized"}"#);
        assert_eq!(verdict(&refused, true).status, Status::Failed);
        assert_eq!(verdict(&refused, false).status, Status::NotApplicable);
    }
}
