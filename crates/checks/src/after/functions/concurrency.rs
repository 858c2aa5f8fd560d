//! The concurrency that functions have.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::{ALIAS, Function, authorizer, functions};

const CHECK: Check = Check {
    id: "concurrency",
    group: Group::Functions,
    title: "Functions have the concurrency of the parameters, and the account has some left",
    explanation: "The authorizer runs once per request at the same time. If the account has no \
                  concurrency left, or a function has a reservation that is too small, Lambda \
                  rejects invocations and clients get 500.",
    fix: "Request a higher quota for concurrent executions in Service Quotas, which a new account \
          needs. Remove reservations that were set by hand. If provisioned concurrency failed, its \
          reason names the cause.",
    permissions: &[
        "lambda:GetFunctionConcurrency",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:GetAccountSettings",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The least concurrency without a reservation that is expected of an account.
const MIN_UNRESERVED: u64 = 100;

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    let mut compared = 0;
    for function in functions(stack) {
        let path = function.path("2019-09-30", &["concurrency"]);
        let call = Call::get(Service::Lambda, "GetFunctionConcurrency", &path);
        let read = stack.account().read(&call).await;
        if let Some(found) = findings.take(&function.to_string(), read) {
            let expected = match function.name {
                "LimiterFunction" => count(stack, "LimiterReservedConcurrency"),
                _ => None,
            };
            reserved(&function, expected, &found, &mut findings);
            compared += 1;
        }
    }
    if compared > 0 {
        findings.fact(format!(
            "{compared} functions have the reserved concurrency of the parameters"
        ));
    }

    if let Some(expected) = count(stack, "AuthorizerProvisionedConcurrency") {
        let function = authorizer(stack)?;
        let path = function
            .path("2019-09-30", &["provisioned-concurrency"])
            .query(&[("Qualifier", ALIAS)]);
        let call = Call::get(Service::Lambda, "GetProvisionedConcurrencyConfig", &path);
        let read = stack.account().read(&call).await;
        let subject = format!("{function}: provisioned concurrency");
        if let Some(found) = findings.take(&subject, read) {
            provisioned(&subject, expected, &found, &mut findings);
        }
    }

    let path = path(&["2016-08-19", "account-settings", ""]);
    let call = Call::get(Service::Lambda, "GetAccountSettings", &path);
    let read = stack.account().read(&call).await;
    if let Some(settings) = findings.take("the account", read) {
        let left = &settings["AccountLimit"]["UnreservedConcurrentExecutions"];
        unreserved(left, &mut findings);
    }
    Ok(findings.into_verdict())
}

/// Returns the value of a parameter, or `None` for 0.
fn count(stack: &Stack, parameter: &str) -> Option<u64> {
    stack
        .parameter(parameter)
        .parse()
        .ok()
        .filter(|count| *count > 0)
}

fn reserved(
    function: &Function<'_>,
    expected: Option<u64>,
    found: &Value,
    findings: &mut Findings,
) {
    let actual = found["ReservedConcurrentExecutions"].as_u64();
    match (actual, expected) {
        (Some(0), _) => findings.problem(format!(
            "{function} has a reserved concurrency of 0: Lambda rejects every invocation"
        )),
        (Some(actual), None) => findings.problem(format!(
            "{function} has a reserved concurrency of {actual}, which is also its maximum, \
             expected none"
        )),
        (actual, Some(expected)) if actual != Some(expected) => {
            let actual = actual.map_or_else(|| "none".to_owned(), |actual| actual.to_string());
            findings.problem(format!(
                "{function} has a reserved concurrency of {actual}, expected {expected} \
                 (LimiterReservedConcurrency)"
            ));
        }
        _ => {}
    }
}

fn provisioned(subject: &str, expected: u64, found: &Value, findings: &mut Findings) {
    let number = |name: &str| found[name].as_u64().unwrap_or_default();
    let requested = number("RequestedProvisionedConcurrentExecutions");
    if requested != expected {
        findings.problem(format!(
            "{subject} is {requested}, expected {expected} (AuthorizerProvisionedConcurrency)"
        ));
    }
    match text(&found["Status"]) {
        "READY" => findings.fact(format!("{subject} is ready")),
        "IN_PROGRESS" => {
            let allocated = number("AllocatedProvisionedConcurrentExecutions");
            findings.warning(format!(
                "{subject} is in progress, {allocated} of {requested} are allocated"
            ));
        }
        status => findings.problem(format!(
            "{subject} is {status}, expected READY: {}",
            text(&found["StatusReason"])
        )),
    }
}

fn unreserved(left: &Value, findings: &mut Findings) {
    match left.as_u64() {
        None => findings.unproven("the response has no concurrency of the account"),
        Some(left) if left < MIN_UNRESERVED => findings.warning(format!(
            "the account has {left} concurrent executions that are not reserved, expected at \
             least {MIN_UNRESERVED}: at most {left} requests are authorized at the same time"
        )),
        Some(left) => findings.fact(format!(
            "the account has {left} concurrent executions that are not reserved"
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const RESERVED: &str = "lambda.GET@~concurrency.json";
    const LIMITER: &str = "lambda.GET@LimiterFunction-AbCdEfGh~concurrency.json";
    const PROVISIONED: &str = "lambda.GET@~provisioned-concurrency.json";
    const ACCOUNT: &str = "lambda.GET@account-settings.json";
    const LIMITER_NAME: &str = "function tollgate-LimiterFunction-AbCdEfGh";
    const AUTHORIZER_NAME: &str = "function tollgate-AuthorizerFunction-AbCdEfGh:live";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    fn limiter(reserved: &str) -> Recorded {
        let body = format!("{{\"ReservedConcurrentExecutions\": {reserved}}}");
        Recorded::healthy().answering(LIMITER, body)
    }

    #[tokio::test]
    async fn default_concurrency_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok);
        assert_eq!(
            verdict.details,
            [
                "4 functions have the reserved concurrency of the parameters",
                "the account has 1000 concurrent executions that are not reserved"
            ]
        );
    }

    #[tokio::test]
    async fn reservation_of_the_parameter_passes_and_is_required() {
        let parameter = "LimiterReservedConcurrency";
        let result = verdict(limiter("20").with_parameter(parameter, "20")).await;
        assert_eq!(result.status, Status::Ok);

        let result = verdict(Recorded::healthy().with_parameter(parameter, "20")).await;
        assert_eq!(
            result,
            Verdict::failed(format!(
                "{LIMITER_NAME} has a reserved concurrency of none, expected 20 \
                 (LimiterReservedConcurrency)"
            ))
        );
    }

    #[tokio::test]
    async fn reservations_that_were_set_by_hand_fail() {
        assert_eq!(
            verdict(limiter("5")).await,
            Verdict::failed(format!(
                "{LIMITER_NAME} has a reserved concurrency of 5, which is also its maximum, \
                 expected none"
            ))
        );
        assert_eq!(
            verdict(limiter("0")).await,
            Verdict::failed(format!(
                "{LIMITER_NAME} has a reserved concurrency of 0: Lambda rejects every invocation"
            ))
        );
    }

    #[tokio::test]
    async fn provisioned_concurrency_passes_if_it_is_ready() {
        let recorded = Recorded::healthy().with_parameter("AuthorizerProvisionedConcurrency", "5");
        assert_eq!(verdict(recorded.clone()).await.status, Status::Ok);

        let failed = recorded.clone().with(PROVISIONED, |text| {
            text.replace(
                "\"READY\"",
                "\"FAILED\", \"StatusReason\": \"limit exceeded\"",
            )
        });
        assert_eq!(
            verdict(failed).await,
            Verdict::failed(format!(
                "{AUTHORIZER_NAME}: provisioned concurrency is FAILED, expected READY: limit \
                 exceeded"
            ))
        );

        let running = recorded.clone().with(PROVISIONED, |text| {
            text.replace("\"READY\"", "\"IN_PROGRESS\"")
        });
        assert_eq!(verdict(running).await.status, Status::Warning);
        let missing = verdict(recorded.missing(PROVISIONED)).await;
        assert_eq!(
            missing,
            Verdict::failed(format!(
                "{AUTHORIZER_NAME}: provisioned concurrency does not exist"
            ))
        );
    }

    #[tokio::test]
    async fn another_provisioned_concurrency_fails() {
        let recorded = Recorded::healthy().with_parameter("AuthorizerProvisionedConcurrency", "8");
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(format!(
                "{AUTHORIZER_NAME}: provisioned concurrency is 5, expected 8 \
                 (AuthorizerProvisionedConcurrency)"
            ))
        );
    }

    #[tokio::test]
    async fn new_account_needs_attention() {
        let recorded = Recorded::healthy().with(ACCOUNT, |text| {
            text.replace(
                "\"UnreservedConcurrentExecutions\": 1000",
                "\"UnreservedConcurrentExecutions\": 10",
            )
        });
        let verdict = verdict(recorded).await;
        assert_eq!(verdict.status, Status::Warning);
        assert!(verdict.details[0].starts_with("the account has 10 concurrent executions"));
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let result = verdict(Recorded::healthy().denied(ACCOUNT)).await;
        assert_eq!(result.status, Status::NotChecked);
        assert_eq!(
            result.details,
            [
                "needs lambda:GetAccountSettings",
                "apart from that: 4 functions have the reserved concurrency of the parameters"
            ]
        );
        let result = verdict(Recorded::healthy().denied(RESERVED)).await;
        assert_eq!(result.status, Status::NotChecked);
        assert_eq!(
            result.details,
            [
                "needs lambda:GetFunctionConcurrency",
                "apart from that: the account has 1000 concurrent executions that are not reserved"
            ]
        );
    }
}
