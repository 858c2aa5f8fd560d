//! Temporary plans and keys that earlier runs could not delete.

use jiff::Timestamp;
use serde_json::Value;

use super::Configuration;
use super::context::if_reached;
use super::documents::List;
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::requests::{is_leftover, is_recent};
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

const CHECK: Check = Check {
    id: "leftovers",
    group: Group::Configuration,
    title: "No temporary plans and keys of earlier runs are left",
    explanation: "The group `requests` creates a temporary plan and a temporary key. A run that \
                  lost its connection or was killed cannot delete them. The key expires by itself \
                  after 15 minutes, so it admits no requests, but both remain in the lists. \
                  Those that are younger than 20 minutes may belong to a run in progress.",
    fix: "Run `tollgate check --only requests`, which deletes them, or delete the key and then the \
          plan with `tollgate keys delete` and `tollgate plans delete`.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let now = configuration.now();
    let plans = configuration.plans().await?;
    let keys = configuration.keys().await?;

    let named = |is_meant: fn(&Value, &str, Timestamp) -> bool, state: &str| {
        let lists = [
            ("plan", "name", &plans.items),
            ("key", "key_id", &keys.items),
        ];
        let mut details = Vec::new();
        for (kind, field, items) in lists {
            let meant = items.iter();
            let meant = meant.filter(|it| is_meant(it, text(&it[field]), now));
            details.extend(meant.map(|it| format!("{kind} {} {state}", text(&it[field]))));
        }
        details
    };
    let mut verdict = decide(
        named(is_leftover, "is of an earlier run"),
        plans.is_cut,
        keys,
    );
    verdict.details.extend(named(
        is_recent,
        "is less than 20 minutes old: its run is going on, or was killed",
    ));
    Ok(verdict)
}

fn decide(mut details: Vec<String>, are_plans_cut: bool, keys: &List) -> Verdict {
    let status = if !details.is_empty() {
        Status::Warning
    } else if are_plans_cut || keys.is_cut {
        details.push(format!("only {} keys were read", keys.items.len()));
        Status::NotProven
    } else {
        details.push("no plan or key of an earlier run".to_owned());
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

    use super::*;
    use crate::configuration::tests::{Api, list, verdict};

    const OLD: &str = "check-20261129t180000-abababababababab";
    /// Two minutes before the instant of the tests.
    const RUNNING: &str = "check-20261129t195800-abababababababab";

    async fn checked(api: &Api) -> Verdict {
        verdict(check(&api.configuration().await).await)
    }

    #[tokio::test]
    async fn api_without_leftovers_passes() {
        let found = checked(&Api::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn plans_and_keys_of_earlier_runs_are_named() {
        let own = |name: &str| json!({"name": name, "managed_by": "check", "plan": {}});
        let api = Api::with("plans", list(&[own(OLD), own(RUNNING)]));
        let key = json!({"key_id": OLD, "plan": OLD, "managed_by": "check"});
        api.replace("keys", list(&[key]));
        let found = checked(&api).await;
        assert_eq!(found.status, Status::Warning);
        assert_eq!(
            found.details,
            [
                format!("plan {OLD} is of an earlier run"),
                format!("key {OLD} is of an earlier run"),
                format!(
                    "plan {RUNNING} is less than 20 minutes old: its run is going on, or was killed"
                ),
            ]
        );
    }

    #[tokio::test]
    async fn plans_of_other_programs_are_not_leftovers() {
        let plans = [
            json!({"name": OLD, "plan": {}}),
            json!({"name": OLD, "managed_by": "apply", "plan": {}}),
            json!({"name": "check-2", "managed_by": "check", "plan": {}}),
        ];
        let found = checked(&Api::with("plans", list(&plans))).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await.denying("/keys")).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
    }
}
