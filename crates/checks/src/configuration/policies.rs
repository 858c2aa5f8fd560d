//! The stored policies and their candidates.

use jiff::{SignedDuration, Timestamp};
use policy::{FUNCTION_NAME, KeyHeader, Policy, UNREAD_SECRET};
use serde_json::Value;

use super::Configuration;
use super::context::if_reached;
use super::documents::PolicyText;
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

/// The age from which a candidate is forgotten rather than observed.
const MAX_CANDIDATE_AGE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The action of audit records of new candidates.
const CANDIDATE_WRITTEN: &str = "candidate.put";

const CHECK: Check = Check {
    id: "policies-valid",
    group: Group::Configuration,
    title: "Stored policies are valid, and no candidate is forgotten",
    explanation: "A policy that was valid in an earlier release can be invalid in this one. The \
                  authorizer then keeps the previous policy, and new instances refuse every \
                  request. A candidate is only evaluated and has no effect, which is easy to \
                  forget.",
    fix: "Write a valid policy with `tollgate policies set`. Put a candidate in force with \
          `tollgate policies promote`, or delete it with `tollgate policies candidate delete`.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let policies = configuration.policies().await?;
    let key_header = key_header(configuration);
    let is_deployed = configuration.stack().is_some();
    let problem = |policy: &PolicyText| problem(policy, &key_header, is_deployed);
    let problems: Vec<String> = policies.documents.iter().filter_map(problem).collect();
    if !problems.is_empty() {
        return Ok(Verdict::of_problems(problems, ""));
    }

    let mut details = Vec::new();
    let candidates = policies.documents.iter().filter(|it| it.is_candidate);
    for candidate in candidates {
        details.extend(forgotten(configuration, &candidate.name).await?);
    }
    let status = if !details.is_empty() {
        Status::Warning
    } else if policies.is_cut {
        Status::NotProven
    } else {
        Status::Ok
    };
    details.push(format!(
        "{} policies and candidates are valid",
        policies.documents.len()
    ));
    Ok(Verdict {
        status,
        details,
        fix: None,
    })
}

/// Returns the header with API keys, which a policy must not use for another purpose.
pub(super) fn key_header(configuration: &Configuration) -> KeyHeader {
    let name = configuration
        .stack()
        .map(|stack| stack.parameter("KeyHeader"));
    KeyHeader::from_setting(name).unwrap_or_default()
}

/// Returns the problem of a policy as the authorizer reads it. Secrets count as present, because they
/// are in the environment of the authorizer.
pub(super) fn problem(
    policy: &PolicyText,
    key_header: &KeyHeader,
    is_deployed: bool,
) -> Option<String> {
    let variable = |name: &str| match name {
        FUNCTION_NAME if !is_deployed => None,
        _ => Some(UNREAD_SECRET.to_owned()),
    };
    let error = Policy::parse_stored(&policy.text, key_header, &variable).err()?;
    Some(format!("{}: {}", policy.label(), error.without_position()))
}

/// Returns a warning for a candidate that was written long ago. Without the audit records, its age is
/// not known.
async fn forgotten(configuration: &Configuration, name: &str) -> Result<Option<String>, Unread> {
    let since = configuration.now() - MAX_CANDIDATE_AGE;
    let since_text = since.to_string();
    let query = [("target", name), ("from", since_text.as_str())];
    let records = match configuration.audit(&query).await {
        Ok(records) => records,
        Err(Unread::Denied { .. }) => return Ok(None),
        Err(reason) => return Err(reason),
    };

    let is_recent = records
        .iter()
        .any(|record| is_candidate_since(record, since));
    let days = MAX_CANDIDATE_AGE.as_hours() / 24;
    let warning = format!("candidate of policy {name} was written more than {days} days ago");
    Ok((!is_recent).then_some(warning))
}

fn is_candidate_since(record: &Value, since: Timestamp) -> bool {
    let at = record["at"]
        .as_str()
        .and_then(|at| at.parse::<Timestamp>().ok());
    record["action"] == CANDIDATE_WRITTEN && at.is_some_and(|at| at >= since)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::configuration::tests::{Api, document, list, verdict};

    async fn checked(api: &Api) -> Verdict {
        verdict(check(&api.configuration().await).await)
    }

    #[tokio::test]
    async fn valid_policies_pass() {
        let found = checked(&Api::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn every_invalid_policy_is_named_with_its_field() {
        let api = Api::healthy();
        api.replace(
            "policies/main",
            document(&json!({"rules": [{"match": "/a", "auth": "any"}]})),
        );
        api.replace("policies/main/candidate", document(&json!({"rules": 7})));
        let found = checked(&api).await;
        assert_eq!(found.status, Status::Failed, "{found:?}");
        let [policy, candidate] = found.details.as_slice() else {
            panic!("{found:?}")
        };
        assert!(
            policy.starts_with("policy main: rules[0].match: "),
            "{policy}"
        );
        assert!(
            candidate.starts_with("candidate of policy main: rules"),
            "{candidate}"
        );
    }

    #[tokio::test]
    async fn forgotten_candidate_is_a_warning() {
        let old = json!({"at": "2026-10-01T00:00:00Z", "action": "candidate.put"});
        let other = json!({"at": "2026-11-28T00:00:00Z", "action": "policy.put"});
        for records in [&[][..], &[old, other]] {
            let found = checked(&Api::with("audit", list(records))).await;
            assert_eq!(found.status, Status::Warning, "{found:?}");
            let age = "candidate of policy main was written more than 14 days ago";
            assert_eq!(found.details[0], age);
        }
    }

    #[tokio::test]
    async fn age_of_a_candidate_is_optional() {
        let configuration = Api::healthy().configuration().await.denying("/audit");
        let found = verdict(check(&configuration).await);
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await.denying("/policies")).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
    }
}
