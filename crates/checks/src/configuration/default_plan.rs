//! The plan of tokens that name none.

use super::Configuration;
use super::context::if_reached;
use super::documents::{PlanState, Plans};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The default plan of the policy that the template makes for `JwtIssuer`.
const DEFAULT_PLAN: &str = "free";

const CHECK: Check = Check {
    id: "default-plan-exists",
    group: Group::Configuration,
    title: "Plan `free` exists for the tokens of `JwtIssuer`",
    explanation: "With the parameter `JwtIssuer`, a token without a plan is charged to the plan \
                  `free`. If it does not exist or is disabled, these tokens are refused with 403.",
    fix: "Create the plan with `tollgate plans create free`, or enable it.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let issuer = configuration
        .stack()
        .map(|stack| stack.parameter("JwtIssuer"));
    match issuer.unwrap_or_default().as_str() {
        "" => Ok(Verdict::not_applicable("no stack with JwtIssuer")),
        issuer => Ok(decide(configuration.plans().await?, issuer)),
    }
}

fn decide(plans: &Plans, issuer: &str) -> Verdict {
    match plans.state(DEFAULT_PLAN) {
        PlanState::Enabled => Verdict::ok(format!("plan {DEFAULT_PLAN} exists")),
        PlanState::Disabled => Verdict::failed(format!(
            "plan {DEFAULT_PLAN} is disabled: tokens of {issuer} without a plan are refused"
        )),
        PlanState::Missing if plans.is_cut => {
            Verdict::not_proven(format!("only {} plans were read", plans.count()))
        }
        PlanState::Missing => Verdict::failed(format!(
            "plan {DEFAULT_PLAN} does not exist: tokens of {issuer} without a plan are refused"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::configuration::tests::{Api, list, verdict};
    use crate::stack::Stack;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    async fn stack() -> Stack {
        let issuer = "https://auth.example.com";
        Recorded::healthy()
            .with_parameter("JwtIssuer", issuer)
            .stack()
            .await
    }

    #[tokio::test]
    async fn existing_plan_passes() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration_of(stack().await).await).await);
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn missing_and_disabled_plans_fail() {
        for (plans, problem) in [
            (vec![json!({"name": "pro", "plan": {}})], "does not exist"),
            (
                vec![json!({"name": "free", "plan": {"enabled": false}})],
                "is disabled",
            ),
        ] {
            let api = Api::with("plans", list(&plans));
            let found = verdict(check(&api.configuration_of(stack().await).await).await);
            assert_eq!(found.status, Status::Failed, "{found:?}");
            assert!(found.details[0].contains(problem), "{found:?}");
        }
    }

    #[tokio::test]
    async fn stack_without_an_issuer_needs_no_plan() {
        let api = Api::with("plans", list(&[]));
        let stack = Recorded::healthy()
            .with_parameter("JwtIssuer", "")
            .stack()
            .await;
        let found = verdict(check(&api.configuration_of(stack).await).await);
        assert_eq!(found.status, Status::NotApplicable, "{found:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let api = Api::healthy();
        let configuration = api.configuration_of(stack().await).await.denying("/plans");
        let found = verdict(check(&configuration).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
    }
}
