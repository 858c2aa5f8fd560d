//! Runs of all checks against an API that has one fault.

use std::time::Duration;

use http::Method;
use serde_json::json;
use testing::{HttpReply, HttpRequest};
use tokio::time::Instant;

use super::*;
use crate::selection::Selection;
use crate::tests::fake_api::{FakeApi, Faults};
use crate::verdict::{Outcome, Status, Verdict};

/// Selects the headers that reach the backend.
type Passes = fn(&str) -> bool;

const LIMIT: Duration = Duration::from_secs(60);

fn echo_options() -> RequestOptions {
    RequestOptions {
        echo: Some("/echo".to_owned()),
        ..RequestOptions::default()
    }
}

async fn outcomes_of(api: &FakeApi, options: RequestOptions, only: &[&str]) -> Vec<Outcome> {
    let only = only.iter().map(|id| (*id).to_owned()).collect();
    let selection = Selection::new(only, Vec::new()).unwrap();
    let requests = api.requests(options).await;
    run(&requests, &selection, Instant::now() + LIMIT).await
}

async fn verdict_of(api: &FakeApi, id: &str) -> Verdict {
    let outcomes = outcomes_of(api, echo_options(), &[id]).await;
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes[0].verdict.clone()
}

async fn assert_failed(api: &FakeApi, id: &str, text: &str) {
    let verdict = verdict_of(api, id).await;
    assert_eq!(verdict.status, Status::Failed, "{verdict:?}");
    assert!(verdict.details.join("\n").contains(text), "{verdict:?}");
}

/// True for a call of a route with a key.
fn has_key(request: &HttpRequest) -> bool {
    request.headers.contains_key("x-api-key")
}

#[tokio::test]
async fn all_checks_pass_on_a_healthy_api() {
    let api = FakeApi::healthy();
    let outcomes = outcomes_of(&api, echo_options(), &["requests"]).await;
    let expected: Vec<&str> = checks().map(|check| check.id).collect();
    let ids: Vec<&str> = outcomes.iter().map(|it| it.check.id).collect();
    assert_eq!(ids, expected);

    for Outcome { check, verdict } in &outcomes {
        let is_fine = matches!(verdict.status, Status::Ok | Status::NotApplicable);
        assert!(is_fine, "{}: {verdict:?}", check.id);
    }
    assert_eq!(api.objects(), Vec::<String>::new());
}

#[tokio::test]
async fn secret_of_the_key_is_only_in_the_key_header() {
    let api = FakeApi::healthy();
    let outcomes = outcomes_of(&api, echo_options(), &["requests"]).await;
    let received = api.received();
    let secret = received
        .iter()
        .filter(|it| it.target == "/" && has_key(it))
        .find_map(|it| it.headers.get("x-api-key").filter(|it| !it.is_empty()))
        .unwrap();

    assert!(!format!("{outcomes:?}").contains(secret.as_str()));
    for request in &received {
        assert!(!request.target.contains(secret.as_str()));
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains(secret.as_str()), "{}", request.target);
    }
}

#[tokio::test]
async fn checks_without_a_key_make_none() {
    let api = FakeApi::healthy();
    let only = ["missing-key-refused", "administration-closed"];
    outcomes_of(&api, RequestOptions::default(), &only).await;
    let is_write = |request: &HttpRequest| request.method != Method::GET.as_str();
    assert!(!api.received().iter().any(is_write));
}

#[tokio::test]
async fn without_an_echo_route_nothing_is_claimed() {
    let api = FakeApi::healthy();
    let only = ["spoofed-identity-removed", "paths-decoded"];
    for outcome in outcomes_of(&api, RequestOptions::default(), &only).await {
        assert_eq!(outcome.verdict.status, Status::NotProven, "{outcome:?}");
        assert!(outcome.fix().unwrap().contains("--echo"), "{outcome:?}");
    }
}

#[tokio::test]
async fn route_that_is_no_echo_proves_nothing() {
    let api = FakeApi::changed(|request, reply| match request.target.as_str() {
        target if target.starts_with("/echo") && has_key(request) => {
            HttpReply::json(200, &json!({"hello": "world"}))
        }
        _ => reply,
    });
    let verdict = verdict_of(&api, "spoofed-identity-removed").await;
    assert_eq!(verdict.status, Status::NotProven);
    assert!(verdict.details[0].contains("not an echo"), "{verdict:?}");
}

