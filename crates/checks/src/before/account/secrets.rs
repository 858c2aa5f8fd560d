//! The secrets and parameters that the policy and the proof of origin read.

use super::deployment::other_region;
use crate::aws::{Account, Unread};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::secrets::{describe, has_value, referenced, usable};
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "secrets-exist",
    group: Group::Account,
    title: "The secrets and parameters that the stack may read exist",
    explanation: "CloudFormation reads the secret in `OriginSecretArn` during the deployment, and the \
                  authorizer reads those in `SecretArns` when it starts. A missing one fails the \
                  deployment, or every request. The check reads descriptions, and never values.",
    fix: "Create the secret, or correct its ARN. `SecretArns` needs the full ARN with the six random \
          characters at its end, or `-??????` in their place.",
    permissions: &[
        "secretsmanager:DescribeSecret",
        "secretsmanager:ListSecrets",
        "ssm:DescribeParameters",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let references = parameters.list("SecretArns");
    let origin = parameters.given("OriginSecretArn");
    if references.is_empty() && origin.is_none() {
        let detail = "SecretArns and OriginSecretArn are empty";
        return Ok(Verdict::not_applicable(detail));
    }

    let account = parameters.aws()?;
    let mut findings = Findings::default();
    if let Some(arn) = origin {
        let version = parameters.given("OriginSecretVersion");
        origin_secret(&mut findings, account, arn, version).await;
    }
    for arn in references {
        referenced(&mut findings, account, arn).await;
    }
    Ok(findings.into_verdict())
}

async fn origin_secret(
    findings: &mut Findings,
    account: &Account,
    arn: &str,
    version: Option<&str>,
) {
    if let Some(problem) = other_region("OriginSecretArn", arn, account) {
        findings.problem(problem);
        return;
    }
    // The secret itself is easily written in place of its ARN.
    if !arn.starts_with("arn:") {
        findings.problem("OriginSecretArn is not the ARN of a secret");
        return;
    }
    let subject = format!("secret {arn}");
    let secret = describe(account, arn).await;
    let Some(secret) = findings.take(&subject, secret) else {
        return;
    };
    usable(findings, &subject, &secret);

    let versions = secret["VersionIdsToStages"].as_object();
    let has = |id: &str| versions.is_some_and(|versions| versions.contains_key(id));
    match version {
        Some(id) if !has(id) => {
            findings.problem(format!(
                "{subject} has no version {id} (OriginSecretVersion)"
            ));
        }
        None if !has_value(&secret) => {
            findings.problem(format!("{subject} has no value: no version is AWSCURRENT"));
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SECRET: &str = "secretsmanager.DescribeSecret.json";
    const SECRETS: &str = "secretsmanager.ListSecrets.json";
    const PARAMETERS: &str = "ssm.DescribeParameters.json";
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:origin-AbCdEf";
    const VERSION: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    fn proven() -> Recorded {
        Recorded::healthy().with_parameter("OriginSecretArn", ARN)
    }

    fn reading(arns: &str) -> Recorded {
        Recorded::healthy().with_parameter("SecretArns", arns)
    }

    #[tokio::test]
    async fn existing_secret_passes() {
        let fact = Verdict::ok(format!("secret {ARN} exists"));
        assert_eq!(verdict(proven()).await, fact);
        assert_eq!(verdict(reading(ARN)).await, fact);
        let version = proven().with_parameter("OriginSecretVersion", VERSION);
        assert_eq!(verdict(version).await, fact);
    }

    #[tokio::test]
    async fn missing_secret_fails() {
        let problem = Verdict::failed(format!("secret {ARN} does not exist"));
        assert_eq!(verdict(proven().missing(SECRET)).await, problem);
        assert_eq!(verdict(reading(ARN).missing(SECRET)).await, problem);
    }

    #[tokio::test]
    async fn missing_version_fails() {
        let other = proven().with_parameter("OriginSecretVersion", &VERSION.replace('1', "2"));
        let found = verdict(other).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("(OriginSecretVersion)"));

        let empty = proven().with(SECRET, |text| text.replace("AWSCURRENT", "AWSPENDING"));
        let found = verdict(empty).await;
        let problem = format!("secret {ARN} has no value: no version is AWSCURRENT");
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn secret_that_is_being_deleted_fails() {
        let deleted = proven().with(SECRET, |text| {
            text.replace("\"LastChangedDate\"", "\"DeletedDate\"")
        });
        let found = verdict(deleted).await;
        let problem = format!("secret {ARN} is scheduled for deletion");
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn arn_without_its_random_end_matches_no_secret() {
        let short = ARN.strip_suffix("-AbCdEf").unwrap();
        let found = verdict(reading(short)).await;
        assert_eq!(found.status, Status::Failed);
        let problem = format!(
            "SecretArns: {short} does not match the ARN {ARN}, so the authorizer may not read it"
        );
        assert_eq!(found.details, [problem]);
        let pattern = format!("{short}-??????");
        assert_eq!(verdict(reading(&pattern)).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn patterns_must_match_something() {
        let pattern = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/*";
        assert_eq!(verdict(reading(pattern)).await.status, Status::Ok);
        let none = reading(pattern).answering(SECRETS, r#"{"SecretList": []}"#);
        let problem = format!("SecretArns: {pattern} matches nothing that exists");
        assert_eq!(verdict(none).await, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn parameters_must_exist() {
        let parameter = "arn:aws:ssm:eu-west-1:111122223333:parameter/tollgate/client";
        let found = verdict(reading(parameter)).await;
        assert_eq!(found, Verdict::ok(format!("{parameter} exists")));
        let none = reading(parameter).answering(PARAMETERS, r#"{"Parameters": []}"#);
        assert_eq!(verdict(none).await.status, Status::Failed);
        let found = verdict(reading(parameter).denied(PARAMETERS)).await;
        assert_eq!(found, Verdict::not_checked("needs ssm:DescribeParameters"));
    }

    #[tokio::test]
    async fn other_regions() {
        let arn = ARN.replace("eu-west-1", "us-east-1");
        assert_eq!(verdict(reading(&arn)).await.status, Status::NotProven);
        let origin = Recorded::healthy().with_parameter("OriginSecretArn", &arn);
        assert_eq!(verdict(origin).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(proven().denied(SECRET)).await;
        let needed = "needs secretsmanager:DescribeSecret";
        assert_eq!(found, Verdict::not_checked(needed));
    }

    #[tokio::test]
    async fn deployment_without_secrets_is_not_concerned() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
