//! The Lambda concurrency of the account.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Call, Service, Unread};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The concurrency that an account must keep without a reservation, from
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>.
const MIN_UNRESERVED: u64 = 100;

const CHECK: Check = Check {
    id: "lambda-concurrency",
    group: Group::Account,
    title: "The account has enough Lambda concurrency",
    explanation: "Each concurrent request needs one execution of the authorizer, and functions of the \
                  account share a limit. A new account can have a limit of 10 instead of 1,000. \
                  Beyond the limit, requests fail with 500. A reservation that would leave less than \
                  100 executions for the other functions fails the deployment.",
    fix: "Request a higher quota of `Concurrent executions` for AWS Lambda in Service Quotas, or lower \
          `LimiterReservedConcurrency` and `AuthorizerProvisionedConcurrency`.",
    permissions: &["lambda:GetAccountSettings"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    if parameters
        .declaration("LimiterReservedConcurrency")
        .is_none()
    {
        return Ok(Verdict::not_applicable("the template has no functions"));
    }
    let account = parameters.aws()?;
    let path = path(&["2016-08-19", "account-settings"]);
    let call = Call::get(Service::Lambda, "GetAccountSettings", &path);
    let settings = account.read(&call).await?;

    let deployed = |name: &str| {
        let value = parameters.stack().map(|stack| stack.parameter(name));
        value.and_then(|value| value.parse().ok()).unwrap_or(0)
    };
    let limits = &settings["AccountLimit"];
    let number = |value: &Value| value.as_u64();
    let (Some(limit), Some(unreserved)) = (
        number(&limits["ConcurrentExecutions"]),
        number(&limits["UnreservedConcurrentExecutions"]),
    ) else {
        let problem = "lambda:GetAccountSettings: the response has no limits";
        return Err(Unread::Failed(problem.to_owned()));
    };
    Ok(decide(Plan {
        limit,
        // The reservation of the deployed stack is replaced, and does not count twice.
        unreserved: unreserved + deployed("LimiterReservedConcurrency"),
        reserved: parameters.number("LimiterReservedConcurrency"),
        provisioned: parameters.number("AuthorizerProvisionedConcurrency"),
    }))
}

/// Numbers of concurrent executions.
#[derive(Clone, Copy, Debug)]
struct Plan {
    limit: u64,
    unreserved: u64,
    reserved: u64,
    provisioned: u64,
}

fn decide(plan: Plan) -> Verdict {
    let Plan {
        limit,
        unreserved,
        reserved,
        provisioned,
    } = plan;
    let mut findings = Findings::default();
    if limit < MIN_UNRESERVED {
        findings.problem(format!(
            "the account has a limit of {limit} concurrent executions, expected at least \
             {MIN_UNRESERVED}"
        ));
    }

    let wanted = reserved.saturating_add(provisioned);
    if wanted > 0 && unreserved < wanted.saturating_add(MIN_UNRESERVED) {
        findings.problem(format!(
            "{unreserved} of {limit} executions are not reserved. LimiterReservedConcurrency \
             ({reserved}) and AuthorizerProvisionedConcurrency ({provisioned}) must leave at least \
             {MIN_UNRESERVED}"
        ));
    }
    findings.fact(format!(
        "{unreserved} of {limit} concurrent executions are not reserved, and the deployment reserves \
         {wanted}"
    ));
    findings.into_verdict()
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const SETTINGS: &str = "lambda.GET@account-settings.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    fn reserving(reserved: &str) -> Recorded {
        Recorded::healthy().with_parameter("LimiterReservedConcurrency", reserved)
    }

    #[tokio::test]
    async fn default_limit_passes() {
        let found = verdict(Recorded::healthy()).await;
        let fact =
            "1000 of 1000 concurrent executions are not reserved, and the deployment reserves 0";
        assert_eq!(found, Verdict::ok(fact));
    }

    #[tokio::test]
    async fn limit_of_a_new_account_fails() {
        let recorded = Recorded::healthy().with(SETTINGS, |text| text.replace(": 1000", ": 10"));
        let found = verdict(recorded).await;
        let problem = "the account has a limit of 10 concurrent executions, expected at least 100";
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn reservation_must_leave_100() {
        assert_eq!(verdict(reserving("900")).await.status, Status::Ok);
        let found = verdict(reserving("901")).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].contains("must leave at least 100"));

        let provisioned = reserving("850").with_parameter("AuthorizerProvisionedConcurrency", "51");
        assert_eq!(verdict(provisioned).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn reservation_of_the_stack_does_not_count_twice() {
        let reserved = reserving("300").with(SETTINGS, |text| {
            let unreserved = "\"UnreservedConcurrentExecutions\": ";
            text.replace(&format!("{unreserved}1000"), &format!("{unreserved}200"))
        });
        assert_eq!(verdict(reserved.clone()).await.status, Status::Failed);
        let deployment = reserved.update().await;
        assert_eq!(check(&deployment).await.unwrap().status, Status::Ok);
    }

    #[tokio::test]
    async fn template_without_functions_is_not_concerned() {
        let parameters = Recorded::healthy().endpoints(&serde_json::json!({}));
        let found = check(&parameters).await.unwrap();
        assert_eq!(found.status, Status::NotApplicable);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(Recorded::healthy().denied(SETTINGS)).await;
        assert_eq!(
            found,
            Verdict::not_checked("needs lambda:GetAccountSettings")
        );
    }
}
