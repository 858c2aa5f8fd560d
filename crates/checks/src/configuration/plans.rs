//! The plans that policies and keys name.

use std::collections::BTreeMap;

use policy::named_plans;

use super::Configuration;
use super::context::if_reached;
use super::documents::{List, PlanState, Plans, Policies};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

/// The most keys that a detail names.
const MAX_NAMES: usize = 5;

const CHECK: Check = Check {
    id: "plans-exist",
    group: Group::Configuration,
    title: "Every plan that policies and keys name exists and is enabled",
    explanation: "A caller whose plan does not exist or is disabled is refused with 403, although \
                  its credentials are valid. Plans of stored policies, of their candidates, of the \
                  parameter `AuthPolicy` and of the first 10,000 keys are compared.",
    fix: "Create the plan with `tollgate plans create`, or enable it with `tollgate plans enable`. \
          Otherwise change the policy or the keys that name it.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let plans = configuration.plans().await?;
    let policies = configuration.policies().await?;
    let keys = configuration.keys().await?;
    let parameter = configuration
        .stack()
        .map(|stack| stack.parameter("AuthPolicy"));

    let mut uses = of_policies(policies);
    uses.extend(of_parameter(&parameter.unwrap_or_default()));
    uses.extend(of_keys(keys));
    Ok(decide(plans, &uses, policies, keys))
}

/// A plan that something names.
struct Use {
    plan: String,
    /// The object that names the plan, as the beginning of a sentence.
    place: String,
}

fn of_policies(policies: &Policies) -> Vec<Use> {
    let of_policy = |policy: &super::documents::PolicyText| {
        let label = policy.label();
        let named = policy.plans().into_iter();
        let uses = named.map(move |named| Use {
            plan: named.plan,
            place: format!("{label}: {} names", named.place),
        });
        uses.collect::<Vec<_>>()
    };
    policies.documents.iter().flat_map(of_policy).collect()
}

/// Returns the plans that a policy in the parameter `AuthPolicy` names.
fn of_parameter(policy: &str) -> Vec<Use> {
    let named = named_plans(policy).unwrap_or_default().into_iter();
    named
        .map(|named| Use {
            plan: named.plan,
            place: format!("parameter AuthPolicy: {} names", named.place),
        })
        .collect()
}

/// Returns one use for all keys of a plan.
fn of_keys(keys: &List) -> Vec<Use> {
    let mut by_plan: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in &keys.items {
        let ids = by_plan.entry(text(&key["plan"])).or_default();
        ids.push(text(&key["key_id"]));
    }
    by_plan
        .into_iter()
        .map(|(plan, ids)| Use {
            plan: plan.to_owned(),
            place: named_keys(&ids),
        })
        .collect()
}

/// Returns the subject and the verb of a sentence about keys.
fn named_keys(ids: &[&str]) -> String {
    match ids {
        [id] => format!("key {id} names"),
        _ if ids.len() <= MAX_NAMES => format!("keys {} name", ids.join(", ")),
        _ => {
            let names = ids.iter().take(MAX_NAMES).copied().collect::<Vec<_>>();
            let rest = ids.len() - MAX_NAMES;
            format!("keys {} and {rest} more name", names.join(", "))
        }
    }
}

