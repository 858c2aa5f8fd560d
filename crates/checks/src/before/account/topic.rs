//! The SNS topic that receives alarms.

use std::collections::BTreeMap;

use serde_json::Value;

use super::deployment::other_region;
use super::policy::allows_service;
use crate::aws::{Call, Service, Unread, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CLOUDWATCH: &str = "cloudwatch.amazonaws.com";

const CHECK: Check = Check {
    id: "topic-exists",
    group: Group::Account,
    title: "The topic of the alarms exists and lets CloudWatch publish",
    explanation: "A deployment succeeds with a topic that does not exist, and the alarms then \
                  reach no one. The same happens if the policy of the topic does not allow \
                  CloudWatch, or if the AWS managed key encrypts the topic.",
    fix: "Create the topic with a confirmed subscription in the region of the stack. Its policy must \
          allow `sns:Publish` to `cloudwatch.amazonaws.com`. Encrypt it with a customer managed key, \
          or not at all.",
    permissions: &["sns:GetTopicAttributes"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = parameters.given("AlarmTopicArn") else {
        return Ok(Verdict::not_applicable("AlarmTopicArn is empty"));
    };
    let account = parameters.aws()?;
    if let Some(problem) = other_region("AlarmTopicArn", arn, account) {
        return Ok(Verdict::failed(problem));
    }

    let fields = [("TopicArn", arn)];
    let call = Call::query(Service::Sns, "GetTopicAttributes", &fields);
    let mut findings = Findings::default();
    let subject = format!("topic {arn}");
    if let Some(response) = findings.take(&subject, account.read(&call).await) {
        let entries = &response["GetTopicAttributesResult"]["Attributes"]["entry"];
        decide(&mut findings, &subject, &attributes(entries));
    }
    Ok(findings.into_verdict())
}

/// Returns the attributes by key. A single entry is not a list.
fn attributes(entries: &Value) -> BTreeMap<&str, &str> {
    let list = match entries {
        Value::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    let pair = |entry| -> (&str, &str) { entry };
    list.iter()
        .map(|entry| pair((text(&entry["key"]), text(&entry["value"]))))
        .collect()
}

fn decide(findings: &mut Findings, subject: &str, attributes: &BTreeMap<&str, &str>) {
    let attribute = |name: &str| attributes.get(name).copied().unwrap_or_default();
    match serde_json::from_str::<Value>(attribute("Policy")) {
        Ok(policy) if allows_service(&policy, CLOUDWATCH, "sns:Publish") => {
            findings.fact(format!("{subject} lets CloudWatch publish"));
        }
        Ok(_) => findings.problem(format!(
            "the policy of {subject} has no statement that allows sns:Publish to {CLOUDWATCH}"
        )),
        Err(_) => findings.unproven(format!("{subject} has no policy that can be read")),
    }

    let confirmed = attribute("SubscriptionsConfirmed");
    if matches!(confirmed, "0" | "") {
        let pending = attribute("SubscriptionsPending");
        findings.warning(format!(
            "{subject} has no confirmed subscription ({pending} pending), so alarms reach no one"
        ));
    } else {
        findings.fact(format!("confirmed subscriptions of {subject}: {confirmed}"));
    }

    match attribute("KmsMasterKeyId") {
        "" => {}
        key if key.ends_with("alias/aws/sns") => findings.problem(format!(
            "{subject} is encrypted with {key}, which CloudWatch cannot use"
        )),
        key => findings.unproven(format!(
            "{subject} is encrypted with {key}, whose policy must allow {CLOUDWATCH}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const TOPIC: &str = "sns.GetTopicAttributes.xml";
    const ARN: &str = "arn:aws:sns:eu-west-1:111122223333:alerts";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn with(from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(TOPIC, |text| text.replace(from, to))).await
    }

    fn encrypted(key: &str) -> Recorded {
        let entry = format!("<entry><key>KmsMasterKeyId</key><value>{key}</value></entry>");
        Recorded::healthy().with(TOPIC, |text| {
            text.replace("</Attributes>", &format!("{entry}</Attributes>"))
        })
    }

    #[tokio::test]
    async fn topic_with_a_subscription_passes() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
        assert_eq!(
            found.details,
            [
                format!("topic {ARN} lets CloudWatch publish"),
                format!("confirmed subscriptions of topic {ARN}: 1"),
            ]
        );
    }

    #[tokio::test]
    async fn topic_without_a_subscription_is_a_warning() {
        let found = with("<value>1</value>", "<value>0</value>").await;
        assert_eq!(found.status, Status::Warning);
        assert!(found.details[0].contains("has no confirmed subscription"));
    }

    #[tokio::test]
    async fn topic_that_refuses_cloudwatch_fails() {
        let found = with("cloudwatch.amazonaws.com", "events.amazonaws.com").await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("allows sns:Publish to cloudwatch.amazonaws.com"));
    }

    #[tokio::test]
    async fn encryption_must_allow_cloudwatch() {
        let found = verdict(encrypted("alias/aws/sns")).await;
        assert_eq!(found.status, Status::Failed);
        let found = verdict(encrypted("1234abcd-12ab-34cd-56ef-1234567890ab")).await;
        assert_eq!(found.status, Status::NotProven);
    }

    #[tokio::test]
    async fn missing_topic_fails() {
        let found = verdict(Recorded::healthy().missing(TOPIC)).await;
        assert_eq!(
            found,
            Verdict::failed(format!("topic {ARN} does not exist"))
        );
        let arn = ARN.replace("eu-west-1", "us-east-1");
        let found = verdict(Recorded::healthy().with_parameter("AlarmTopicArn", &arn)).await;
        assert!(found.details[0].contains("is in the region us-east-1"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(TOPIC)).await;
        assert_eq!(found, Verdict::not_checked("needs sns:GetTopicAttributes"));
    }
}
