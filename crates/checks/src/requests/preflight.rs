//! CORS preflight requests.

use super::context::Requests;
use super::refused::either;
use super::reply::Reply;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "preflight-answers",
    group: Group::Requests,
    title: "Browsers may call the API from allowed origins only",
    explanation: "With `AllowedOrigins`, API Gateway responds to CORS preflight requests. The check \
                  sends one of the first allowed origin and one of another origin. A preflight \
                  request has no key. If a route with the authorizer matched it, browsers could not \
                  call the API at all.",
    fix: "Compare AllowedOrigins with the origin of your page: scheme, host and port must be equal. \
          Look for routes for ANY or OPTIONS that the template does not have.",
    permissions: &[],
    evidence: Some("CORS with `AllowedOrigins`, and security headers"),
};

pub(super) const ENTRY: Entry<Requests> = Entry {
    check: &CHECK,
    run: |requests| Box::pin(async { Ok(either(check(requests).await)) }),
};

const OTHER_ORIGIN: &str = "https://check.invalid";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ANY_ORIGIN: &str = "*";

async fn check(requests: &Requests) -> Result<Verdict, Verdict> {
    let Some(stack) = &requests.stack else {
        return Ok(Verdict::not_applicable(
            "the allowed origins are known with --stack only",
        ));
    };
    let origins = stack.parameter("AllowedOrigins");
    let origins: Vec<&str> = origins.split(',').map(str::trim).collect();
    let Some(origin) = origins.first().filter(|origin| !origin.is_empty()) else {
        return Ok(Verdict::not_applicable("the stack has no AllowedOrigins"));
    };

    let allowed = preflight(requests, origin).await?;
    let mut problems = problems_of_allowed(&allowed, origin);
    if !origins.contains(&ANY_ORIGIN) {
        let other = preflight(requests, OTHER_ORIGIN).await?;
        problems.extend(problem_of_other(&other));
    }
    Ok(Verdict::of_problems(
        problems,
        format!("{}, and other origins are not allowed", allowed.summary()),
    ))
}

async fn preflight(requests: &Requests, origin: &str) -> Result<Reply, Verdict> {
    let path = &requests.options.path;
    let key_header = requests.key_header();
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", key_header.as_str()),
    ];
    let what = format!("from {origin}");
    Ok(requests.call("OPTIONS", path, &headers, &what).await?)
}

fn problems_of_allowed(reply: &Reply, origin: &str) -> Vec<String> {
    let summary = reply.summary();
    let mut problems = Vec::new();
    if !matches!(reply.status, 200..=299) {
        problems.push(format!("{summary}, expected 204"));
    }
    let allowed = reply.header(ALLOW_ORIGIN).unwrap_or_default();
    if allowed != origin && allowed != ANY_ORIGIN {
        problems.push(format!(
            "{summary} with {ALLOW_ORIGIN}: `{allowed}`, expected `{origin}`"
        ));
    }
    let methods = reply
        .header("access-control-allow-methods")
        .unwrap_or_default();
    if !methods
        .split(',')
        .any(|it| matches!(it.trim(), "GET" | "*"))
    {
        problems.push(format!(
            "{summary} with access-control-allow-methods: `{methods}`, expected `GET` in it"
        ));
    }
    problems
}

fn problem_of_other(reply: &Reply) -> Option<String> {
    let allowed = reply.header(ALLOW_ORIGIN)?;
    let is_allowed = allowed == OTHER_ORIGIN || allowed == ANY_ORIGIN;
    is_allowed.then(|| {
        format!(
            "{} with {ALLOW_ORIGIN}: `{allowed}`, although AllowedOrigins lacks it",
            reply.summary()
        )
    })
}

#[cfg(test)]
mod tests {
    use testing::HttpReply;

    use super::*;
    use crate::requests::RequestOptions;
    use crate::tests::fake_api::FakeApi;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    async fn verdict(parameter: &str, allowed: &'static [&'static str]) -> Verdict {
        let api = FakeApi::changed(move |request, reply| {
            let origin = request.headers.get("origin").cloned().unwrap_or_default();
            if request.method != "OPTIONS" {
                return reply;
            }
            let reply = HttpReply::text(204, "text/plain", "");
            if allowed.contains(&&*origin) {
                reply
                    .header(ALLOW_ORIGIN, &origin)
                    .header("access-control-allow-methods", "GET, HEAD")
            } else {
                reply
            }
        });
        let stack = Recorded::healthy().with_parameter("AllowedOrigins", parameter);
        let stack = Some(stack.stack().await);
        let requests = api.requests_of(RequestOptions::default(), stack).await;
        check(&requests).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_allowed_origin_passes() {
        let passed = verdict(
            "https://a.example,https://b.example",
            &["https://a.example"],
        )
        .await;
        assert_eq!(passed.status, Status::Ok, "{passed:?}");
    }

    #[tokio::test]
    async fn origin_that_is_not_allowed_fails() {
        let failed = verdict("https://a.example", &[]).await;
        assert_eq!(failed.status, Status::Failed);
        assert!(
            failed.details[0].contains("expected `https://a.example`"),
            "{failed:?}"
        );
    }

    #[tokio::test]
    async fn other_origin_that_is_allowed_fails() {
        let failed = verdict("https://a.example", &["https://a.example", OTHER_ORIGIN]).await;
        assert!(
            failed.details[0].contains("AllowedOrigins lacks it"),
            "{failed:?}"
        );
    }

    #[tokio::test]
    async fn stack_without_origins_is_not_checked() {
        assert_eq!(verdict("", &[]).await.status, Status::NotApplicable);
    }
}
