//! The policies and settings of the queues.

use serde_json::Value;

use crate::after::functions::comparison::{is_arn_of, is_known, is_same, plain, resource_of_arn};
use crate::after::invocation::{Invocation, permission};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::policy_document::{statements, texts};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::queue::{Queue, document, queues};
use super::rule::{Rule, rules};

const CHECK: Check = Check {
    id: "queue-policy",
    group: Group::Monitoring,
    title: "The queues accept failed events of this stack's rules, and only over TLS",
    explanation: "EventBridge drops a failed event if the policy of the dead-letter queue does not \
                  name its rule. The failure is then visible nowhere. A queue whose policy does \
                  not demand TLS accepts messages in clear text.",
    fix: "Deploy again, so that CloudFormation sets the policy of the template. If the policy was \
          changed outside the stack, restore it in SQS.",
    permissions: &["sqs:GetQueueAttributes", "events:DescribeRule"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const SERVICE: &str = "events.amazonaws.com";
const SNS: &str = "sns.amazonaws.com";
/// The services that send failed events of rules.
const RULE_SERVICES: [&str; 1] = [SERVICE];
/// The services that send call records, in the order of the template.
const RECORD_SERVICES: [&str; 2] = [SNS, SERVICE];
const ACTION: &str = "sqs:SendMessage";
/// The attributes that are equal to the properties of the template.
const SETTINGS: [&str; 4] = [
    "MessageRetentionPeriod",
    "VisibilityTimeout",
    "SqsManagedSseEnabled",
    "KmsMasterKeyId",
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let queues = queues(stack);
    if queues.is_empty() {
        return Ok(Verdict::not_applicable("the stack has no queue"));
    }

    let mut findings = Findings::default();
    for queue in &queues {
        let subject = format!("queue {}", queue.name());
        let read = queue.attributes(stack).await;
        let Some(attributes) = findings.take(&subject, read) else {
            continue;
        };
        let policy = document(&attributes, "Policy");
        if !demands_tls(&policy, text(&attributes["QueueArn"])) {
            findings.problem(format!("the policy of {subject} does not demand TLS"));
        }
        look_at_settings(stack, queue, &attributes, &mut findings);
        let (services, sources) = match queue.logical {
            "ScheduleDeadLetters" => (
                &RULE_SERVICES[..],
                look_at_rules(stack, &subject, &policy, &mut findings).await,
            ),
            _ => (
                &RECORD_SERVICES[..],
                Some(look_at_sender(stack, &subject, &policy, &mut findings)),
            ),
        };
        if let Some(sources) = sources {
            look_at_permissions(&subject, &policy, services, &sources, &mut findings);
        }
    }

    let names: Vec<&str> = queues.iter().map(Queue::name).collect();
    let names = names.join(", ");
    Ok(findings.verdict(format!(
        "the queues {names} have the policies of the template"
    )))
}

/// True if a policy denies all calls of a queue without TLS, without further conditions.
fn demands_tls(policy: &Value, queue: &str) -> bool {
    statements(policy).iter().any(|statement| {
        let principal = &statement["Principal"];
        let condition = statement["Condition"].as_object();
        let operators: Vec<_> = condition.into_iter().flatten().collect();
        let [(operator, keys)] = operators.as_slice() else {
            return false;
        };
        let keys: Vec<_> = keys.as_object().into_iter().flatten().collect();
        let is_without_tls = matches!(keys.as_slice(), [(key, value)]
            if key.eq_ignore_ascii_case("aws:SecureTransport") && plain(value) == "false");

        statement["Effect"] == "Deny"
            && (principal == "*" || texts(&principal["AWS"]).contains(&"*"))
            && texts(&statement["Action"])
                .iter()
                .any(|action| *action == "*" || action.eq_ignore_ascii_case("sqs:*"))
            && texts(&statement["Resource"])
                .iter()
                .any(|resource| *resource == "*" || *resource == queue)
            && operator.as_str() == "Bool"
            && is_without_tls
    })
}

/// Compares the settings of a queue with those of the template.
fn look_at_settings(stack: &Stack, queue: &Queue<'_>, attributes: &Value, findings: &mut Findings) {
    let name = queue.name();
    let expected = stack.expected(queue.logical);
    let Some(Some(expected)) = findings.take("the template", expected) else {
        return;
    };
    let mut compare = |field: &str, expected: &Value, actual: &Value| {
        if !expected.is_null() && is_known(expected) && !is_same(expected, actual) {
            let (actual, expected) = (plain(actual), plain(expected));
            findings.problem(format!(
                "{field} of queue {name} is {actual}, expected {expected}"
            ));
        }
    };
    for field in SETTINGS {
        compare(field, &expected[field], &attributes[field]);
    }

    let redrive = document(attributes, "RedrivePolicy");
    let wanted = &expected["RedrivePolicy"];
    compare(
        "maxReceiveCount",
        &wanted["maxReceiveCount"],
        &redrive["maxReceiveCount"],
    );
    if let Some(target) = resource_of_arn(stack, &wanted["deadLetterTargetArn"]) {
        let actual = &redrive["deadLetterTargetArn"];
        if !is_arn_of(text(actual), target) {
            let actual = plain(actual);
            findings.problem(format!(
                "the dead-letter queue of queue {name} is {actual}, expected {target}"
            ));
        }
    }
}

/// Looks for a permission for each rule. CloudFormation shortens names of rules, so the ARNs are
/// those that EventBridge returns. Returns them, if all are known.
async fn look_at_rules(
    stack: &Stack,
    subject: &str,
    policy: &Value,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let rules = findings.take("the template", rules(stack))?;
    let mut arns = Some(Vec::new());
    for name in rules.iter().filter_map(|rule| rule.name.as_deref()) {
        let description = Rule::description(stack, name).await;
        let Some(description) = findings.take(&format!("rule {name}"), description) else {
            arns = None;
            continue;
        };
        let arn = text(&description["Arn"]);
        look_at_source(subject, policy, SERVICE, arn, findings);
        if let Some(arns) = &mut arns {
            arns.push(arn.to_owned());
        }
    }
    arns
}

/// Looks for a permission for the topic or rule that sends call records. Returns it, if there is
/// one.
fn look_at_sender(
    stack: &Stack,
    subject: &str,
    policy: &Value,
    findings: &mut Findings,
) -> Vec<String> {
    let sender = stack.parameter("CreateMetricsQueue");
    if !sender.starts_with("arn:") {
        return Vec::new();
    }
    let service = if sender.split(':').nth(2) == Some("sns") {
        SNS
    } else {
        SERVICE
    };
    look_at_source(subject, policy, service, &sender, findings);
    vec![sender]
}

/// Looks for a permission for the ARN of a rule or topic.
fn look_at_source(
    subject: &str,
    policy: &Value,
    service: &str,
    arn: &str,
    findings: &mut Findings,
) {
    match permission(policy, service, ACTION, arn) {
        Invocation::Allowed | Invocation::AllowedForAllSources => {}
        Invocation::NotAllowed => findings.problem(format!(
            "the policy of {subject} does not allow {service} to send messages of {arn}"
        )),
        Invocation::Unclear => findings.unproven(format!(
            "the policy of {subject} has a condition that this check does not evaluate"
        )),
    }
}

/// Looks for permissions that the template does not ask for. `sources` are the rules and topics
/// that may send messages, through `services`.
fn look_at_permissions(
    subject: &str,
    policy: &Value,
    services: &[&str],
    sources: &[String],
    findings: &mut Findings,
) {
    let names = services.join(" and ");
    let allowing = statements(policy).iter();
    for statement in allowing.filter(|statement| statement["Effect"] == "Allow") {
        let principal = &statement["Principal"];
        let is_service = principal.as_object().is_some_and(|it| it.len() == 1)
            && texts(&principal["Service"]) == services;
        if sources.is_empty() || !is_service {
            let expected = match sources {
                [] => "no one".to_owned(),
                _ => format!("only {names}"),
            };
            let principal = if principal.is_null() {
                "NotPrincipal".to_owned()
            } else {
                principal.to_string()
            };
            findings.problem(format!(
                "the policy of {subject} admits {principal}, expected {expected}"
            ));
            continue;
        }

        let actions = texts(&statement["Action"]);
        if actions.is_empty() || !actions.iter().all(|it| it.eq_ignore_ascii_case(ACTION)) {
            let actions = plain(&statement["Action"]);
            findings.problem(format!(
                "the policy of {subject} allows {actions} to {names}, expected {ACTION}"
            ));
        }
        look_at_sources(subject, &statement["Condition"], &names, sources, findings);
    }
}

/// Looks for rules and topics in a condition that are not expected.
fn look_at_sources(
    subject: &str,
    condition: &Value,
    names: &str,
    sources: &[String],
    findings: &mut Findings,
) {
    let keys = condition.as_object().into_iter().flatten();
    let admitted: Vec<&str> = keys
        .flat_map(|(_, keys)| keys.as_object().into_iter().flatten())
        .filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
        .flat_map(|(_, value)| texts(value))
        .collect();
    if admitted.is_empty() {
        findings.problem(format!(
            "the policy of {subject} allows {names} to send messages of every rule"
        ));
    }
    for other in admitted {
        if !sources.iter().any(|source| source == other) {
            findings.problem(format!(
                "the policy of {subject} admits messages of {other}, which is no rule of this stack"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SCHEDULES: &str = "sqs.GetQueueAttributes@ScheduleDeadLetters.json";
    const METRICS: &str = "sqs.GetQueueAttributes@MetricsQueue.json";
    const DEAD_LETTERS: &str = "sqs.GetQueueAttributes@MetricsDeadLetters.json";
    const RULE: &str = "events.DescribeRule@ProbeRule.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn changed(file: &str, from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(file, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn queues_of_the_template_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn policy_that_names_another_rule_fails() {
        let verdict = changed(
            SCHEDULES,
            "tollgate-ProbeRule-AbCdEfGh",
            "tollgate-ProbeRule-X",
        )
        .await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details[..1],
            [
                "the policy of queue tollgate-ScheduleDeadLetters-AbCdEfGh does not allow \
              events.amazonaws.com to send messages of arn:aws:events:eu-west-1:111122223333:\
              rule/tollgate-ProbeRule-AbCdEfGh"
            ]
        );
    }

    #[tokio::test]
    async fn policy_for_every_rule_fails() {
        let open = Recorded::healthy().with(SCHEDULES, |text| {
            let start = text.find(", \\\"Condition\\\": {\\\"ArnEquals").unwrap();
            let end = start + text[start..].find("]}}").unwrap() + 3;
            format!("{}{}", &text[..start], &text[end..])
        });
        let verdict = verdict(open).await;
        assert_eq!(verdict.status, Status::Failed, "{:?}", verdict.details);
        assert!(verdict.details[0].ends_with("to send messages of every rule"));
    }

    #[tokio::test]
    async fn other_rules_and_actions_fail() {
        let rule = "rule/tollgate-ProbeRule-AbCdEfGh\\\"";
        let verdict = changed(SCHEDULES, rule, "rule/*\\\"").await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(
            verdict.details[0].contains("admits messages of arn:aws:events:eu-west-1"),
            "{verdict:?}"
        );
        let verdict = changed(SCHEDULES, "sqs:SendMessage", "sqs:*").await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(
            verdict.details[0].contains("allows sqs:* to events.amazonaws.com"),
            "{verdict:?}"
        );
    }

    /// A stack whose metrics queue accepts the messages of `sender`, with `allowed` in its policy.
    async fn queue_of(sender: &str, allowed: &str) -> Verdict {
        let list = "\\\"Statement\\\": [";
        let statement = format!(
            "{{\\\"Effect\\\": \\\"Allow\\\", \\\"Principal\\\": {{\\\"Service\\\": \
             [\\\"sns.amazonaws.com\\\", \\\"events.amazonaws.com\\\"]}}, \
             \\\"Action\\\": \\\"sqs:SendMessage\\\", \\\"Resource\\\": \\\"*\\\", \
             \\\"Condition\\\": {{\\\"ArnEquals\\\": {{\\\"aws:SourceArn\\\": \\\"{allowed}\\\"}}}}}}, "
        );
        let recorded = [METRICS, DEAD_LETTERS].into_iter().fold(
            Recorded::healthy().with_parameter("CreateMetricsQueue", sender),
            |recorded, file| {
                recorded.with(file, |text| {
                    text.replace(list, &format!("{list}{statement}"))
                })
            },
        );
        verdict(recorded).await
    }

    #[tokio::test]
    async fn topic_or_rule_that_sends_records_is_expected() {
        for sender in [
            "arn:aws:sns:eu-west-1:111122223333:calls",
            "arn:aws:events:eu-west-1:111122223333:rule/calls",
        ] {
            let verdict = queue_of(sender, sender).await;
            assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);

            let other = queue_of(sender, "arn:aws:sns:eu-west-1:111122223333:other").await;
            assert_eq!(other.status, Status::Failed);
            assert!(other.details[0].contains("does not allow"), "{other:?}");
        }
        let topic = "arn:aws:sns:eu-west-1:111122223333:calls";
        let unexpected = queue_of("true", topic).await;
        assert_eq!(unexpected.status, Status::Failed);
        assert!(
            unexpected.details[0].ends_with("expected no one"),
            "{unexpected:?}"
        );
    }

    #[tokio::test]
    async fn permission_for_another_queue_fails() {
        let list = "\\\"Statement\\\": [";
        let open = "{\\\"Effect\\\": \\\"Allow\\\", \\\"Principal\\\": \\\"*\\\", \
                    \\\"Action\\\": \\\"sqs:*\\\"}, ";
        let verdict = changed(METRICS, list, &format!("{list}{open}")).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["the policy of queue tollgate-MetricsQueue-AbCdEfGh admits \"*\", expected no one"]
        );
    }

    #[tokio::test]
    async fn demand_for_tls_with_further_conditions_fails() {
        for (from, to) in [
            (
                "\\\"aws:SecureTransport\\\"",
                "\\\"aws:ViaAWSService\\\": \\\"true\\\", \\\"aws:SecureTransport\\\"",
            ),
            (
                "\\\"Resource\\\": \\\"*\\\"",
                "\\\"Resource\\\": \\\"arn:aws:sqs:other\\\"",
            ),
        ] {
            let verdict = changed(METRICS, from, to).await;
            assert_eq!(verdict.status, Status::Failed, "{to}");
            assert!(verdict.details[0].ends_with("does not demand TLS"));
        }
    }

    #[tokio::test]
    async fn other_principals_fail() {
        let verdict = changed(
            SCHEDULES,
            "{\\\"Service\\\": \\\"events.amazonaws.com\\\"}",
            "\\\"*\\\"",
        )
        .await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "the policy of queue tollgate-ScheduleDeadLetters-AbCdEfGh admits \"*\", expected \
              only events.amazonaws.com"
            ]
        );
    }

    #[tokio::test]
    async fn policy_without_tls_fails() {
        let verdict = changed(METRICS, "aws:SecureTransport", "aws:Other").await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            ["the policy of queue tollgate-MetricsQueue-AbCdEfGh does not demand TLS"]
        );
    }

    #[tokio::test]
    async fn changed_settings_fail() {
        for (from, to, expected) in [
            (
                "\\\"maxReceiveCount\\\": 3",
                "\\\"maxReceiveCount\\\": 100",
                "maxReceiveCount of queue tollgate-MetricsQueue-AbCdEfGh is 100, expected 3",
            ),
            (
                "\"VisibilityTimeout\": \"180\"",
                "\"VisibilityTimeout\": \"30\"",
                "VisibilityTimeout of queue tollgate-MetricsQueue-AbCdEfGh is 30, expected 180",
            ),
            (
                "\"SqsManagedSseEnabled\": \"true\"",
                "\"SqsManagedSseEnabled\": \"false\"",
                "SqsManagedSseEnabled of queue tollgate-MetricsQueue-AbCdEfGh is false, expected true",
            ),
            (
                "tollgate-MetricsDeadLetters-AbCdEfGh",
                "other",
                "the dead-letter queue of queue tollgate-MetricsQueue-AbCdEfGh is \
                 arn:aws:sqs:eu-west-1:111122223333:other, expected \
                 https://sqs.eu-west-1.amazonaws.com/111122223333/tollgate-MetricsDeadLetters-AbCdEfGh",
            ),
        ] {
            let verdict = changed(METRICS, from, to).await;
            assert_eq!(verdict.status, Status::Failed);
            assert_eq!(verdict.details, [expected]);
        }
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for file in [SCHEDULES, RULE] {
            let verdict = verdict(Recorded::healthy().denied(file)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{file}");
        }
    }
}