#[tokio::test]
async fn key_that_the_policy_refuses_proves_nothing_of_the_others() {
    let api = FakeApi::changed(|request, reply| match request.target.as_str() {
        "/" if has_key(request) => HttpReply::json(403, &json!({"message": "Forbidden"})),
        _ => reply,
    });
    let with_key = KEY_CHECKS.iter().map(|entry| entry.check.id);
    // Without a stack, the logs are not known.
    let only: Vec<&str> = with_key.filter(|id| *id != "access-log-line").collect();
    let options = RequestOptions {
        composition: Some("/bff/me".to_owned()),
        ..echo_options()
    };
    for outcome in outcomes_of(&api, options, &only).await {
        assert_eq!(outcome.verdict.status, Status::NotProven, "{outcome:?}");
    }
    assert_eq!(api.objects(), Vec::<String>::new());
}

#[tokio::test]
async fn composition_is_called_within_its_limit_and_over_it() {
    let with = |complete: Option<&'static str>| {
        FakeApi::changed(move |request, reply| {
            let is_composed = request.target.starts_with("/bff/") && reply.status() == 200;
            let missing = json!([{"part": "orders", "reason": "timeout"}]);
            let body = json!({"_metadata": {"missing": missing}});
            match complete {
                Some(complete) if is_composed => {
                    HttpReply::json(200, &body).header("x-tollgate-complete", complete)
                }
                _ => reply,
            }
        })
    };
    let only = ["composition-complete", "composition-throttled"];
    for (complete, expected) in [
        (Some("true"), [Status::Ok, Status::Ok]),
        (Some("false"), [Status::Warning, Status::Ok]),
        (None, [Status::Failed, Status::Ok]),
    ] {
        let options = RequestOptions {
            composition: Some("/bff/me".to_owned()),
            ..RequestOptions::default()
        };
        let outcomes = outcomes_of(&with(complete), options, &only).await;
        let found: Vec<_> = outcomes.iter().map(|it| it.verdict.status).collect();
        assert_eq!(found, expected, "{complete:?}: {outcomes:#?}");
    }

    let api = with(None);
    for outcome in outcomes_of(&api, RequestOptions::default(), &only).await {
        assert_eq!(outcome.verdict.status, Status::NotApplicable, "{outcome:?}");
    }
}

#[tokio::test]
async fn missing_listener_rule_fails() {
    let faults = || Faults {
        lacks_rule: true,
        ..Faults::default()
    };
    let api = FakeApi::with(faults());
    assert_failed(&api, "third-call-throttled", "3 of 3 calls within").await;
    let verdict = verdict_of(&FakeApi::with(faults()), "admitted-after-retry").await;
    assert_eq!(verdict.status, Status::NotProven);
}

#[tokio::test]
async fn limit_that_is_four_times_too_high_fails() {
    let api = FakeApi::with(Faults {
        extra_burst: 6,
        ..Faults::default()
    });
    assert_failed(&api, "third-call-throttled", "3 of 3 calls within").await;
}

#[tokio::test]
async fn client_that_is_throttled_after_retry_after_fails() {
    let api = FakeApi::changed(|request, reply| {
        // Every call after the first is throttled.
        let is_first = request.headers.contains_key("x-request-id");
        if !has_key(request) || is_first {
            return reply;
        }
        let quota = json!({"type": problem::QUOTA_EXCEEDED});
        HttpReply::json(429, &quota).header("retry-after", "1")
    });
    assert_failed(&api, "admitted-after-retry", "returned 429 after 1 s").await;
}

#[tokio::test]
async fn request_id_of_the_client_in_the_response_fails() {
    let api = FakeApi::changed(|request, reply| match request.headers.get("x-request-id") {
        Some(id) => HttpReply::json(200, &json!({})).header("x-request-id", id),
        None => reply,
    });
    assert_failed(&api, "request-id-returned", "that the client sent").await;
}

#[tokio::test]
async fn wrong_key_that_gets_500_or_is_admitted_fails() {
    for (status, body) in [
        (500, json!({"message": "Internal Server Error"})),
        (200, json!({})),
    ] {
        let api = FakeApi::changed(move |request, reply| match has_key(request) {
            true => HttpReply::json(status, &body),
            false => reply,
        });
        let text = format!("with a wrong key returned {status}");
        assert_failed(&api, "wrong-key-refused", &text).await;
        let text = format!("with an empty key returned {status}");
        assert_failed(&api, "missing-key-refused", &text).await;
    }
}

#[tokio::test]
async fn identity_that_arrives_fails_in_each_spelling() {
    let spellings: [(Passes, &str); 5] = [
        (|name| name == "x-tollgate-user-id", "x-tollgate-user-id of"),
        (|name| name == "X-TOLLGATE-PLAN", "X-TOLLGATE-PLAN of"),
        (
            |name| name.starts_with("x_tollgate_"),
            "x_tollgate_decision, ",
        ),
        (
            |name| name.starts_with("x-tollgate_"),
            "x-tollgate_decision, ",
        ),
        (
            |name| name.starts_with("x_tollgate-"),
            "x_tollgate-decision, ",
        ),
    ];
    for (passes_header, names) in spellings {
        let api = FakeApi::with(Faults {
            passes_header: Some(passes_header),
            ..Faults::default()
        });
        let text = format!("the backend received {names}");
        assert_failed(&api, "spoofed-identity-removed", &text).await;
    }
}

