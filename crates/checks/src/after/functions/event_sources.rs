//! The queue that invokes the metrics publisher.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::comparison::{is_arn_of, is_known, is_same, plain, resource_of_arn};

const CHECK: Check = Check {
    id: "event-sources",
    group: Group::Functions,
    title: "The queue of call records invokes the metrics publisher",
    explanation: "With `CreateMetricsQueue`, other services send call records to a queue, and an \
                  event source mapping invokes the metrics publisher. If the mapping is disabled, \
                  messages are deleted after the retention period of the queue, and their metrics \
                  are lost.",
    fix: "Enable the event source mapping in Lambda. If the last result is a problem, read the log \
          of the metrics publisher.",
    permissions: &["lambda:GetEventSourceMapping", "cloudformation:GetTemplate"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const MAPPING: &str = "MetricsQueueMapping";

/// The settings that are compared: their places in the template and in the response.
const SETTINGS: [&str; 4] = [
    "/BatchSize",
    "/MaximumBatchingWindowInSeconds",
    "/FunctionResponseTypes",
    "/ScalingConfig/MaximumConcurrency",
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(mapping) = stack.resource(MAPPING) else {
        return Ok(Verdict::not_applicable(
            "the stack has no queue for call records",
        ));
    };
    let path = path(&["2015-03-31", "event-source-mappings", &mapping.id]);
    let call = Call::get(Service::Lambda, "GetEventSourceMapping", &path);
    let subject = format!("event source mapping {}", mapping.id);

    let mut findings = Findings::default();
    if let Some(found) = findings.take(&subject, stack.account().read(&call).await) {
        findings.fact(format!("{subject} is enabled"));
        state(&subject, &found, &mut findings);
        let expected = stack.expected(MAPPING);
        if let Some(Some(expected)) = findings.take("the template", expected) {
            ends(stack, &subject, &expected, &found, &mut findings);
            settings(&subject, &expected, &found, &mut findings);
        }
    }
    Ok(findings.into_verdict())
}

fn state(subject: &str, found: &Value, findings: &mut Findings) {
    let state = text(&found["State"]);
    if state != "Enabled" {
        findings.problem(format!("{subject} is {state}, expected Enabled"));
    }
    // Mappings of queues often have no last result.
    let result = text(&found["LastProcessingResult"]);
    if result.starts_with("PROBLEM") {
        findings.problem(format!("{subject}: the last result is `{result}`"));
    }
}

/// Compares the queue and the function.
fn ends(stack: &Stack, subject: &str, expected: &Value, found: &Value, findings: &mut Findings) {
    let queue = resource_of_arn(stack, &expected["EventSourceArn"]);
    let function = expected["FunctionName"].as_str();
    for (field, id) in [("EventSourceArn", queue), ("FunctionArn", function)] {
        let actual = text(&found[field]);
        match id {
            None => findings.unproven(format!("{subject}: the expected {field} is not known")),
            Some(id) if !is_arn_of(actual, id) => findings.problem(format!(
                "{subject}: {field} is {actual}, expected that of {id}"
            )),
            Some(_) => {}
        }
    }
}

fn settings(subject: &str, expected: &Value, found: &Value, findings: &mut Findings) {
    for place in SETTINGS {
        let Some(expected) = expected.pointer(place).filter(|value| is_known(value)) else {
            continue;
        };
        let actual = found.pointer(place).unwrap_or(&Value::Null);
        if !is_same(expected, actual) {
            findings.problem(format!(
                "{subject}: {} is {}, expected {}",
                &place[1..],
                plain(actual),
                plain(expected)
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ANSWER: &str = "lambda.GET@event-source-mappings.json";
    const NAME: &str = "event source mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn changed(from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(ANSWER, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn enabled_mapping_passes() {
        let expected = Verdict::ok(format!("{NAME} is enabled"));
        assert_eq!(verdict(Recorded::healthy()).await, expected);
    }

    #[tokio::test]
    async fn disabled_mapping_fails() {
        assert_eq!(
            changed("\"Enabled\"", "\"Disabled\"").await,
            Verdict::failed(format!("{NAME} is Disabled, expected Enabled"))
        );
    }

    #[tokio::test]
    async fn failing_function_fails() {
        let result = "\"Enabled\", \"LastProcessingResult\": \"PROBLEM: Function call failed\"";
        assert_eq!(
            changed("\"Enabled\"", result).await,
            Verdict::failed(format!(
                "{NAME}: the last result is `PROBLEM: Function call failed`"
            ))
        );
    }

    #[tokio::test]
    async fn other_queue_and_function_fail() {
        let verdict = changed("tollgate-Metrics", "other-Metrics").await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details.len(), 2);
        assert_eq!(
            verdict.details[0],
            format!(
                "{NAME}: EventSourceArn is \
                 arn:aws:sqs:eu-west-1:111122223333:other-MetricsQueue-AbCdEfGh, expected \
                 that of \
                 https://sqs.eu-west-1.amazonaws.com/111122223333/tollgate-MetricsQueue-AbCdEfGh"
            )
        );
    }

    #[tokio::test]
    async fn changed_setting_fails() {
        assert_eq!(
            changed("\"BatchSize\": 1000", "\"BatchSize\": 10").await,
            Verdict::failed(format!("{NAME}: BatchSize is 10, expected 1000"))
        );
        let verdict = changed("ReportBatchItemFailures", "Other").await;
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn deleted_mapping_fails() {
        let verdict = verdict(Recorded::healthy().missing(ANSWER)).await;
        assert_eq!(verdict, Verdict::failed(format!("{NAME} does not exist")));
    }

    #[tokio::test]
    async fn stack_without_a_queue_has_no_mapping() {
        let recorded = Recorded::healthy().with("cloudformation.ListStackResources.xml", |text| {
            text.replace(">MetricsQueueMapping<", ">Other<")
        });
        assert_eq!(verdict(recorded).await.status, Status::NotApplicable);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(ANSWER)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(verdict.details, ["needs lambda:GetEventSourceMapping"]);
    }
}
