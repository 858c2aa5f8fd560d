//! The policy that the authorizer of a stack uses.

use admin_client::path;
use policy::stored_policy_name;

use super::Configuration;
use super::context::if_reached;
use super::documents::PolicyText;
use super::policies::{key_header, problem};
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

/// A value that CloudFormation does not show.
const HIDDEN: &str = "****";

const CHECK: Check = Check {
    id: "policy-in-force",
    group: Group::Configuration,
    title: "The policy in `AuthPolicy` exists and is valid",
    explanation: "If `AuthPolicy` is `table:NAME` and the policy does not exist or is invalid, \
                  new instances of the authorizer cannot start. Every request then fails with \
                  500. The same is true for an invalid policy in the parameter itself.",
    fix: "Write the policy with `tollgate policies set NAME --from FILE`, or correct `AuthPolicy` \
          and deploy.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let Some(stack) = configuration.stack() else {
        return Ok(Verdict::not_applicable(
            "AuthPolicy is known for a stack only",
        ));
    };
    let setting = stack.parameter("AuthPolicy");
    match setting.trim() {
        "" => {
            return Ok(Verdict::ok(
                "AuthPolicy is empty: the default policy is in force",
            ));
        }
        HIDDEN => return Ok(Verdict::not_proven("CloudFormation hides AuthPolicy")),
        _ => {}
    }

    let Some(name) = stored_policy_name(&setting) else {
        return Ok(inline(configuration, &setting));
    };
    let Some(document) = configuration.document(&path(&["policies", name])).await? else {
        return Ok(Verdict::failed(format!(
            "AuthPolicy is table:{name}, and policy {name} does not exist"
        )));
    };
    let policy = PolicyText {
        name: name.to_owned(),
        is_candidate: false,
        text: document.to_string(),
    };
    let problem = problem(&policy, &key_header(configuration), true);
    Ok(match problem {
        None => Verdict::ok(format!(
            "AuthPolicy is table:{name}, and policy {name} is valid"
        )),
        Some(problem) => Verdict::failed(problem),
    })
}

/// Checks a policy in the parameter. Its errors name fields, and never show a secret.
fn inline(configuration: &Configuration, text: &str) -> Verdict {
    let policy = PolicyText {
        name: String::new(),
        is_candidate: false,
        text: text.to_owned(),
    };
    match problem(&policy, &key_header(configuration), true) {
        None => Verdict::ok("the policy in AuthPolicy is valid"),
        Some(problem) => {
            let problem = problem.trim_start_matches("policy : ");
            Verdict::failed(format!("AuthPolicy: {problem}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::HttpReply;

    use super::*;
    use crate::configuration::tests::{Api, document, verdict};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    async fn checked(api: &Api, setting: &str) -> Verdict {
        let setting = setting.replace('"', "&quot;");
        let stack = Recorded::healthy()
            .with_parameter("AuthPolicy", &setting)
            .stack()
            .await;
        verdict(check(&api.configuration_of(stack).await).await)
    }

    #[tokio::test]
    async fn stored_and_inline_policies_pass() {
        let inline = r#"{"rules": [{"match": "ANY /{proxy+}", "auth": "api_key"}]}"#;
        for setting in ["table:main", "", inline] {
            let found = checked(&Api::healthy(), setting).await;
            assert_eq!(found.status, Status::Ok, "{setting}: {found:?}");
        }
    }

    #[tokio::test]
    async fn missing_policy_fails() {
        let missing = json!({"status": 404, "detail": "The policy does not exist."});
        let missing = HttpReply::text(404, "application/problem+json", &missing.to_string());
        let found = checked(&Api::with("policies/edge", missing), "table:edge").await;
        let problem = "AuthPolicy is table:edge, and policy edge does not exist";
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn invalid_policies_fail_with_their_field() {
        let invalid = json!({"rules": [{"match": "/a", "auth": "any"}]});
        let api = Api::healthy();
        api.replace("policies/main", document(&invalid));
        let stored = checked(&api, "table:main").await;
        assert_eq!(stored.status, Status::Failed);
        assert!(
            stored.details[0].starts_with("policy main: rules[0].match: "),
            "{stored:?}"
        );

        let inline = checked(&api, &invalid.to_string()).await;
        assert_eq!(inline.status, Status::Failed);
        assert!(
            inline.details[0].starts_with("AuthPolicy: rules[0].match: "),
            "{inline:?}"
        );
    }

    #[tokio::test]
    async fn hidden_policy_is_not_proven() {
        let found = checked(&Api::healthy(), "****").await;
        assert_eq!(found.status, Status::NotProven, "{found:?}");
    }

    #[tokio::test]
    async fn setting_without_a_stack_is_not_known() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await).await);
        assert_eq!(found.status, Status::NotApplicable, "{found:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let api = Api::healthy();
        let stack = Recorded::healthy()
            .with_parameter("AuthPolicy", "table:main")
            .stack()
            .await;
        let configuration = api.configuration_of(stack).await.denying("/policies/main");
        let found = verdict(check(&configuration).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
    }
}
