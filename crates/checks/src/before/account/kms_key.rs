//! The customer managed KMS key.

use serde_json::{Value, json};

use super::deployment::other_region;
use super::policy::allows_service;
use crate::aws::{Account, Call, Service, Unread, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const DATA_KEY: &str = "kms:GenerateDataKey";
const EVENTS: &str = "events.amazonaws.com";

const CHECK: Check = Check {
    id: "kms-key-usable",
    group: Group::Account,
    title: "The KMS key is enabled, and its policy allows CloudWatch Logs and EventBridge",
    explanation: "Tables, logs, queues and settings of functions are encrypted with the key. If it is \
                  disabled or its policy is too narrow, the deployment fails, or failed events of \
                  schedules are lost.",
    fix: "Use an enabled symmetric key for encryption in the region of the stack, with the key policy \
          of `examples/kms-key.yaml`.",
    permissions: &["kms:DescribeKey", "kms:GetKeyPolicy"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = parameters.given("KmsKeyArn") else {
        return Ok(Verdict::not_applicable("KmsKeyArn is empty"));
    };
    let account = parameters.aws()?;
    if let Some(problem) = other_region("KmsKeyArn", arn, account) {
        return Ok(Verdict::failed(problem));
    }

    let mut findings = Findings::default();
    let subject = format!("key {arn}");
    let call = Call::json(Service::Kms, "DescribeKey", &json!({"KeyId": arn}));
    if let Some(described) = findings.take(&subject, account.read(&call).await) {
        decide(&mut findings, &subject, &described["KeyMetadata"]);
    }
    if let Some(policy) = findings.take(&subject, policy(account, arn).await) {
        let logs = format!("logs.{}.amazonaws.com", account.region());
        let refused = |service: &str| {
            (!allows_service(&policy, service, DATA_KEY)).then(|| {
                format!(
                    "the policy of {subject} has no statement that allows {DATA_KEY} to {service}"
                )
            })
        };
        match refused(&logs) {
            Some(problem) => findings.problem(problem),
            None => findings.fact(format!("its policy allows {logs}")),
        }
        match refused(EVENTS) {
            Some(problem) => findings.warning(format!(
                "{problem}: failed events of schedules would be lost"
            )),
            None => findings.fact(format!("its policy allows {EVENTS}")),
        }
    }
    Ok(findings.into_verdict())
}

fn decide(findings: &mut Findings, subject: &str, key: &Value) {
    for (field, expected) in [
        ("KeyState", "Enabled"),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("KeySpec", "SYMMETRIC_DEFAULT"),
        ("KeyManager", "CUSTOMER"),
    ] {
        let found = text(&key[field]);
        if found != expected {
            findings.problem(format!(
                "{subject} has {field} {found}, expected {expected}"
            ));
        }
    }
    if findings.is_empty() {
        findings.fact(format!("{subject} is enabled"));
    }
}

async fn policy(account: &Account, arn: &str) -> Result<Value, Unread> {
    let body = json!({"KeyId": arn, "PolicyName": "default"});
    let call = Call::json(Service::Kms, "GetKeyPolicy", &body);
    let response = account.read(&call).await?;
    serde_json::from_str(text(&response["Policy"]))
        .map_err(|_| Unread::Failed("kms:GetKeyPolicy: the policy is not valid JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const KEY: &str = "kms.DescribeKey.json";
    const POLICY: &str = "kms.GetKeyPolicy.json";
    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn encrypted() -> Recorded {
        Recorded::healthy().with_parameter("KmsKeyArn", ARN)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn key_of_the_example_passes() {
        let found = verdict(encrypted()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn unusable_keys_fail() {
        for (from, to, expected) in [
            (
                "\"Enabled\"",
                "\"PendingDeletion\"",
                "KeyState PendingDeletion",
            ),
            ("ENCRYPT_DECRYPT", "SIGN_VERIFY", "KeyUsage SIGN_VERIFY"),
            ("SYMMETRIC_DEFAULT", "RSA_2048", "KeySpec RSA_2048"),
            ("\"CUSTOMER\"", "\"AWS\"", "KeyManager AWS"),
        ] {
            let found = verdict(encrypted().with(KEY, |text| text.replace(from, to))).await;
            assert_eq!(found.status, Status::Failed);
            assert!(found.details[0].contains(expected), "{found:?}");
        }
    }

    #[tokio::test]
    async fn services_that_the_policy_does_not_allow_are_named() {
        for (service, status) in [
            ("logs.eu-west-1.amazonaws.com", Status::Failed),
            (EVENTS, Status::Warning),
        ] {
            let recorded =
                encrypted().with(POLICY, |text| text.replace(service, "s3.amazonaws.com"));
            let found = verdict(recorded).await;
            assert_eq!(found.status, status);
            let expected = format!("allows kms:GenerateDataKey to {service}");
            assert!(found.details[0].contains(&expected), "{found:?}");
        }
    }

    #[tokio::test]
    async fn missing_key_fails() {
        let found = verdict(encrypted().missing(KEY)).await;
        assert_eq!(found, Verdict::failed(format!("key {ARN} does not exist")));
    }

    #[tokio::test]
    async fn key_of_another_region_fails() {
        let arn = ARN.replace("eu-west-1", "us-east-1");
        let found = verdict(Recorded::healthy().with_parameter("KmsKeyArn", &arn)).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("is in the region us-east-1"));
    }

    #[tokio::test]
    async fn missing_permission_leaves_the_state_of_the_key() {
        let found = verdict(encrypted().denied(POLICY)).await;
        assert_eq!(found.status, Status::NotChecked);
        assert_eq!(
            found.details,
            [
                "needs kms:GetKeyPolicy".to_owned(),
                format!("apart from that: key {ARN} is enabled"),
            ]
        );
    }

    #[tokio::test]
    async fn deployment_without_a_key_is_not_concerned() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