#[tokio::test]
async fn page_that_repeats_only_some_headers_proves_nothing() {
    let pages: [fn(&HttpRequest) -> String; 2] = [
        // A log of unknown headers.
        |request| {
            let lines = request.header_lines.iter();
            let unknown = lines.filter(|(name, _)| name.starts_with("x-check"));
            format!("unknown headers: {:?}", unknown.collect::<Vec<_>>())
        },
        // An echo of a fixed list.
        |request| {
            let marker = request.headers.get("x-check-marker");
            format!("x-check-marker: {marker:?}, x-tollgate-plan: free")
        },
    ];
    for page in pages {
        let api = FakeApi::changed(move |request, reply| match request.target.as_str() {
            "/echo" if has_key(request) => HttpReply::text(200, "text/plain", &page(request)),
            _ => reply,
        });
        let verdict = verdict_of(&api, "spoofed-identity-removed").await;
        assert_eq!(verdict.status, Status::NotProven, "{verdict:?}");
        let detail = &verdict.details[0];
        assert!(detail.contains("headers that the gateway sets"), "{detail}");
    }
}

#[tokio::test]
async fn identity_that_arrives_on_the_public_route_fails() {
    let api = FakeApi::changed(|request, reply| match request.method.as_str() {
        "OPTIONS" => HttpReply::json(200, &json!(request.header_lines)),
        _ => reply,
    });
    let text = "x-tollgate-origin of a client without a key";
    assert_failed(&api, "spoofed-identity-removed", text).await;
}

#[tokio::test]
async fn path_that_is_decoded_once_fails() {
    let api = FakeApi::with(Faults {
        decodes_once: true,
        ..Faults::default()
    });
    let text = "%252Fx arrives as `%2Fx`, expected `/x`";
    assert_failed(&api, "paths-decoded", text).await;
}

#[tokio::test]
async fn usage_that_differs_by_one_fails() {
    for extra_usage in [-1, 1] {
        let api = FakeApi::with(Faults {
            extra_usage,
            ..Faults::default()
        });
        assert_failed(&api, "usage-counted", "expected 1").await;
    }
}

#[tokio::test]
async fn disabled_key_that_is_still_admitted_fails() {
    let api = FakeApi::with(Faults {
        admits_disabled: true,
        ..Faults::default()
    });
    let text = "the disabled key is still admitted after 30 s";
    assert_failed(&api, "disabled-key-refused", text).await;
}

#[tokio::test]
async fn disabled_key_that_gets_500_has_the_fix_of_the_setting() {
    let api = FakeApi::changed(|request, reply| {
        // The refusal of the disabled key is the only one.
        if has_key(request) && reply.status() == 401 {
            return HttpReply::json(500, &json!({"message": "Internal Server Error"}));
        }
        reply
    });
    let verdict = verdict_of(&api, "disabled-key-refused").await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(
        verdict.details[0].contains("returned 500 after it was disabled"),
        "{verdict:?}"
    );
    assert!(verdict.fix.unwrap().contains("OnBadCredentials=forbid"));
}

#[tokio::test]
async fn open_admin_api_fails() {
    let api = FakeApi::changed(
        |request, reply| match request.headers.contains_key("origin") {
            true => HttpReply::json(200, &json!({"items": []})),
            false => reply,
        },
    );
    let text = "for a page of another origin returned 200";
    assert_failed(&api, "administration-closed", text).await;
}

