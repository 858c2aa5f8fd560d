//! Commands against a server that is not Tollgate, such as a sign-in page in front of a wrong URL.

use serde_json::json;
use testing::{HttpReply, HttpServer};

use crate::operator::failure;
use crate::program::run;

/// Every command that changes something, with the route of its request.
const CHANGES: &[(&str, &[&str])] = &[
    (
        "DELETE /_tollgate/v1/plans/gold",
        &["plans", "delete", "gold", "--yes"],
    ),
    (
        "PUT /_tollgate/v1/plans/gold",
        &["plans", "create", "gold", "--quota", "day=1"],
    ),
    (
        "DELETE /_tollgate/v1/policies/main",
        &["policies", "delete", "main", "--yes"],
    ),
    (
        "DELETE /_tollgate/v1/policies/main/candidate",
        &["policies", "candidate", "delete", "main", "--yes"],
    ),
    (
        "POST /_tollgate/v1/policies/main/promote",
        &["policies", "promote", "main"],
    ),
    (
        "PUT /_tollgate/v1/blocks/key/acme",
        &["blocks", "set", "key", "acme", "--until", "1h"],
    ),
    (
        "DELETE /_tollgate/v1/blocks/key/acme",
        &["blocks", "delete", "key", "acme", "--yes"],
    ),
    (
        "GET /_tollgate/v1/plans/gold",
        &["plans", "disable", "gold"],
    ),
    ("GET /_tollgate/v1/plans/gold", &["plans", "get", "gold"]),
    (
        "GET /_tollgate/v1/blocks/key/acme",
        &["blocks", "get", "key", "acme"],
    ),
];

/// Asserts that no command reports success after this response.
#[track_caller]
fn assert_no_success(reply: &HttpReply) {
    for (route, arguments) in CHANGES {
        let server = HttpServer::start();
        server.reply(route, reply.clone());
        let mut all = arguments.to_vec();
        let url = server.url();
        all.extend(["--url", &url]);
        let error = failure(&run(&all), 2);
        assert!(error.contains("is it Tollgate?"), "{arguments:?}: {error}");
    }
}

#[test]
fn page_in_html_is_no_success() {
    assert_no_success(&HttpReply::text(200, "text/html", "<html>Sign in</html>"));
}

#[test]
fn problem_document_with_status_200_is_no_success() {
    let problem =
        json!({"title": "Not Found", "status": 404, "detail": "The plan does not exist."});
    assert_no_success(&HttpReply::text(
        200,
        "application/problem+json",
        &problem.to_string(),
    ));
}

#[test]
fn json_of_another_service_is_no_success_of_a_block() {
    let server = HttpServer::start();
    let other = json!({"kind": "key", "target": "another", "until": null});
    for reply in [json!({"ok": true}), other, json!([])] {
        server.reply(
            "PUT /_tollgate/v1/blocks/key/acme",
            HttpReply::json(200, &reply),
        );
        let error = failure(
            &run(&["blocks", "set", "key", "acme", "--url", &server.url()]),
            2,
        );
        assert!(error.contains("is it Tollgate?"), "{error}");
    }
}

#[test]
fn change_is_not_sent_without_an_entity_tag() {
    let server = HttpServer::start();
    server.reply(
        "GET /_tollgate/v1/plans/gold",
        HttpReply::json(200, &json!({})),
    );
    server.reply(
        "PUT /_tollgate/v1/plans/gold",
        HttpReply::json(200, &json!({})),
    );

    for command in [
        &["plans", "disable", "gold"][..],
        &["plans", "get", "gold", "--etag"],
    ] {
        let mut all = command.to_vec();
        let url = server.url();
        all.extend(["--url", &url]);
        let error = failure(&run(&all), 2);
        assert!(error.contains("`ETag` is missing"), "{error}");
    }
    let methods: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect();
    assert_eq!(methods, ["GET", "GET"]);
}
