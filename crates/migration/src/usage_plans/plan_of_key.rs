//! The plan of a key that is in any number of usage plans.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::keys::PlanOfKey;
use super::limits::Limits;
use super::plans::ConvertedPlan;
use crate::names::Names;
use crate::{Findings, Origin};

/// The plans, and the ones that keys of several usage plans need.
pub(super) struct Plans {
    pub(super) by_id: BTreeMap<String, ConvertedPlan>,
    /// The plans that combine several usage plans, by the names of these.
    combined: BTreeMap<Vec<String>, (String, Limits)>,
    /// True if keys get a scope for each stage of their plan.
    has_scopes: bool,
    names: Names,
}

impl Plans {
    /// Returns the plans of usage plans. If `has_scopes`, keys get a scope for each stage.
    pub(super) const fn new(
        by_id: BTreeMap<String, ConvertedPlan>,
        has_scopes: bool,
        names: Names,
    ) -> Self {
        Self {
            by_id,
            combined: BTreeMap::new(),
            has_scopes,
            names,
        }
    }

    /// Returns the plan of a key in these usage plans. A plan without a stage counts only if the key
    /// has no other one.
    pub(super) fn of_key(
        &mut self,
        ids: &BTreeSet<&str>,
        origin: &Origin,
        findings: &mut Findings,
    ) -> Option<PlanOfKey> {
        let all: Vec<_> = ids.iter().filter_map(|id| self.by_id.get(*id)).collect();
        let (open, closed): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|plan| !plan.stages.is_empty());
        let scopes: BTreeSet<_> = open.iter().flat_map(|plan| &plan.stages).collect();
        let scopes = scopes.into_iter().filter(|_| self.has_scopes);
        let scopes = scopes.map(|stage| format!("stage:{stage}")).collect();

        let name = match (open.as_slice(), closed.first()) {
            ([], closed) => closed?.name.clone(),
            ([plan], _) => plan.name.clone(),
            _ => {
                let plans = open.into_iter().cloned().collect::<Vec<_>>();
                self.combination(&plans, origin, findings)
            }
        };
        Some(PlanOfKey { name, scopes })
    }

    /// Returns the plan that admits only what each of these plans admits.
    fn combination(
        &mut self,
        plans: &[ConvertedPlan],
        origin: &Origin,
        findings: &mut Findings,
    ) -> String {
        let parts: Vec<_> = plans.iter().map(|plan| plan.name.clone()).collect();
        let listed = parts.join("`, `");
        let text = format!(
            "it is in several usage plans. All of its calls count for the limits of each of `{listed}` together"
        );
        findings.stricter(origin, text);
        if let Some((name, _)) = self.combined.get(&parts) {
            return name.clone();
        }

        let mut limits = Limits::default();
        for plan in plans {
            limits.restrict(&plan.limits);
        }
        let what = Origin::new("all files", format!("the usage plans `{listed}` together"));
        for route in limits.cut_routes() {
            findings.laxer(
                &what,
                format!("the limit of `{route}`: a plan has at most 16 routes"),
            );
        }
        if limits.cut_quotas() > 0 {
            findings.laxer(&what, "quotas: a plan has at most 4 quotas");
        }

        let name = self.names.plan(&parts.join("-and-"), "combined");
        findings.became(&what, format!("plan `{name}`"));
        self.combined.insert(parts, (name.clone(), limits));
        name
    }

    /// Returns the documents of all plans, by name.
    pub(super) fn documents(&self) -> BTreeMap<String, Value> {
        let plans = self.by_id.values().map(|plan| {
            let is_enabled = !plan.stages.is_empty();
            (plan.name.clone(), plan.limits.to_json(is_enabled))
        });
        let combined = self.combined.values();
        let combined = combined.map(|(name, limits)| (name.clone(), limits.to_json(true)));
        plans.chain(combined).collect()
    }
}
