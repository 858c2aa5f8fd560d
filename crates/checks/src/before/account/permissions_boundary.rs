//! The permissions boundary of the roles.

use crate::aws::{Call, Service, Unread};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "permissions-boundary-exists",
    group: Group::Account,
    title: "The policy in PermissionsBoundaryArn exists",
    explanation: "All roles of the stack have the policy as their permissions boundary. The \
                  deployment fails if it does not exist. Its content is not checked: it must allow \
                  what the roles need.",
    fix: "Set `PermissionsBoundaryArn` to the ARN of a managed policy of this account.",
    permissions: &["iam:GetPolicy"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = parameters.given("PermissionsBoundaryArn") else {
        return Ok(Verdict::not_applicable("PermissionsBoundaryArn is empty"));
    };
    let account = parameters.aws()?;
    let call = Call::query(Service::Iam, "GetPolicy", &[("PolicyArn", arn)]);
    let mut findings = Findings::default();
    let subject = format!("policy {arn}");
    if findings.take(&subject, account.read(&call).await).is_some() {
        findings.fact(format!("{subject} exists"));
    }
    Ok(findings.into_verdict())
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const POLICY: &str = "iam.GetPolicy.xml";
    const ARN: &str = "arn:aws:iam::111122223333:policy/boundary";

    async fn verdict(recorded: Recorded) -> Verdict {
        let bounded = recorded.with_parameter("PermissionsBoundaryArn", ARN);
        check(&bounded.deployment().await)
            .await
            .unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn existing_policy_passes() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found, Verdict::ok(format!("policy {ARN} exists")));
    }

    #[tokio::test]
    async fn missing_policy_fails() {
        let found = verdict(Recorded::healthy().missing(POLICY)).await;
        assert_eq!(
            found,
            Verdict::failed(format!("policy {ARN} does not exist"))
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(POLICY)).await;
        assert_eq!(found, Verdict::not_checked("needs iam:GetPolicy"));
    }

    #[tokio::test]
    async fn deployment_without_a_boundary_is_not_concerned() {
        let found = check(&Recorded::healthy().deployment().await).await;
        assert_eq!(found.unwrap().status, Status::NotApplicable);
    }
}
