//! The notifications of the alarms.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::after::invocation::{Invocation, permission};
use crate::aws::{Call, Service, Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::alarm::{Alarm, alarms, without_alarms};

const CHECK: Check = Check {
    id: "alarms-notify",
    group: Group::Monitoring,
    title: "The alarms notify a topic with a confirmed subscription",
    explanation: "An alarm without an action changes its color on the dashboard, and wakes up no \
                  one. SNS sends nothing to a subscription that is not confirmed. CloudWatch needs \
                  a permission in the policy of the topic.",
    fix: "Set `AlarmTopicArn`. Confirm the subscription with the link that SNS sent. The policy of \
          the topic must allow `sns:Publish` to `cloudwatch.amazonaws.com`.",
    permissions: &[
        "cloudwatch:DescribeAlarms",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:GetSubscriptionAttributes",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

const SERVICE: &str = "cloudwatch.amazonaws.com";
/// The most subscriptions whose filter policies are read.
const MAX_SUBSCRIPTIONS: usize = 10;
const ACTIONS: [&str; 3] = ["AlarmActions", "OKActions", "InsufficientDataActions"];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let Some(alarms) = alarms(stack, &mut findings).await? else {
        return Ok(without_alarms(findings));
    };
    let topic = stack.parameter("AlarmTopicArn");
    if topic.is_empty() {
        return Ok(Verdict::warning(
            "AlarmTopicArn is empty, so the alarms notify no one",
        ));
    }

    for alarm in &alarms {
        look_at_actions(alarm, &mut findings);
    }
    look_at_topic(stack, &topic, &alarms, &mut findings).await;
    look_at_subscriptions(stack, &topic, &mut findings).await;
    Ok(findings.verdict(format!("the alarms notify {topic}")))
}

/// Looks for the actions of the template. The children of PageAlarm have none.
fn look_at_actions(alarm: &Alarm, findings: &mut Findings) {
    for reason in alarm.silences() {
        findings.problem(reason);
    }
    for field in ACTIONS {
        let actual = array(&alarm.actual[field]);
        for action in array(&alarm.expected[field]) {
            if !actual.contains(action) {
                let (name, action) = (&alarm.name, text(action));
                findings.problem(format!("{field} of alarm {name} do not contain {action}"));
            }
        }
    }
}

async fn look_at_topic(stack: &Stack, topic: &str, alarms: &[Alarm], findings: &mut Findings) {
    let region = topic.split(':').nth(3).unwrap_or_default();
    let expected = stack.account().region();
    if region != expected {
        return findings.problem(format!(
            "topic {topic} is in {region}, expected {expected}, the region of the alarms"
        ));
    }

    let fields = [("TopicArn", topic)];
    let call = Call::query(Service::Sns, "GetTopicAttributes", &fields);
    let read = stack.account().read(&call).await;
    let Some(response) = findings.take(&format!("topic {topic}"), read) else {
        return;
    };
    let entries = &response["GetTopicAttributesResult"]["Attributes"]["entry"];
    let attributes = attributes(entries);
    let attribute = |name: &str| attributes.get(name).copied().unwrap_or_default();

    let policy: Value = serde_json::from_str(attribute("Policy")).unwrap_or_default();
    look_at_policy(topic, &policy, alarms, findings);
    match attribute("KmsMasterKeyId") {
        "" => {}
        key if key.ends_with("alias/aws/sns") => findings.problem(format!(
            "topic {topic} is encrypted with {key}, which CloudWatch cannot use"
        )),
        key => findings.unproven(format!(
            "topic {topic} is encrypted with {key}, whose policy must allow {SERVICE}"
        )),
    }
}

/// Looks for a permission for each alarm that notifies the topic.
fn look_at_policy(topic: &str, policy: &Value, alarms: &[Alarm], findings: &mut Findings) {
    let mut refused = Vec::new();
    for alarm in alarms {
        let has_actions = ACTIONS
            .iter()
            .any(|field| !array(&alarm.expected[*field]).is_empty());
        let source = text(&alarm.actual["AlarmArn"]);
        match permission(policy, SERVICE, "sns:Publish", source) {
            _ if !has_actions => {}
            Invocation::Allowed | Invocation::AllowedForAllSources => {}
            Invocation::NotAllowed => refused.push(alarm.name.as_str()),
            Invocation::Unclear => findings.unproven(format!(
                "the policy of topic {topic} has a condition that this check does not evaluate"
            )),
        }
    }
    if !refused.is_empty() {
        let refused = refused.join(", ");
        findings.problem(format!(
            "the policy of topic {topic} does not allow sns:Publish to {SERVICE} for {refused}"
        ));
    }
}

/// Returns the attributes by key. A single entry is not a list.
fn attributes(entries: &Value) -> BTreeMap<&str, &str> {
    let list = match entries {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    list.iter()
        .map(|entry| (text(&entry["key"]), text(&entry["value"])))
        .collect()
}

/// Counts subscriptions. Their endpoints can be personal, so only protocols are named.
async fn look_at_subscriptions(stack: &Stack, topic: &str, findings: &mut Findings) {
    let fields = [("TopicArn", topic)];
    let call = Call::query(Service::Sns, "ListSubscriptionsByTopic", &fields);
    let list = "/ListSubscriptionsByTopicResult/Subscriptions";
    let read = stack.account().read_all(&call, list).await;
    let Some(subscriptions) = findings.take(&format!("topic {topic}"), read) else {
        return;
    };

    let arn = |subscription: &Value| text(&subscription["SubscriptionArn"]).to_owned();
    let pending = subscriptions
        .iter()
        .filter(|subscription| arn(subscription) == "PendingConfirmation");
    for subscription in pending {
        let protocol = text(&subscription["Protocol"]);
        findings.warning(format!(
            "a subscription of topic {topic} with protocol {protocol} is not confirmed"
        ));
    }

    let confirmed: Vec<String> = subscriptions
        .iter()
        .map(arn)
        .filter(|arn| arn.starts_with("arn:"))
        .collect();
    if confirmed.is_empty() {
        return findings.problem(format!("topic {topic} has no confirmed subscription"));
    }
    look_at_filters(stack, topic, &confirmed, findings).await;
}

/// Looks for a subscription that receives every alarm. A filter policy can drop all of them.
async fn look_at_filters(
    stack: &Stack,
    topic: &str,
    subscriptions: &[String],
    findings: &mut Findings,
) {
    let mut filters = Vec::new();
    for subscription in subscriptions.iter().take(MAX_SUBSCRIPTIONS) {
        let fields = [("SubscriptionArn", subscription.as_str())];
        let call = Call::query(Service::Sns, "GetSubscriptionAttributes", &fields);
        let read = stack.account().read(&call).await;
        let Some(response) = findings.take(&format!("subscription {subscription}"), read) else {
            return;
        };
        let entries = &response["GetSubscriptionAttributesResult"]["Attributes"]["entry"];
        let attributes = attributes(entries);
        match attributes.get("FilterPolicy") {
            None | Some(&"" | &"{}") => return,
            Some(_) => filters.push(attributes.get("FilterPolicyScope") == Some(&"MessageBody")),
        }
    }

    if filters.iter().any(|is_body| *is_body) || filters.len() < subscriptions.len() {
        findings.unproven(format!(
            "every subscription of topic {topic} that was read has a filter policy, which this \
             check does not evaluate"
        ));
    } else {
        findings.problem(format!(
            "every subscription of topic {topic} has a filter policy on attributes, which \
             messages of alarms do not have"
        ));
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ALARMS: &str = "monitoring.DescribeAlarms.xml";
    const TOPIC: &str = "sns.GetTopicAttributes.xml";
    const SUBSCRIPTIONS: &str = "sns.ListSubscriptionsByTopic.xml";
    const SUBSCRIPTION_ATTRIBUTES: &str = "sns.GetSubscriptionAttributes.xml";
    const NESTED: &str = "cloudformation.DescribeStacks@stack~tollgate-Monitoring.xml";
    const ARN: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";
    const SUBSCRIPTION: &str =
        "arn:aws:sns:eu-west-1:111122223333:alerts:80289ba6-0fd4-4079-afb4-ce8c8260f0ca";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    async fn changed(file: &str, from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(file, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn alarms_with_a_confirmed_subscription_pass() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok(format!("the alarms notify {ARN}")));
    }

    #[tokio::test]
    async fn alarms_without_a_topic_are_a_warning() {
        let recorded = Recorded::healthy().with_parameter("AlarmTopicArn", "");
        assert_eq!(verdict(recorded).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn alarm_without_its_action_fails() {
        let recorded = Recorded::healthy().with(ALARMS, |text| {
            let action = format!("<AlarmActions><member>{ARN}</member></AlarmActions>");
            text.replacen(&action, "<AlarmActions/>", 1)
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [format!(
                "AlarmActions of alarm tollgate-PageAlarm do not contain {ARN}"
            )]
        );
    }

    #[tokio::test]
    async fn pending_subscription_fails_without_its_address() {
        let verdict = changed(SUBSCRIPTIONS, SUBSCRIPTION, "PendingConfirmation").await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!("topic {ARN} has no confirmed subscription"),
                format!("a subscription of topic {ARN} with protocol email is not confirmed"),
            ]
        );
    }

    #[tokio::test]
    async fn topic_that_refuses_cloudwatch_fails() {
        let verdict = changed(TOPIC, "cloudwatch.amazonaws.com", "events.amazonaws.com").await;
        assert_eq!(verdict.status, Status::Failed);
        let expected = format!(
            "the policy of topic {ARN} does not allow sns:Publish to cloudwatch.amazonaws.com for \
             tollgate-UnauthorizedAlarm, "
        );
        assert!(verdict.details[0].starts_with(&expected), "{verdict:?}");
    }

    #[tokio::test]
    async fn default_policy_of_a_topic_passes() {
        let verdict = changed(
            TOPIC,
            r#"{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":"arn:aws:sns:eu-west-1:111122223333:alerts","Condition":{"StringEquals":{"aws:SourceAccount""#,
            r#"{"AWS":"*"},"Action":["SNS:Subscribe","SNS:Publish"],"Resource":"arn:aws:sns:eu-west-1:111122223333:alerts","Condition":{"StringEquals":{"AWS:SourceOwner""#,
        )
        .await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn key_that_cloudwatch_cannot_use_fails() {
        let encrypted = |key: &str| {
            let entry = format!("<entry><key>KmsMasterKeyId</key><value>{key}</value></entry>");
            Recorded::healthy().with(TOPIC, |text| {
                text.replace("</Attributes>", &format!("{entry}</Attributes>"))
            })
        };
        let managed = verdict(encrypted("alias/aws/sns")).await;
        assert_eq!(managed.status, Status::Failed);
        let own = verdict(encrypted("alias/alerts")).await;
        assert_eq!(own.status, Status::NotProven);
    }

    #[tokio::test]
    async fn nested_stack_without_the_topic_fails() {
        let recorded = Recorded::healthy()
            .with(NESTED, |text| text.replace(ARN, ""))
            .with(ALARMS, |text| {
                text.replace(&format!("<member>{ARN}</member>"), "")
            });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        let expected = format!("AlarmActions of alarm tollgate-LatencyAlarm do not contain {ARN}");
        assert!(verdict.details.contains(&expected), "{verdict:?}");
        let expected = format!("AlarmActions of alarm tollgate-PageAlarm do not contain {ARN}");
        assert!(verdict.details.contains(&expected), "{verdict:?}");
    }

    #[tokio::test]
    async fn suppressed_or_disabled_actions_fail() {
        let enabled = "<ActionsEnabled>true</ActionsEnabled>";
        for (field, detail) in [
            (
                "<ActionsSuppressor>quiet</ActionsSuppressor>",
                "suppressed while alarm quiet is in state ALARM, expected no suppressor",
            ),
            (
                "<ActionsSuppressedBy>Alarm</ActionsSuppressedBy>",
                "suppressed now: Alarm",
            ),
        ] {
            let changed = format!("{enabled}{field}");
            let recorded =
                Recorded::healthy().with(ALARMS, |text| text.replacen(enabled, &changed, 1));
            let verdict = verdict(recorded).await;
            assert_eq!(verdict.status, Status::Failed);
            let expected = format!("the actions of alarm tollgate-PageAlarm are {detail}");
            assert_eq!(verdict.details, [expected]);
        }
        let verdict = changed(ALARMS, ">true</ActionsEnabled>", ">false</ActionsEnabled>").await;
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn filter_policies_of_all_subscriptions_are_found() {
        let filtered = |scope: &str| {
            let entry = |key: &str, value: &str| {
                format!("<entry><key>{key}</key><value>{value}</value></entry>")
            };
            let added =
                entry("FilterPolicy", "{\"team\": [\"x\"]}") + &entry("FilterPolicyScope", scope);
            Recorded::healthy().with(SUBSCRIPTION_ATTRIBUTES, |text| {
                text.replace("</Attributes>", &format!("{added}</Attributes>"))
            })
        };
        let attributes = verdict(filtered("MessageAttributes")).await;
        assert_eq!(attributes.status, Status::Failed);
        assert!(attributes.details[0].contains("has a filter policy on attributes"));
        let body = verdict(filtered("MessageBody")).await;
        assert_eq!(body.status, Status::NotProven);
    }

    #[tokio::test]
    async fn policy_for_one_alarm_does_not_cover_the_others() {
        let condition = r#"{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#;
        let one = r#"{"ArnLike":{"aws:SourceArn":"arn:aws:cloudwatch:eu-west-1:111122223333:alarm:tollgate-PageAlarm"}}"#;
        let verdict = changed(TOPIC, condition, one).await;
        assert_eq!(verdict.status, Status::Failed);
        let detail = &verdict.details[0];
        assert!(
            detail.contains("for tollgate-UnauthorizedAlarm, tollgate-ForbiddenAlarm"),
            "{detail}"
        );
        assert!(!detail.contains("PageAlarm"));
    }

    #[tokio::test]
    async fn topic_in_another_region_fails() {
        let recorded = Recorded::healthy()
            .with_parameter("AlarmTopicArn", "arn:aws:sns:us-east-1:111122223333:alerts");
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        let detail = verdict.details.last().unwrap();
        assert!(
            detail.contains("is in us-east-1, expected eu-west-1"),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for file in [TOPIC, SUBSCRIPTIONS, SUBSCRIPTION_ATTRIBUTES] {
            let verdict = verdict(Recorded::healthy().denied(file)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{file}");
        }
    }
}
