//! Tests of all groups with the other kinds of deployments.

use crate::tests::recorded::Recorded;
use crate::verdict::{Status, Verdict};

use super::entries;

/// Lookups in DNS depend on the machine.
const WITH_DNS: [&str; 2] = ["nlb-targets-current", "domain-mapping"];

/// Returns the checks that found something that is not fine, with their details.
async fn not_fine(recorded: Recorded, api: Option<&str>) -> Vec<String> {
    let mut stack = recorded.stack().await;
    if let Some(id) = api {
        stack = stack.with_api(id);
    }

    let mut found = Vec::new();
    for entry in entries().filter(|entry| !WITH_DNS.contains(&entry.check.id)) {
        let verdict: Verdict = (entry.run)(&stack).await.unwrap_or_else(Into::into);
        if !matches!(verdict.status, Status::Ok | Status::NotApplicable) {
            let id = entry.check.id;
            found.push(format!(
                "{id} {}: {:?}",
                verdict.status.name(),
                verdict.details
            ));
        }
    }
    found
}

#[tokio::test]
async fn healthy_stack_has_nothing_to_report() {
    let found = not_fine(Recorded::healthy(), None).await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn attached_stack_has_nothing_to_report() {
    let found = not_fine(Recorded::attached(), None).await;
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn stack_without_an_api_cannot_show_that_functions_respond_with_429() {
    let found = not_fine(Recorded::defined(), Some("s1a2m3a4p5")).await;
    let ids: Vec<&str> = found
        .iter()
        .map(|it| it.split(':').next().unwrap())
        .collect();
    assert_eq!(ids, ["integration-target not_proven"], "{found:#?}");
}

#[tokio::test]
async fn rest_api_cannot_show_the_forwarded_path() {
    let found = not_fine(Recorded::rest(), None).await;
    let ids: Vec<&str> = found
        .iter()
        .map(|it| it.split(':').next().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["path-forwarded not_proven", "function-errors not_proven"],
        "{found:#?}"
    );
}
