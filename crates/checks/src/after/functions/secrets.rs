//! The secrets that the authorizer may read.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::secrets::referenced;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "secrets-readable",
    group: Group::Functions,
    title: "The secrets of SecretArns exist and have a value",
    explanation: "The policy refers to secrets, and the authorizer reads them at startup. If a \
                  secret does not exist, the authorizer does not start, and every request fails \
                  with 500. This check does not read values, and it does not show that a KMS key \
                  allows the role.",
    fix: "Create the secret, or restore it if it is scheduled for deletion, or correct \
          `SecretArns`. docs/guides/secrets.md explains the references and permissions.",
    permissions: &[
        "secretsmanager:DescribeSecret",
        "secretsmanager:ListSecrets",
        "ssm:DescribeParameters",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The most secrets that are read.
const MAX_SECRETS: usize = 50;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let parameter = stack.parameter("SecretArns");
    let arns: Vec<&str> = parameter
        .split(',')
        .map(str::trim)
        .filter(|arn| !arn.is_empty())
        .collect();
    if arns.is_empty() {
        return Ok(Verdict::not_applicable("SecretArns is empty"));
    }

    let mut findings = Findings::default();
    for arn in arns.iter().take(MAX_SECRETS) {
        referenced(&mut findings, stack.account(), arn).await;
    }
    if arns.len() > MAX_SECRETS {
        findings.unproven(format!("only the first {MAX_SECRETS} secrets were read"));
    }
    Ok(findings.into_verdict())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:origin-AbCdEf";
    const PARAMETER: &str = "arn:aws:ssm:eu-west-1:111122223333:parameter/tollgate/client";
    const DESCRIBE: &str = "secretsmanager.DescribeSecret.json";
    const PARAMETERS: &str = "ssm.DescribeParameters.json";

    fn recorded() -> Recorded {
        Recorded::healthy().with_parameter("SecretArns", &format!("{SECRET},{PARAMETER}"))
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn existing_secrets_pass() {
        let verdict = verdict(recorded()).await;
        assert_eq!(verdict.status, Status::Ok);
        let expected = [
            format!("secret {SECRET} exists"),
            format!("{PARAMETER} exists"),
        ];
        assert_eq!(verdict.details, expected);
    }

    #[tokio::test]
    async fn stack_without_secrets_has_none_to_check() {
        assert_eq!(
            verdict(Recorded::healthy()).await.status,
            Status::NotApplicable
        );
    }

    #[tokio::test]
    async fn missing_secrets_fail() {
        let none = recorded()
            .missing(DESCRIBE)
            .answering(PARAMETERS, "{\"Parameters\": []}");
        let verdict = verdict(none).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                format!("secret {SECRET} does not exist"),
                format!("SecretArns: {PARAMETER} matches nothing that exists"),
            ]
        );
    }

    #[tokio::test]
    async fn deleted_secret_fails() {
        let deleted = recorded().with(DESCRIBE, |text| {
            text.replace("\"Name\"", "\"DeletedDate\": 1795168800.0, \"Name\"")
        });
        let expected = Verdict::failed(format!("secret {SECRET} is scheduled for deletion"));
        assert_eq!(verdict(deleted).await, expected);
    }

    #[tokio::test]
    async fn secret_without_a_value_fails() {
        let empty = recorded().with(DESCRIBE, |text| text.replace("AWSCURRENT", "AWSPENDING"));
        let expected = format!("secret {SECRET} has no value: no version is AWSCURRENT");
        assert_eq!(verdict(empty).await, Verdict::failed(expected));
    }

    #[tokio::test]
    async fn secrets_of_other_regions_prove_nothing() {
        let arn = SECRET.replace("eu-west-1", "us-east-1");
        let recorded = Recorded::healthy().with_parameter("SecretArns", &arn);
        assert_eq!(verdict(recorded).await.status, Status::NotProven);
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        for (name, permission) in [
            (DESCRIBE, "needs secretsmanager:DescribeSecret"),
            (PARAMETERS, "needs ssm:DescribeParameters"),
        ] {
            let verdict = verdict(recorded().denied(name)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{name}");
            assert_eq!(verdict.details[0], permission);
        }
    }
}
