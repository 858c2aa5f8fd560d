//! Plans, policies and keys, as the admin API returns them.

use std::collections::BTreeMap;

use admin_client::path;
use policy::{NamedPlan, named_plans};
use serde_json::Value;

use super::Configuration;
use crate::aws::{Unread, text};

/// The items of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) items: Vec<Value>,
    /// True if there are more items than one run reads.
    pub(super) is_cut: bool,
}

/// The plans.
#[derive(Clone, Debug, Default)]
pub(super) struct Plans {
    /// The plans by name: true if enabled.
    enabled: BTreeMap<String, bool>,
    /// The items of the list.
    pub(super) items: Vec<Value>,
    /// True if there are more plans than one run reads.
    pub(super) is_cut: bool,
}

/// The stored policies and their candidates.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    pub(super) documents: Vec<PolicyText>,
    /// True if there are more policies than one run reads.
    pub(super) is_cut: bool,
}

/// A stored policy, or the candidate of one.
#[derive(Clone, Debug)]
pub(super) struct PolicyText {
    /// The name of the policy.
    pub(super) name: String,
    pub(super) is_candidate: bool,
    /// The document as JSON.
    pub(super) text: String,
}

/// The state of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlanState {
    Enabled,
    Disabled,
    Missing,
}

impl Plans {
    /// Returns the state of a plan.
    pub(super) fn state(&self, name: &str) -> PlanState {
        match self.enabled.get(name) {
            Some(true) => PlanState::Enabled,
            Some(false) => PlanState::Disabled,
            None => PlanState::Missing,
        }
    }

    /// Returns the number of plans.
    pub(super) fn count(&self) -> usize {
        self.enabled.len()
    }
}

impl PolicyText {
    /// Returns the policy for messages, such as `candidate of policy main`.
    pub(super) fn label(&self) -> String {
        let name = &self.name;
        if self.is_candidate {
            format!("candidate of policy {name}")
        } else {
            format!("policy {name}")
        }
    }

    /// Returns every plan that the policy names. An invalid policy names none.
    pub(super) fn plans(&self) -> Vec<NamedPlan> {
        named_plans(&self.text).unwrap_or_default()
    }
}

/// Returns the plans of a list.
pub(super) fn plans(list: List) -> Plans {
    let enabled = list.items.iter().map(|item| {
        let is_enabled = item["plan"]["enabled"] != false;
        (text(&item["name"]).to_owned(), is_enabled)
    });
    Plans {
        enabled: enabled.collect(),
        is_cut: list.is_cut,
        items: list.items,
    }
}

/// Reads the policies of a list and their candidates. One that was deleted since is left out.
pub(super) async fn policies(
    configuration: &Configuration,
    list: List,
) -> Result<Policies, Unread> {
    let mut policies = Policies {
        documents: Vec::new(),
        is_cut: list.is_cut,
    };
    for item in &list.items {
        let name = text(&item["name"]);
        let mut places = vec![(path(&["policies", name]), false)];
        if item["candidate"] == true {
            places.push((path(&["policies", name, "candidate"]), true));
        }
        for (path, is_candidate) in places {
            let document = configuration.document(&path).await?;
            policies
                .documents
                .extend(document.map(|document| PolicyText {
                    name: name.to_owned(),
                    is_candidate,
                    text: document.to_string(),
                }));
        }
    }
    Ok(policies)
}