#[tokio::test]
async fn missing_permission_is_not_checked_and_other_checks_run() {
    for denies in ["PUT /plans", "PUT /keys"] {
        let api = FakeApi::with(Faults {
            denies: Some(denies),
            ..Faults::default()
        });
        let only = ["key-admitted", "usage-counted", "wrong-key-refused"];
        let outcomes = outcomes_of(&api, RequestOptions::default(), &only).await;
        let statuses: Vec<Status> = outcomes.iter().map(|it| it.verdict.status).collect();
        let expected = [Status::NotChecked, Status::NotChecked, Status::Ok];
        assert_eq!(statuses, expected, "{denies}: {outcomes:?}");
        assert_eq!(api.objects(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn denied_admin_api_is_not_checked_and_leaves_nothing_to_delete() {
    let api = FakeApi::with(Faults {
        denies: Some(""),
        ..Faults::default()
    });
    let only = ["key-admitted", "usage-counted"];
    for outcome in outcomes_of(&api, RequestOptions::default(), &only).await {
        assert_eq!(outcome.verdict.status, Status::NotChecked, "{outcome:?}");
        let details = outcome.verdict.details.join("\n");
        assert!(!details.contains("could not be deleted"), "{details}");
    }
}

#[tokio::test]
async fn api_that_does_not_respond_is_one_error_without_a_clean_up() {
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let target = admin_client::TargetOptions {
        url: Some(url),
        ..admin_client::TargetOptions::default()
    };
    let client = admin_client::AdminClient::connect(&target).await.unwrap();
    let requests = Requests::new(client, RequestOptions::default(), None);
    let only = vec!["key-admitted".to_owned(), "usage-counted".to_owned()];
    let selection = Selection::new(only, Vec::new()).unwrap();

    let outcomes = run(&requests, &selection, Instant::now() + LIMIT).await;
    let statuses: Vec<Status> = outcomes.iter().map(|it| it.verdict.status).collect();
    assert_eq!(statuses, [Status::Error, Status::NotProven]);
    assert_eq!(outcomes[1].verdict.details.len(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn plan_that_cannot_be_deleted_is_a_warning() {
    // Without a stack, access-log-line is not applicable, and is printed only with the warning.
    for only in [
        &["key-admitted", "usage-counted", "access-log-line"][..],
        &["access-log-line", "usage-counted"],
        &["access-log-line"],
    ] {
        let api = FakeApi::with(Faults {
            denies: Some("DELETE"),
            ..Faults::default()
        });
        let outcomes = outcomes_of(&api, RequestOptions::default(), only).await;
        assert_eq!(outcomes[0].verdict.status, Status::Warning, "{outcomes:?}");
        let detail = &outcomes[0].verdict.details[1];
        assert!(detail.contains("could not be deleted"), "{outcomes:?}");
        let fix = outcomes[0].fix().unwrap();
        assert!(fix.contains("which deletes both"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn plan_that_was_refused_is_not_deleted() {
    for (status, is_deleted) in [(400, false), (403, false), (500, true)] {
        let api = FakeApi::changed(move |request, reply| match request.method.as_str() {
            "PUT" => HttpReply::json(status, &json!({"message": "x"})),
            _ => reply,
        });
        outcomes_of(&api, RequestOptions::default(), &["key-admitted"]).await;
        let received = api.received();
        let deletes = received.iter().filter(|it| it.method == "DELETE");
        assert_eq!(deletes.count() > 0, is_deleted, "{status}");
    }
}

#[tokio::test]
async fn only_old_objects_of_this_command_are_removed() {
    let api = FakeApi::healthy();
    let now = jiff::Timestamp::now();
    let running = format!("check-{}-01", now.strftime("%Y%m%dt%H%M%S"));
    api.add("check-20260101t000000-01", Some("check"), true);
    api.add("check-20260101t000000-02", Some("check"), false);
    api.add("check-20260101t000000-03", None, true);
    api.add("check-20260101t000000-04", Some("shop"), true);
    api.add("check-out", Some("check"), true);
    api.add(&running, Some("check"), true);

    outcomes_of(&api, RequestOptions::default(), &["key-admitted"]).await;
    let mut left = [
        "check-20260101t000000-03".to_owned(),
        "check-20260101t000000-04".to_owned(),
        running,
        "check-out".to_owned(),
    ];
    left.sort();
    let plans = left.iter().map(|name| format!("plan {name}"));
    let keys = left.iter().map(|name| format!("key {name}"));
    assert_eq!(api.objects(), plans.chain(keys).collect::<Vec<_>>());
}

#[tokio::test]
async fn interrupted_run_is_cleaned_up() {
    let api = FakeApi::healthy();
    let requests = api.requests(RequestOptions::default()).await;
    clean_up(&requests).await.unwrap();
    assert!(api.received().is_empty());

    let temporary = temporary::Temporary::make(&requests, jiff::Timestamp::now()).await;
    assert!(temporary.is_ok());
    assert_eq!(api.objects().len(), 2);
    clean_up(&requests).await.unwrap();
    assert_eq!(api.objects(), Vec::<String>::new());
}

#[tokio::test]
async fn run_without_time_makes_errors_and_leaves_nothing() {
    let api = FakeApi::healthy();
    let requests = api.requests(RequestOptions::default()).await;
    let selection = Selection::new(vec!["key-admitted".to_owned()], Vec::new()).unwrap();
    let outcomes = run(&requests, &selection, Instant::now()).await;
    assert_eq!(outcomes[0].verdict.status, Status::Error);
    assert_eq!(api.objects(), Vec::<String>::new());
}