fn decide(plans: &Plans, uses: &[Use], policies: &Policies, keys: &List) -> Verdict {
    let in_state = |state| {
        let found = uses
            .iter()
            .filter(move |used| plans.state(&used.plan) == state);
        found.collect::<Vec<_>>()
    };
    let sentence =
        |used: &Use, problem| format!("{} plan {}, which {problem}", used.place, used.plan);

    let missing = in_state(PlanState::Missing);
    let disabled = in_state(PlanState::Disabled);
    let mut details: Vec<String> = Vec::new();
    // A plan that was not read is not missing.
    if !plans.is_cut {
        details.extend(missing.iter().map(|used| sentence(used, "does not exist")));
    }
    let has_missing = !details.is_empty();
    details.extend(disabled.iter().map(|used| sentence(used, "is disabled")));

    let counts = format!(
        "{} plans, {} policies and candidates, {} keys",
        plans.count(),
        policies.documents.len(),
        keys.items.len()
    );
    let status = if has_missing {
        Status::Failed
    } else if !details.is_empty() {
        Status::Warning
    } else if plans.is_cut || policies.is_cut || keys.is_cut {
        details.push(format!("only {counts} were read, and there are more"));
        Status::NotProven
    } else {
        details.push(counts);
        Status::Ok
    };
    Verdict {
        status,
        details,
        fix: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::HttpReply;

    use super::*;
    use crate::configuration::tests::{Api, list, verdict};
    use crate::tests::recorded::Recorded;

    async fn checked(api: &Api) -> Verdict {
        verdict(check(&api.configuration().await).await)
    }

    fn policy(plan: &str) -> serde_json::Value {
        json!({"rules": [{"match": "GET /open", "auth": "none", "plan": plan, "limit_by": "ip"}]})
    }

    #[tokio::test]
    async fn plans_of_policies_candidates_and_keys_pass() {
        let found = checked(&Api::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
        let counts = "2 plans, 2 policies and candidates, 2 keys";
        assert_eq!(found.details, [counts]);
    }

    #[tokio::test]
    async fn missing_plans_of_keys_fail() {
        let keys = (0..7).map(|index| json!({"key_id": format!("k{index}"), "plan": "gold"}));
        let mut keys: Vec<_> = keys.collect();
        keys.push(json!({"key_id": "acme", "plan": "silver"}));
        let found = checked(&Api::with("keys", list(&keys))).await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "keys k0, k1, k2, k3, k4 and 2 more name plan gold, which does not exist",
                "key acme names plan silver, which does not exist",
            ]
        );
    }

    #[tokio::test]
    async fn missing_plans_of_a_policy_and_its_candidate_fail() {
        let api = Api::healthy();
        api.replace(
            "policies/main",
            HttpReply::json(200, &policy("gold")).header("etag", "\"1\""),
        );
        let candidate = HttpReply::json(200, &policy("silver")).header("etag", "\"1\"");
        api.replace("policies/main/candidate", candidate);
        let found = checked(&api).await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "policy main: rules[0].plan names plan gold, which does not exist",
                "candidate of policy main: rules[0].plan names plan silver, which does not exist",
            ]
        );
    }

    #[tokio::test]
    async fn disabled_plan_is_a_warning() {
        let plans = [
            json!({"name": "free", "plan": {"enabled": false}}),
            json!({"name": "pro", "plan": {}}),
        ];
        let found = checked(&Api::with("plans", list(&plans))).await;
        assert_eq!(found.status, Status::Warning, "{found:?}");
        assert!(
            found
                .details
                .contains(&"key a names plan free, which is disabled".to_owned())
        );
    }

    #[tokio::test]
    async fn missing_plan_of_the_parameter_fails() {
        let value = policy("gold").to_string().replace('"', "&quot;");
        let stack = Recorded::healthy()
            .with_parameter("AuthPolicy", &value)
            .stack()
            .await;
        let api = Api::healthy();
        let configuration = api.configuration_of(stack).await;
        let found = verdict(check(&configuration).await);
        assert_eq!(found.status, Status::Failed, "{found:?}");
        assert_eq!(
            found.details,
            ["parameter AuthPolicy: rules[0].plan names plan gold, which does not exist"]
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await.denying("/keys")).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
    }

    #[test]
    fn keys_that_were_not_read_are_not_claimed() {
        let keys = List {
            items: Vec::new(),
            is_cut: true,
        };
        let found = decide(&Plans::default(), &[], &Policies::default(), &keys);
        assert_eq!(found.status, Status::NotProven);
    }
}
