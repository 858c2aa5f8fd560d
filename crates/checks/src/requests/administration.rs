//! The admin API, for requests that must not reach it.

use super::context::Requests;
use super::refused::either;
use super::reply::Reply;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "administration-closed",
    group: Group::Requests,
    title: "The admin API refuses requests of strangers",
    explanation: "The check reads plans, keys and the audit records without a signature. API \
                  Gateway must refuse it, because IAM is the only protection of the admin API. A \
                  local gateway needs no signature. It must refuse requests of web pages and of \
                  other hosts instead.",
    fix: "Set the authorization of the route `ANY /_tollgate/v1/{proxy+}` to AWS_IAM, and look for \
          other routes to the limiter. Then read the audit records for changes by strangers.",
    permissions: &[],
    evidence: Some("A caller without `execute-api:Invoke` cannot use the admin API"),
};

pub(super) const ENTRY: Entry<Requests> = Entry {
    check: &CHECK,
    run: |requests| Box::pin(async { Ok(either(check(requests).await)) }),
};

const UNSIGNED: &str = "without a signature";
/// Lists of the admin API.
const PATHS: [&str; 3] = [
    "/_tollgate/v1/plans",
    "/_tollgate/v1/keys",
    "/_tollgate/v1/audit",
];
/// Other spellings of the path of a list. They may be paths of the backend.
const OTHER_SPELLINGS: [&str; 3] = [
    "/_tollgate/v1/plans/",
    "//_tollgate/v1/plans",
    "/%5Ftollgate/v1/plans",
];

async fn check(requests: &Requests) -> Result<Verdict, Verdict> {
    let mut replies = Vec::new();
    if requests.is_local() {
        let origin = [("origin", "https://check.invalid")];
        let site = [("sec-fetch-site", "cross-site")];
        let host = [("host", "check.invalid")];
        for (headers, what) in [
            (origin, "for a page of another origin"),
            (site, "for a page of another site"),
            (host, "with another host"),
        ] {
            replies.push(requests.call("GET", PATHS[0], &headers, what).await?);
        }
    } else {
        for path in PATHS {
            replies.push(requests.call("GET", path, &[], UNSIGNED).await?);
        }
    }

    let mut others = Vec::new();
    for path in OTHER_SPELLINGS.iter().filter(|_| !requests.is_local()) {
        others.push(requests.call("GET", path, &[], UNSIGNED).await?);
    }
    Ok(verdict(&replies, &others))
}

/// Decides on the responses to requests of the admin API, and of other spellings of its paths.
fn verdict(replies: &[Reply], others: &[Reply]) -> Verdict {
    let served = replies.iter().filter(|reply| is_served(reply));
    let served = served.chain(others.iter().filter(|reply| is_list(reply)));
    let problems: Vec<String> = served
        .map(|reply| format!("{}, expected 403", reply.summary()))
        .collect();

    match replies.first() {
        Some(first) if problems.is_empty() && first.status == 404 => {
            Verdict::not_proven(format!("{}: no admin API is there", first.summary()))
                .with_fix("Give the URL of the API that has the route of the admin API.")
        }
        _ => Verdict::of_problems(
            problems,
            format!("{} requests were refused", replies.len() + others.len()),
        ),
    }
}

/// True if a response is neither a refusal nor the absence of the path. An internal error shows that
/// the request has reached a function.
fn is_served(reply: &Reply) -> bool {
    !matches!(reply.status, 400 | 401 | 403 | 404)
}

/// True if a response is a list of the admin API.
fn is_list(reply: &Reply) -> bool {
    let body = reply.json();
    body["items"].is_array() && body.get("next_cursor").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::reply::tests::reply;
    use crate::verdict::Status;

    #[test]
    fn refusals_pass() {
        let forbidden = reply(403, &[], r#"{"message":"Forbidden"}"#);
        let missing = reply(404, &[], r#"{"message":"Not Found"}"#);
        assert_eq!(verdict(&[forbidden], &[missing]).status, Status::Ok);
    }

    #[test]
    fn each_served_request_is_named() {
        let forbidden = reply(403, &[], r#"{"message":"Forbidden"}"#);
        let served = reply(200, &[], r#"{"items":[]}"#);
        let failing = reply(500, &[], "");
        let failed = verdict(&[forbidden, served, failing], &[]);
        assert_eq!(
            failed.details,
            [
                "GET / returned 200, expected 403",
                "GET / returned 500, expected 403"
            ]
        );
    }

    #[test]
    fn other_spelling_fails_only_with_a_list_of_the_api() {
        let forbidden = [reply(403, &[], r#"{"message":"Forbidden"}"#)];
        let of_backend = reply(200, &[], "welcome");
        assert_eq!(verdict(&forbidden, &[of_backend]).status, Status::Ok);
        let list = reply(200, &[], r#"{"items":[],"next_cursor":null}"#);
        assert_eq!(verdict(&forbidden, &[list]).status, Status::Failed);
    }

    #[test]
    fn api_without_an_admin_api_proves_nothing() {
        let missing = reply(404, &[], r#"{"message":"Not Found"}"#);
        assert_eq!(verdict(&[missing], &[]).status, Status::NotProven);
    }
}
